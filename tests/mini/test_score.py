"""The figures of teachers and selector, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.mini import score
from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.mini.truth import canonical_caption, score_caption
from panda_hf.mini.world import Scene, Thing


def scene(**more) -> Scene:
    return Scene(Thing("ball", "red"), "spins", "sea", 0.0, 4.0, look=1, **more)


SCENES = [scene(), scene(name="kiki")]
TRUE = [canonical_caption(s) for s in SCENES]


def test_the_oracle_takes_the_better_caption_of_each_clip():
    lines = score.score_captions({"a": [TRUE[0], "a blue cube"], "b": ["a blue cube", TRUE[1]]}, SCENES)
    assert lines["oracle"].f1 == 1.0
    assert lines["a"].f1 == lines["b"].f1 == lines["random"].f1 == 0.5
    assert lines["a"].best == lines["b"].best == 0.5
    assert lines["a"].good == 0.5 and lines["oracle"].good == 1.0


def test_the_choice_of_the_selector_has_its_own_line():
    lines = score.score_captions({"a": TRUE, "b": ["", ""]}, SCENES, chosen=[TRUE[0], ""])
    assert lines["selector"].f1 == 0.5
    assert lines["selector"].by_need == {"video": 1.0, "text": 0.0}


def test_a_caption_that_was_not_written_scores_nothing():
    lines = score.score_captions({"a": [None, TRUE[1]]}, SCENES)
    assert lines["a"].recall == 0.5


def test_a_good_caption_states_nothing_false_and_most_of_the_truth():
    short = "a red ball"
    parts = score_caption(short, SCENES[0])
    assert not parts.wrong and parts.recall == pytest.approx(2 / 4)  # shape and colour, not action and sea
    lines = score.score_captions({"a": [short, short]}, SCENES)
    assert lines["a"].good == 0.0 and lines["a"].precision == 1.0


def test_equals_share_a_clip():
    f1 = np.array([[1.0, 0.5, 0.3], [1.0, 0.2, 0.9], [0.1, 0.5, 0.9]])
    # Clip by clip the best are {a, b}, {a, c}, {b, c}: each has two halves of three clips.
    assert score.best_shares(f1).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_the_table_names_every_line_and_counts_the_clips():
    table = score.as_table(score.score_captions({"a": TRUE}, SCENES, chosen=TRUE), 2).splitlines()
    assert table[0].startswith("2 clips")
    assert [line.split("|")[1].strip() for line in table[3:]] == ["a", "random", "selector", "oracle"]
    assert "0.000" not in table[3]


def test_a_clip_row_per_scene_lies_inside_its_scene_and_off_the_transitions(tmp_path):
    film = make_film(3, "test", scenes=4)
    pairs = score.clip_rows_of(write_film(film, tmp_path))
    assert [truth for _, truth in pairs] == list(film.scenes)
    for row, truth in pairs:
        assert truth.start < row["start"] < row["end"] < truth.end
        assert all(row["end"] <= t.start or row["start"] >= t.end for t in film.transitions)
