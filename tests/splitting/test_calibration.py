"""Thresholds from labelled films, and the commands that print them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from panda_hf.cli.calibrate import calibrate
from panda_hf.cli.score_shots import score_shots
from panda_hf.splitting.calibration import Distances, clean_shots, measure, thresholds
from panda_hf.splitting.settings import SplitSettings

from .films import black, moving, write

LABEL = {"n_frames": 150, "fps": 10, "cuts": [40, 70], "gradual": [], "ignore": []}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labelled films: shots of 4, 3 and 8 s, and two shots with black between."""
    folder = tmp_path_factory.mktemp("labelled")
    write(folder / "cuts.mp4", [moving(1, 40), moving(2, 30), moving(3, 80)])
    write(folder / "black.mp4", [moving(4, 40), black(10), moving(5, 40)])
    through_black = {"n_frames": 90, "fps": 10, "cuts": [], "gradual": [{"start": 40, "end": 50}], "ignore": []}
    (folder / "labels.json").write_text(json.dumps({"videos": {"cuts.mp4": LABEL, "black.mp4": through_black}}))
    return folder


def test_transitions_and_ignored_frames_are_left_out_of_the_shots():
    label = {"n_frames": 100, "cuts": [30], "gradual": [{"start": 50, "end": 59}], "ignore": [[80, 84]]}
    assert clean_shots(label) == [(0, 30), (30, 50), (60, 80), (85, 100)]


def test_distances_of_a_labelled_film(labelled: Path):
    found = measure(str(labelled / "cuts.mp4"), LABEL)
    # shots of 40, 30 and 80 frames; only the last is longer than 7 s and makes two pieces
    assert {kind: len(values) for kind, values in vars(found).items()} == {
        "still": 3,
        "within": 4,
        "forced": 1,
        "cut": 2,
        "hidden": 2,
        "repeated": 3,
        "same_shot": 1,
        "other_shot": 3,
    }
    assert max(found.still) < min(found.within)
    assert max(found.forced) < min(found.cut)
    assert vars(measure(str(labelled / "cuts.mp4"), LABEL)) == vars(found)


def test_thresholds_by_hand():
    distances = Distances(
        still=list(np.linspace(0, 0.2, 21)),
        within=[0.1, 0.5],
        forced=list(np.linspace(0, 0.2, 21)),
        cut=[0.5],
        hidden=[0.4, 0.9],
        repeated=[0.1],
        same_shot=list(np.linspace(0.2, 0.4, 11)),
        other_shot=[0.9],
    )
    found = {t.field: t for t in thresholds(distances)}
    assert found["still_distance"].value == pytest.approx(0.19)
    assert found["max_stitch_distance"].value == pytest.approx(0.19)
    assert found["max_transition_distance"].value == pytest.approx(0.55)
    assert found["max_transition_distance"].far_right == 0.5
    assert found["redundancy_distance"].value == pytest.approx(0.22)
    assert found["redundancy_distance"].near_right == 1.0


def run(command, *arguments: str) -> str:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_a_threshold_for_each_distance(labelled: Path):
    printed = run(calibrate, str(labelled))
    for field in ("still_distance", "max_stitch_distance", "max_transition_distance", "redundancy_distance"):
        assert field in printed


def test_the_table_has_our_presets_beside_pyscenedetect(labelled: Path):
    printed = run(score_shots, str(labelled))
    total = printed[printed.index("all videos") :].splitlines()
    ours = next(line for line in total if line.startswith("panda_hf default")).split()
    assert ours[2:5] == ["2/2", "1/1", "0"]
    assert sum(line.startswith("PySceneDetect") for line in total) == 2


@pytest.mark.shared
def test_the_default_preset_holds_what_calibration_prints(shared: Path):
    printed = run(calibrate, str(shared / "data/videos"))
    for field in ("still_distance", "max_stitch_distance", "max_transition_distance", "redundancy_distance"):
        line = next(line for line in printed.splitlines() if line.startswith(field))
        assert float(line.split()[1]) == pytest.approx(getattr(SplitSettings(), field), abs=0.011)
