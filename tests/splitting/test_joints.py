"""Boundaries in one order, whoever tells of them first."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.splitting import joints
from panda_hf.splitting.joints import Joints
from panda_hf.splitting.looks import Look
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import Boundary
from panda_hf.splitting.stitching import Stretch

LEARNED = SplitSettings.preset("learned")
PICTURE = np.zeros((4, 4, 3), np.uint8)


def told(
    monkeypatch: pytest.MonkeyPatch, transitions: dict[int, Stretch], found: dict[int, Boundary], frames: int = 200
) -> list[tuple[int, Boundary]]:
    """What comes out, and when, if transitions and other boundaries are told at certain frames; a tick is a frame."""

    class Tells:
        lag = 60

        def __init__(self, fps: float, full_range: bool) -> None:
            pass

        def is_gap(self, frame: int) -> bool:
            return False

        def feed(self, tick: int, look: Look) -> list[Stretch]:
            return [transitions[tick]] if tick in transitions else []

        def finish(self) -> list[Stretch]:
            return []

    monkeypatch.setattr(joints, "LearnedWatch", Tells)
    holder, out = Joints(LEARNED, 25.0), []
    for frame in range(frames):
        boundaries = [found[frame]] if frame in found else []
        out += [(frame, boundary) for boundary in holder.feed(frame, Look(frame, PICTURE), boundaries)]
    return out + [(frames, boundary) for boundary in holder.finish()]


def test_boundaries_come_in_order_though_a_later_transition_is_told_first(monkeypatch: pytest.MonkeyPatch):
    cut = Boundary(40, "cut")
    out = told(monkeypatch, {70: (50, 60), 78: (20, 30)}, {45: cut})
    assert [boundary for _, boundary in out] == [
        Boundary(20, "gradual"),
        Boundary(30, "content"),
        cut,
        Boundary(50, "gradual"),
        Boundary(60, "content"),
    ]
    assert all(when - boundary.tick <= 62 for when, boundary in out)


def test_two_transitions_that_touch_are_both_told(monkeypatch: pytest.MonkeyPatch):
    out = told(monkeypatch, {70: (30, 50), 80: (50, 60)}, {})
    assert [boundary.tick for _, boundary in out if boundary.kind == "gradual"] == [30, 50]


def test_a_cut_inside_a_transition_is_none(monkeypatch: pytest.MonkeyPatch):
    out = told(monkeypatch, {70: (20, 30)}, {27: Boundary(25, "cut"), 42: Boundary(40, "cut")})
    assert [boundary.tick for _, boundary in out if boundary.kind == "cut"] == [40]


@pytest.mark.parametrize(("black", "starts"), [(32, [20]), (70, [20, 70])])
def test_black_takes_in_the_fade_into_it_and_nothing_long_before(
    monkeypatch: pytest.MonkeyPatch, black: int, starts: list[int]
):
    out = [boundary for _, boundary in told(monkeypatch, {75: (20, 30)}, {black: Boundary(black, "black")})]
    assert [boundary.tick for boundary in out if boundary.kind in ("gradual", "black")] == starts
    assert [boundary.kind for boundary in out][0] == ("black" if len(starts) == 1 else "gradual")
