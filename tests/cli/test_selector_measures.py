"""`panda-hf selector measure`, `calibrate` and `curve` as a user meets them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from panda_hf.cli import app
from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.selection.scorer import load_scorer
from tests.models.umt_sizes import tiny_config, tiny_model, tiny_processor
from tests.selection.answered import coloured, rows_of, table
from tests.selection.test_rerank import whole_model

COUNT = 24


@pytest.fixture(scope="module")
def selector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    UMTForVideoTextRetrieval(tiny_config(fusion_layers=2, initializer_range=0.3)).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, of whom the second finds everything bad on every fourth clip."""
    rows = rows_of(COUNT, people=2)
    for i in range(0, COUNT, 4):
        rows[2 * i + 1]["picked"] = []
    path = tmp_path_factory.mktemp("answers") / "answers.parquet"
    table(rows).to_parquet(path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["selector", *map(str, arguments)])


def right(selector: Path) -> tuple[int, list[float]]:
    """How many clips of the answers the selector chooses the right colour for, and its best scores."""
    scorer, rows = load_scorer(str(selector), None, None, None), rows_of(COUNT)
    hits, best = 0, []
    for i, row in enumerate(rows):
        scores = scorer(coloured(i), [c["caption"] for c in row["candidates"]])
        hits += scores.index(max(scores)) == row["picked"][0]
        best.append(max(scores))
    return hits, best


def test_measures_are_printed_and_written(selector: Path, answers: Path, tmp_path: Path) -> None:
    result = run("measure", answers, "--selector", f"tiny={selector}", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "selection.json").read_text())
    hits, _ = right(selector)
    assert record["figures"]["tiny: recall at 1 against any annotator"]["value"] == pytest.approx(hits / COUNT)
    assert record["figures"]["annotator against another"] == {"value": 1.0, "low": 1.0, "high": 1.0, "clips": 18}
    assert record["figures"]["chance"]["value"] == pytest.approx(1 / 3)
    assert record["figures"]["answers that found all bad"]["value"] == pytest.approx(6 / 48)
    assert "24 clips, 48 answers" in result.stdout and (tmp_path / "selective_rate.png").stat().st_size > 5000
    assert sum(record["selective_rate"]["tiny"].values()) == pytest.approx(1)


def test_the_head_can_be_measured_and_a_selector_without_one_is_refused(
    selector: Path, answers: Path, tmp_path: Path
) -> None:
    assert run("measure", answers, "--selector", selector, "--rerank", "--out", tmp_path).exit_code == 0
    tiny_model().save_pretrained(tmp_path / "towers")
    refused = run("measure", answers, "--selector", tmp_path / "towers", "--rerank", "--out", tmp_path)
    assert refused.exit_code == 1 and "without matching head" in refused.stderr


def test_a_threshold_is_found(selector: Path, answers: Path, tmp_path: Path) -> None:
    hits, best = right(selector)
    share = hits / COUNT
    command = ["calibrate", answers, "--selector", selector, "--precision", f"{share - 0.01:.3f}"]
    result = run(*command, "--out", tmp_path / "t.json")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "t.json").read_text())
    assert record["min_score"] == pytest.approx(min(best), abs=1e-5)  # all are kept: their share is enough
    assert record["kept"] == 1.0 and record["precision"] == pytest.approx(share)
    assert "min_score" in result.stdout and "same clips" in result.stdout


def test_answers_without_pictures_say_what_is_missing(selector: Path, tmp_path: Path) -> None:
    table(rows_of(4)).remove_columns("frames").to_parquet(tmp_path / "bare.parquet")
    bare = tmp_path / "bare.parquet"
    refused = run("calibrate", bare, "--selector", selector, "--precision", "0.5")
    assert refused.exit_code == 1 and "4 of 4 clips have no pictures" in refused.stderr
    clips = tmp_path / "clips.parquet"
    table(rows_of(4)).select_columns(["clip_id", "frames"]).to_parquet(clips)
    found = run("measure", bare, "--clips", clips, "--selector", selector, "--out", tmp_path)
    assert found.exit_code == 0, found.output


def test_the_learning_curve_rises_and_says_so(tmp_path: Path) -> None:
    selector = tmp_path / "start"
    whole_model().save_pretrained(selector)
    tiny_processor().save_pretrained(selector)
    table(rows_of(60)).to_parquet(tmp_path / "a.parquet")
    result = run(
        "curve", tmp_path / "a.parquet", "--from", selector, "--sizes", "4,40", "--seeds", "2", "--steps", "80",
        "--learning-rate", "1e-2", "--batch-size", "8", "--crop", "0.9", "--out", tmp_path / "curve",
    )  # fmt: skip
    assert result.exit_code == 0, result.output + str(result.exception)
    with open(tmp_path / "curve" / "learning_curve.csv", newline="") as file:
        rows = [(int(r["labels"]), int(r["seed"]), float(r["recall_at_1"])) for r in csv.DictReader(file)]
    assert [row[:2] for row in rows] == [(n, s) for n in (0, 4, 40) for s in (0, 1)]
    means = {n: sum(r for m, _, r in rows if m == n) / 2 for n in (0, 4, 40)}
    assert means[40] >= 0.7 and means[40] > means[0] + 0.2  # chance is a third
    assert re.search(r"From 4 to 40 labels recall at 1 went from", result.stdout)
    assert (tmp_path / "curve" / "learning_curve.png").stat().st_size > 5000


def test_sizes_that_are_no_numbers_are_refused(selector: Path, answers: Path) -> None:
    refused = run("curve", answers, "--from", selector, "--sizes", "ten")
    assert refused.exit_code == 1 and "--sizes 'ten'" in refused.stderr
