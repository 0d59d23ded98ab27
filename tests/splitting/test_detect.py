"""Shots inside clips of others: on the clip's own clock, one look for each video."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.splitting import DetectShots
from tests.splitting.films import moving, write


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cuts at 4 and 7 s, 10 frames a second."""
    path = tmp_path_factory.mktemp("shots") / "cuts.mp4"
    write(path, [moving(1, 40), moving(2, 30), moving(3, 50)])
    return path


def shots_of(film: Path, *clips: tuple[float, float]) -> tuple[list, list]:
    reference = {"path": str(film), "bytes": None}
    batch = {"video": [reference] * len(clips), "start": [a for a, _ in clips], "end": [b for _, b in clips]}
    out = DetectShots()(batch)
    found = [shots and [(s["start"], s["end"]) for s in shots] for shots in out["shot_boundary_detection"]]
    return found, out["error"]


def test_shots_are_told_in_seconds_from_the_start_of_the_clip(film: Path) -> None:
    found, errors = shots_of(film, (0.0, 12.0), (3.0, 8.0), (7.5, 9.0))
    assert found == [[(0, 4), (4, 7), (7, 12)], [(0, 1), (1, 4), (4, 5)], [(0, 1.5)]]
    assert errors == [None] * 3


def test_a_video_is_looked_at_once_for_its_clips(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import panda_hf.splitting.detect as detect

    looked = []
    scan = detect.scan_video
    monkeypatch.setattr(detect, "scan_video", lambda *a, **k: looked.append(1) or scan(*a, **k))
    shots_of(film, (0.0, 5.0), (5.0, 9.0))
    assert len(looked) == 1


def test_bad_times_and_unreadable_files_become_error_rows(film: Path, tmp_path: Path) -> None:
    found, errors = shots_of(film, (5.0, 2.0), (0.0, 3.0))
    assert "expected start < end" in errors[0]["message"] and found[1] == [(0, 3)]
    (tmp_path / "no.mp4").write_text("no video")
    found, errors = shots_of(tmp_path / "no.mp4", (0.0, 1.0))
    assert found == [None] and "no.mp4" in errors[0]["message"]
