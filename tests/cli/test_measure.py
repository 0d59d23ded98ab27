"""`panda-hf measure` and `panda-hf reproduce splitting`, over a run and over films on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from panda_hf import SampleFrames, Split, explode_clips
from panda_hf.cli import app
from panda_hf.running import curate
from tests.stages import write_film


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without captions over one film of two shots."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "videos").mkdir()
    write_film(folder / "videos" / "squares.mp4", shots=2, seconds=4.0)
    steps = [Split(), explode_clips, SampleFrames(num_frames=4, size=64)]
    curate(folder / "videos", folder / "out", steps=steps, num_workers=0, progress=False, thumbnails=False)
    return folder / "out"


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def test_measures_are_appended_and_nothing_else_changes(out: Path) -> None:
    before = load_dataset(str(out), split="train")
    code, said = run("measure", out, "--measure", "motion", "--measure", "brightness", "--workers", 0)
    assert code == 0, said
    after = load_dataset(str(out), split="train")
    new = set(after.column_names) - set(before.column_names)
    assert new == {"motion", "camera_motion", "own_motion", "still_area", "brightness"}
    assert after.remove_columns(sorted(new)).to_list() == before.to_list()
    assert all(row["own_motion"] > 0 for row in after)
    kept = sum(value >= 0.005 for value in after["motion"]) / len(after)
    assert f">=0.005 {kept:.0%}" in said


def test_what_is_there_is_not_measured_again_and_more_is_added(out: Path) -> None:
    run("measure", out, "--measure", "brightness", "--workers", 0)
    manifest = (out / "manifest.jsonl").read_bytes()
    code, said = run("measure", out, "--measure", "brightness", "--workers", 0)
    assert code == 0 and "rows were done again" not in said
    assert (out / "manifest.jsonl").read_bytes() == manifest
    code, said = run("measure", out, "--workers", 0)
    assert code == 0, said
    columns = load_dataset(str(out), split="train").column_names
    assert {"brightness", "sharpness", "text_area", "desirable_filtering"} <= set(columns)
    assert "(not the release's own labels)" in said
    code, said = run("subset", out, "--name", "bright", "--limit", "brightness>=0.01")
    assert code == 0 and "bright: brightness>=0.01" in said
    code, said = run("subset", out, "--name", "none", "--limit", "brightness>=2")
    assert code == 1


def test_a_table_of_nothing_says_so_and_other_folders_are_refused(out: Path, tmp_path: Path) -> None:
    assert "No kept clip has a measure" in run("measure", out, "--table")[1]
    code, said = run("measure", tmp_path, "--workers", 0)
    assert code == 1 and "is not the folder of a run" in said
    code, said = run("measure", out, "--measure", "sharp")
    assert code == 2 and "sharpness" in said


def test_lpips_without_weights_leaves_the_dataset_as_it_was(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    manifest = (out / "manifest.jsonl").read_bytes()
    code, said = run("measure", out, "--measure", "lpips", "--workers", 0)
    assert code == 1 and "nothing is downloaded unasked" in " ".join(said.split())
    assert (out / "manifest.jsonl").read_bytes() == manifest


def test_table_2_over_a_folder_of_ones_own(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    code, said = run("reproduce", "splitting", made.parent / "videos", "--backbone", "squeeze")
    assert code == 0, said
    lines = {line.split("  ")[0]: line.split() for line in said.splitlines() if line}
    assert lines["subtitle alignment"][2:4] == ["-", "-"]  # the film has none
    assert lines["PySceneDetect"][2] == "4.0"
    assert "Max Running distance by squeezenet1_1 (weights: random" in said and "compare with this table only" in said
    code, said = run("reproduce", "splitting", tmp_path)
    assert code == 1 and "no video" in said
