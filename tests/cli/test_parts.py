"""`panda-hf curate --shard`, `status`, `merge`, `retry`, `extend`: what they print and leave."""

from __future__ import annotations

import errno
import importlib
import json
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import typer
from datasets import load_dataset
from typer.testing import CliRunner, Result

from panda_hf import Caption, Select, explode_clips
from panda_hf.cli import app
from panda_hf.cli.errors import of_the_disk
from panda_hf.cli.redo import changes_of, condition
from panda_hf.running.manifest import TIME_FORMAT, Manifest, head_record
from panda_hf.running.plan import description
from tests.cli.fakes import SplitByName

ROOT = Path(__file__).parents[2]
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


def test_a_run_without_parts_is_merged_only_when_it_is_finished(videos: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ("--workers", 0, "--videos-per-shard", 1)
    assert called("curate", videos, "--out", out, *options).exit_code == 0
    books = out / "manifest.jsonl"
    lines = books.read_text().splitlines(keepends=True)
    books.write_text("".join(lines[:3]))  # the head and two shards, as after a kill
    (out / "report.html").unlink()
    for more in ((), ("--into", tmp_path / "here")):
        result = called("merge", out, *more)
        assert result.exit_code == 1 and "is not finished: 2 of 4 videos are committed" in result.stderr
        assert not (out / "report.html").exists() and not (tmp_path / "here").exists()
    assert called("curate", videos, "--out", out, *options).exit_code == 0
    assert called("merge", out, "--into", tmp_path / "here").exit_code == 0
    assert load_dataset(str(tmp_path / "here"), split="train")["clip_id"][:] == ["a.0", "a.1", "b.0", "b.1"]


def test_a_merge_into_a_folder_that_holds_something_else_is_refused(videos: Path, tmp_path: Path) -> None:
    for shard in ("0/2", "1/2"):
        assert part(videos, tmp_path / "out", shard).exit_code == 0
    foreign, other = tmp_path / "foreign", tmp_path / "other"
    foreign.mkdir()
    (foreign / "README.md").write_text("my thesis")
    result = called("merge", tmp_path / "out", "--into", foreign)
    assert result.exit_code == 1 and "it holds ['README.md']" in result.stderr
    assert [path.name for path in foreign.iterdir()] == ["README.md"]
    assert called("curate", videos, "--out", other, "--workers", 0).exit_code == 0
    result = called("merge", tmp_path / "out", "--into", other)
    assert result.exit_code == 1 and "holds another dataset" in result.stderr
    for _ in range(2):  # the second finds it there
        assert called("merge", tmp_path / "out", "--into", tmp_path / "here").exit_code == 0
    (tmp_path / "here" / "manifest.jsonl").unlink()  # as a merge that was interrupted leaves it, and its report
    (tmp_path / "here" / "report.html").unlink()
    assert called("merge", tmp_path / "out", "--into", tmp_path / "here").exit_code == 0


def test_status_says_how_long_ago_a_worker_spoke_and_leaves_out_who_is_silent(videos: Path, tmp_path: Path) -> None:
    assert part(videos, tmp_path / "out", "0/2").exit_code == 0
    (sign,) = (tmp_path / "out" / "unmerged" / "workers").glob("*.json")
    said = json.loads(sign.read_text()) | {"through": False}
    for ago, shown in ((30, True), (200, False)):
        then = time.strftime(TIME_FORMAT, time.gmtime(time.time() - ago))
        sign.write_text(json.dumps({**said, "said": then}))
        lines = [line for line in called("status", tmp_path / "out").stdout.splitlines() if line.startswith("worker")]
        assert len(lines) == shown
        assert all(ago <= int(re.findall(r"said (\d+) s ago", line)[0]) < ago + 60 for line in lines)


def written_with_a_limit(size: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process that may write no file larger than so many bytes."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
        "import importlib; from panda_hf import explode_clips; from panda_hf.cli import main; "
        "from tests.cli.fakes import SplitByName; module = importlib.import_module('panda_hf.cli.curate'); "
        "module.chosen_steps = lambda *_, **__: [SplitByName(), explode_clips]; main()"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_the_disk_refuses_is_told_in_one_line_and_the_same_command_goes_on(
    videos: Path, tmp_path: Path, workers: int
) -> None:
    arguments = ("curate", videos, "--out", tmp_path / "out", "--workers", workers)
    result = written_with_a_limit(3000, *arguments)
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and str(tmp_path / "out") in last and "File too large" in last
    assert "the same command again" in last
    assert called(*arguments).exit_code == 0


def test_a_report_for_which_there_is_no_room_is_told_in_one_line(videos: Path, tmp_path: Path) -> None:
    assert part(videos, tmp_path / "out", "0/1").exit_code == 0
    result = written_with_a_limit(12_000, "merge", tmp_path / "out")
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    assert "Dataset: " in result.stdout and "File too large. Make room" in result.stderr
    assert str(tmp_path / "out") in result.stderr
    assert called("merge", tmp_path / "out").exit_code == 0


def test_only_errors_about_files_are_told_without_traceback() -> None:
    assert of_the_disk(OSError(errno.EROFS, "Read-only file system", "/x/y")) == (
        "/x/y: Read-only file system. Make it writable, or give another folder; then the same command again"
    )
    assert "Make room" in (of_the_disk(OSError(errno.ENOSPC, "No space left on device")) or "")
    assert of_the_disk(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert of_the_disk(OSError("something")) is None


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
