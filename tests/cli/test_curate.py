"""`panda-hf curate`: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner, Result

from panda_hf import explode_clips, panda_70m
from panda_hf.cli import app, curate_options
from panda_hf.selection import Select
from panda_hf.splitting import Split, SplitSettings
from tests.cli.fakes import SplitByName

curate_module = importlib.import_module("panda_hf.cli.curate")
runner = CliRunner()


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate_module, "chosen_steps", lambda *_, **__: [SplitByName(), explode_clips])


def folder_of(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"not decoded")
    return folder


def curated(*arguments: object) -> Result:
    return runner.invoke(app, ["curate", "--workers", "0", *map(str, arguments)])


def test_a_run_is_summed_up_and_can_be_loaded_as_printed(tmp_path: Path) -> None:
    videos, out = folder_of(tmp_path, "a.mp4", "b.mp4", "still.mp4", "broken.mp4"), tmp_path / "out"
    result = curated(videos, "--out", out, "--license", "cc-by-4.0")
    assert result.exit_code == 0, result.output
    assert "4 videos in = 2 kept + 1 filtered + 1 failed" in result.stdout
    assert "6 clip rows in = 4 kept + 1 filtered + 1 failed" in result.stdout
    assert "4 clips kept, 8.0 s of footage" in result.stdout
    assert f"Report:  {out / 'report.html'}" in result.stdout and (out / "report.html").exists()
    assert "license: cc-by-4.0" in (out / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"Load it:\n  (.*)\n  (.*)\n", result.stdout)
    assert lines is not None
    names: dict = {}
    exec("\n".join(lines.groups()), names)
    assert names["clips"]["clip_id"][:] == ["a.0", "a.1", "b.0", "b.1"]
    assert {split: len(rows) for split, rows in load_dataset(str(out)).items()} == {
        "train": 4,
        "filtered": 1,
        "failed": 1,
    }


def test_the_settings_are_printed_first(tmp_path: Path) -> None:
    result = curated(folder_of(tmp_path, "a.mp4"), "-o", tmp_path / "out")
    assert result.stdout.startswith(f"curate {tmp_path / 'videos'} into {tmp_path / 'out'}\n  SplitByName()\n")


def test_the_same_command_again_changes_nothing(tmp_path: Path) -> None:
    videos, out = folder_of(tmp_path, "a.mp4"), tmp_path / "out"
    curated(videos, "--out", out)
    before = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    result = curated(videos, "--out", out)
    assert result.exit_code == 0
    assert {path: path.read_bytes() for path in out.rglob("*.parquet")} == before


def test_a_run_of_which_everything_failed_ends_with_three(tmp_path: Path) -> None:
    result = curated(folder_of(tmp_path, "broken 1.mp4", "broken 2.mp4"), "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "2 videos in = 0 kept + 0 filtered + 2 failed" in result.stdout
    assert "Load it" not in result.stdout
    assert "broken 1.mp4 is broken: fetch it again" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_run_that_kept_nothing_ends_with_three(tmp_path: Path) -> None:
    assert curated(folder_of(tmp_path, "still.mp4"), "--out", tmp_path / "out").exit_code == 3


def test_a_missing_input_is_an_error_in_one_line(tmp_path: Path) -> None:
    result = curated(tmp_path / "nowhere", "--out", tmp_path / "out")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and "nowhere" in errors[0]


def test_a_name_that_begins_with_a_dash_goes_after_two_dashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, "-dash.mp4")
    monkeypatch.chdir(folder)
    result = curated("--out", tmp_path / "out", "--", "-dash.mp4")
    assert result.exit_code == 0, result.output
    assert load_dataset(str(tmp_path / "out"), split="train")["video_id"][:] == ["-dash", "-dash"]


def test_options_reach_the_run(tmp_path: Path) -> None:
    videos, out = folder_of(tmp_path, "a.mp4", "b.mp4", "c.mp4"), tmp_path / "out"
    curated(videos, "--out", out, "--limit", 2, "--videos-per-shard", 1, "--batch-size", 3)
    head, *shards = [json.loads(line) for line in (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert head["settings"]["limit"] == 2 and head["settings"]["batch_size"] == 3
    assert [shard["video_ids"] for shard in shards if shard["record"] == "shard"] == [["a"], ["b"]]


def test_steps_are_described_by_what_was_changed() -> None:
    assert curate_module.described(explode_clips) == "explode_clips"
    assert curate_module.described(Split()) == "Split()"
    changed = Split(settings=SplitSettings(min_seconds=3.0), embedder="a/model")
    assert curate_module.described(changed) == ("Split(settings=SplitSettings(min_seconds=3.0), embedder='a/model')")


def test_the_selector_is_settled_by_three_options() -> None:
    chosen = curate_options.selection("a/umt", "3", 0.43)
    assert chosen == {"selector": "a/umt", "rerank": 3, "min_score": 0.43}
    assert curate_options.selection(None, "all", None) == {"rerank": "all"}
    assert curate_options.selection(None, None, None) == {}
    select = panda_70m(**chosen)[-1]
    assert isinstance(select, Select) and (select.rerank, select.min_score, select.selector) == (3, 0.43, "a/umt")


@pytest.mark.parametrize("wrong", ["0", "-1", "some", "1.5", ""])
def test_a_wrong_rerank_is_a_wrong_usage(tmp_path: Path, wrong: str) -> None:
    result = curated(folder_of(tmp_path, "a.mp4"), "--out", tmp_path / "out", f"--rerank={wrong}")
    assert result.exit_code == 2 and "--rerank" in result.output
    assert not (tmp_path / "out").exists()


def test_copying_clips_is_refused_where_none_are_written(tmp_path: Path) -> None:
    result = curated(tmp_path, "--out", tmp_path / "out", "--export-way", "copy")
    assert result.exit_code == 2 and "--export-way" in result.output
    assert curate_options.export(True, "copy", "h264")["export_clips"] == "copy"
    assert curate_options.export(True, "encode", "av1") == {"export_clips": True, "export_codec": "av1"}


@pytest.mark.parametrize(
    "options", [["--export-codec=av1"], ["--export-clips", "--export-way=smart", "--export-codec=av1"]]
)
def test_a_codec_is_refused_where_nothing_would_become_it(tmp_path: Path, options: list[str]) -> None:
    result = curated(tmp_path, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and "--export-codec" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--address", "auto"], "neither --address nor"),
        (["--executor", "ray", "--workers", "2"], "leave --workers"),
        (["--executor", "ray", "--one-model-at-a-time"], "leave --workers"),
        (["--executor", "ray", "--resources", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_options_for_a_cluster_go_with_it_alone(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = runner.invoke(app, ["curate", "x", "--out", str(tmp_path / "out"), *arguments], env={"COLUMNS": "400"})
    assert result.exit_code == 2 and said in " ".join(result.output.split())
