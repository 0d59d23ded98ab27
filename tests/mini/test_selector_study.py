"""The figures of the selector's training: who chose what, gains over seeds, and what is printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from panda_hf.mini.selector_course import Held, People, Tuned
from panda_hf.mini.selector_recall import Recall
from panda_hf.mini.selector_study import BEFORE, WITH, WITHOUT, Study, as_text, study
from panda_hf.selection.plots import plot_recalls


def _recall(one: float) -> Recall:
    return Recall(one, one + 0.2, one - 0.1, one + 0.1)


STUDY = Study(
    clips=200,
    recalls={
        BEFORE: [_recall(0.20), _recall(0.24)],
        WITHOUT: [_recall(0.25), _recall(0.27)],
        WITH: [_recall(0.30), _recall(0.40)],
    },
    chance=0.17,
    people_one=0.45,
    people_any=0.75,
    all_bad=0.121,
)


def test_gains_are_taken_seed_by_seed() -> None:
    assert STUDY.gain() == (pytest.approx(0.13), pytest.approx(np.std([0.10, 0.16], ddof=1)))
    assert STUDY.gain(WITHOUT)[0] == pytest.approx(0.09)
    assert STUDY.figure(WITH, "any") == (pytest.approx(0.55), pytest.approx(np.std([0.5, 0.6], ddof=1)))


def test_one_seed_has_no_spread() -> None:
    single = Study(**{**vars(STUDY), "recalls": {name: row[:1] for name, row in STUDY.recalls.items()}})
    assert single.gain() == (pytest.approx(0.10), None) and "±" not in as_text(single)


def test_the_table_names_every_model_people_and_chance() -> None:
    lines = as_text(STUDY).splitlines()
    assert lines[0] == "200 held-aside clips, 2 seed(s), 12.1 % of answers found all bad"
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert [row[0] for row in table[2:]] == [BEFORE, WITHOUT, WITH, "an annotator", "chance"]
    assert table[4][1:3] == ["35.0 ± 7.1", "55.0 ± 7.1"] and len({len(row) for row in table}) == 1
    assert "13.0 ± 4.2 points" in lines[-1]


def test_a_study_is_put_together_from_what_the_processes_found() -> None:
    people = [People(clips, 0.17, 0.45, 0.75, 0.1) for clips in (200, 203)]
    held = Held(
        notes={},
        tuned=[
            Tuned(seed, hard, _recall(one), {})
            for seed, hard, one in ((0, True, 0.3), (1, True, 0.4), (0, False, 0.25), (1, False, 0.27))
        ],
        before={0: (_recall(0.20), people[0]), 1: (_recall(0.24), people[1])},
    )
    found = study(held)
    assert found.recalls == STUDY.recalls and found.clips == 202
    assert (found.chance, found.people_one, found.people_any) == pytest.approx((0.17, 0.45, 0.75))


def test_the_plot_is_a_picture(tmp_path: Any) -> None:
    recalls = {name: [one.one for one in row] for name, row in STUDY.recalls.items()}
    plotted = plot_recalls(recalls, tmp_path / "new" / "recall.png", human=0.45, chance=0.17)
    assert plotted.read_bytes().startswith(b"\x89PNG") and plotted.stat().st_size > 5_000
