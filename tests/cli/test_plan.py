"""`panda-hf plan` on real films, with the smallest set of models."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.curate import curate
from panda_hf.cli.plan import THREAD_VARIABLES, plan
from panda_hf.cli.plan_printing import size
from panda_hf.mini.films import write_films

WITHOUT = {"out", "license", "time_limit", "shard", "scratch", "log_file", "executor", "address", "resources"}
"""Options of `curate` that change nothing that is predicted."""


def test_it_takes_the_options_of_curate_with_the_same_defaults():
    mine, theirs = inspect.signature(plan).parameters, inspect.signature(curate).parameters
    assert set(theirs) - set(mine) == WITHOUT
    assert all(mine[name].default == theirs[name].default for name in set(theirs) & set(mine))
    assert all(mine[name].annotation == theirs[name].annotation for name in set(theirs) & set(mine))


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_films(folder, "test", 3)
    return folder


def test_it_prints_each_stage_and_the_sums_and_writes_nothing(films, tmp_path, monkeypatch):
    for name in THREAD_VARIABLES:  # the command sets those that are missing
        monkeypatch.setenv(name, "1")
    before = sorted(films.iterdir())
    figures = tmp_path / "plan.json"
    command = ["plan", str(films), "--sample", "2", "--clips", "2", "--teacher", "mini_image", "--workers", "2"]
    result = CliRunner().invoke(app, [*command, "--json", str(figures)])
    assert result.exit_code == 0, result.output
    assert "tried 2 videos of 3" in result.stdout
    lines = result.stdout.splitlines()
    for stage in ("Split", "SampleFrames", "Caption(mini_image)", "Select", "thumbnails"):
        assert sum(line.startswith(stage) for line in lines) == 1
    assert all(
        any(line.startswith(word) for line in lines) for word in ("all ", "time ", "memory ", "disk ", "slowest ")
    )
    assert sorted(films.iterdir()) == before
    read = json.loads(figures.read_text())
    assert read["workers"] == 2 and read["worker_bytes"] > 10**8
    assert sum(stage["share"] for stage in read["stages"]) == pytest.approx(1.0)
    loads = sum(stage["load_seconds"] for stage in read["stages"])
    assert read["seconds"] == pytest.approx(sum(stage["seconds"] for stage in read["stages"]) / 2 + loads)
    assert read["bottleneck"] == max(read["stages"], key=lambda stage: stage["seconds"])["name"]


def test_a_folder_without_videos_is_an_error_in_one_line(tmp_path, monkeypatch):
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    result = CliRunner().invoke(app, ["plan", str(tmp_path)])
    assert result.exit_code == 1 and "no video found" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("count", "words"), [(999, "999 B"), (1_500, "1.5 kB"), (2.5e9, "2.5 GB"), (3e13, "30.0 TB")])
def test_sizes_in_words(count, words):
    assert size(count) == words
