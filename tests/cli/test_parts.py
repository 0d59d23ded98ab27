"""`panda-hf curate --shard`, `status`, `merge`, `retry`, `extend`: what they print and leave."""

from __future__ import annotations

import importlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import typer
from datasets import load_dataset
from typer.testing import CliRunner, Result

from panda_hf import Caption, Select, explode_clips
from panda_hf.cli import app
from panda_hf.cli.redo import changes_of, condition
from panda_hf.running.manifest import Manifest, head_record
from panda_hf.running.plan import description
from tests.cli.fakes import SplitByName

curate_module = importlib.import_module("panda_hf.cli.curate")


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate_module, "chosen_steps", lambda *_, **__: [SplitByName(), explode_clips])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "broken.mp4", "still.mp4"):
        (folder / name).write_bytes(b"not decoded")
    return folder


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def part(videos: Path, out: object, shard: str) -> Result:
    options = ("--workers", 0, "--videos-per-shard", 1, "--shard", shard)
    return called("curate", videos, "--out", out, *options)


def test_parts_are_curated_looked_at_and_merged(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = part(videos, out, "0/2")
    assert first.exit_code == 0, first.output
    assert f"Part 0/2 is through. When all are: panda-hf merge {out}" in first.stdout
    seen = called("status", out, "--json", tmp_path / "status.json").stdout
    assert "shards   2 of 4 committed; the first that is missing is 1" in seen
    assert "videos   2 of 4: 1 kept, 0 filtered, 1 failed" in seen and "through  the parts 0/2" in seen
    assert json.loads((tmp_path / "status.json").read_text())["missing"] == [1, 3]
    early = called("merge", out)
    assert early.exit_code == 1 and "lacks shards (2: 1, 3)" in early.stderr
    assert part(videos, out, "1/2").exit_code == 0
    merged = called("merge", out, "--license", "cc0-1.0")
    assert merged.exit_code == 0, merged.output
    assert "4 videos in = 2 kept + 1 filtered + 1 failed" in merged.stdout and (out / "report.html").exists()
    assert load_dataset(str(out), split="train")["clip_id"][:] == ["a.0", "a.1", "b.0", "b.1"]
    assert "finished" in called("status", out).stdout.splitlines()[0]


def test_an_output_behind_an_address_is_merged_by_the_run_itself(videos: Path, tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    result = called("curate", videos, "--out", url, "--workers", 0, "--scratch", tmp_path / "scratch")
    assert result.exit_code == 0 and f"Dataset: {url}" in result.stdout, result.output
    assert called("merge", url, "--into", tmp_path / "here").exit_code == 0
    assert "finished" in called("status", url).stdout.splitlines()[0]


@pytest.mark.parametrize("wrong", ["2/2", "1", "x/y"])
def test_a_part_that_cannot_be_is_wrong_usage(videos: Path, tmp_path: Path, wrong: str) -> None:
    result = part(videos, tmp_path / "out", wrong)
    assert result.exit_code == 2 and "--shard" in result.stderr


def test_where_there_is_no_run_that_is_said(tmp_path: Path) -> None:
    for command in (["status"], ["merge"], ["retry"], ["extend", "--min-score", "0.1"]):
        result = called(*command, tmp_path)
        assert result.exit_code == 1 and result.stderr.startswith("Error: "), result.output


def test_retry_makes_the_steps_again_from_the_manifest(videos: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The steps of this run are none of the package's, so the command says what to do."""
    assert called("curate", videos, "--out", tmp_path / "out", "--workers", 0).exit_code == 0
    result = called("retry", tmp_path / "out", "--errors")
    assert result.exit_code == 1 and "give the steps from Python" in result.stderr


def test_a_new_teacher_brings_a_selection_that_knows_it(tmp_path: Path) -> None:
    old = [explode_clips, Caption(teacher="mini_image"), Select(teachers=("mini_image",), min_score=0.2, revision="a")]
    head = head_record([description(step) for step in old], {}, "x", 1, None)
    Manifest.create(tmp_path / "manifest.jsonl", head)
    new = Caption(teacher="mini_video")
    both = Select(teachers=("mini_image", "mini_video"), min_score=0.2, revision="a")
    assert changes_of(tmp_path, [new], {}) == [new, both]
    other = Select(teachers=("mini_image",), min_score=0.2, selector="my/umt")
    assert changes_of(tmp_path, [], {"selector": "my/umt"}) == [other]
    with pytest.raises(typer.BadParameter, match="nothing is asked for"):
        changes_of(tmp_path, [], {})


def test_conditions_hold_together() -> None:
    row = {"caption": "a red car", "matching_score": 0.25, "caption_teacher": "x"}
    for options, holds in {
        (4, None, None): True,
        (3, None, None): False,
        (4, 0.3, ("x", "y")): True,
        (4, 0.2, None): False,
        (None, None, ("y",)): False,
    }.items():
        test, words = condition(*options)
        assert test is not None and words and test(row) is holds
    assert condition(4, 0.3, ("x",))[1] == "fewer than 4 words and score below 0.3 and chosen from x"
    assert condition(None, None, None) == (None, None)
    test, _ = condition(4, None, None)
    assert test is not None and test({**row, "caption": None})
