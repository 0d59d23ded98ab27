"""Pieces cut on the way are those that the rules make of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from panda_hf.splitting.looks import Look
from panda_hf.splitting.pieces import Piece, PieceCutter, Probe
from panda_hf.splitting.settings import PAPER, SplitSettings
from panda_hf.splitting.shots import Boundary
from panda_hf.splitting.stitching import forced_cuts, probe_ticks


def look(tick: int) -> Look:
    return Look(tick, np.full((1, 1, 3), tick))


def cut_up(ticks: list[int], end: int, found: dict[int, Boundary], rate: float, lag: int, settings: SplitSettings):
    """Feed frames; each boundary is told ``lag`` frames after the frame it is on."""
    cutter, pieces, held = PieceCutter(settings, rate, lag), [], 0
    for i, tick in enumerate(ticks):
        known = ticks[i - lag] if i >= lag else None
        pieces += cutter.feed(tick, look(i), [found[known]] if known in found else [])
        held = max(held, len(cutter._ticks))
    return cutter, pieces + cutter.finish(end), held


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("settings", [SplitSettings(), PAPER])
@pytest.mark.parametrize("rate", [0.2, 10.0, 29.97])
def test_pieces_and_probes_are_those_of_the_whole_shots(rate: float, settings: SplitSettings, lag: int):
    rng = np.random.default_rng(int(rate * 10))
    frames = int(rate * 100) + 12
    cuts = sorted({int(c) for c in rng.integers(3, frames - 3, 6)})
    ticks = list(range(frames))
    cutter, pieces, _ = cut_up(ticks, frames, {c: Boundary(c, "cut") for c in cuts}, rate, lag, settings)
    edges = [0, *cuts, frames]
    assert cutter.shots == list(zip(edges, edges[1:], strict=False))
    expected = [piece for shot in cutter.shots for piece in forced_cuts(*shot, rate, settings)]
    assert [piece.stretch for piece in pieces] == expected
    for piece in pieces:
        ticks = tuple(probe.tick for probe in piece.probes)
        assert ticks == tuple(probe.before.frame for probe in piece.probes)
        assert ticks == probe_ticks(piece.stretch, settings.probe_fraction)


def test_no_more_than_seven_seconds_of_frames_are_held():
    _, _, held = cut_up(list(range(5000)), 5000, {}, 25.0, 2, SplitSettings())
    assert held <= 7 * 25 + 1 + 2


def test_black_stretches_make_no_pieces_and_hold_no_frames():
    found = {100: Boundary(100, "black"), 4000: Boundary(4000, "content")}
    cutter, pieces, held = cut_up(list(range(4100)), 4100, found, 25.0, 1, SplitSettings())
    assert cutter.black == [(100, 4000)]
    assert cutter.shots == [(0, 100), (4000, 4100)]
    assert [p.stretch for p in pieces] == [(0, 100), (4000, 4100)]
    assert held <= 7 * 25 + 3


def test_a_cut_inside_black_is_no_shot():
    found = {10: Boundary(10, "black"), 20: Boundary(20, "cut"), 30: Boundary(30, "content")}
    cutter, _, _ = cut_up(list(range(60)), 60, found, 10.0, 0, SplitSettings())
    assert cutter.shots == [(0, 10), (30, 60)]
    assert cutter.black == [(10, 30)]


def test_a_frame_shown_for_a_minute_stands_for_all_its_pieces():
    ticks = [0, 1_000_000, 61_000_000, 62_000_000]
    _, pieces, _ = cut_up(ticks, 63_000_000, {}, 1e6, 0, SplitSettings())
    assert sum(p.stretch[1] - p.stretch[0] for p in pieces) == 63_000_000
    assert {probe.tick for piece in pieces[1:-1] for probe in piece.probes} == {1_000_000}


def test_a_video_without_frames_has_no_pieces():
    assert PieceCutter(SplitSettings(), 25.0).finish(0) == []


def few(frames: list[int], end: int, cuts: Sequence[int] = ()) -> list[Piece]:
    """The pieces of a film of 25 frames a second of which these frames were looked at. The descriptor of each is a
    direction: frame 0 looks along one axis, and each frame turns by a four-hundredth."""
    cutter, pieces = PieceCutter(SplitSettings(), 25.0), []
    for frame in frames:
        one = look(frame)
        one._features = np.array([np.cos(frame / 400), np.sin(frame / 400)], np.float32)
        pieces += cutter.feed(frame, one, [Boundary(frame, "cut")] if frame in cuts else [])
    return pieces + cutter.finish(end)


def turned(probe: Probe) -> float:
    """The frame that would have such a descriptor."""
    assert np.linalg.norm(probe.features) == pytest.approx(1.0, abs=1e-6)
    return 400 * float(np.arctan2(*probe.features[::-1]))


def test_where_frames_were_left_out_in_a_shot_what_lies_between_those_around_them_stands_for_them():
    """A shot that moves must neither seem to stand still nor to jump where one piece ends and the next begins."""
    pieces = few([0, 250, 500], 510)
    assert [piece.stretch for piece in pieces] == [(0, 125), (125, 250), (250, 375), (375, 510)]
    for piece in pieces[:3]:
        assert [probe.tick for probe in piece.probes] == list(probe_ticks(piece.stretch, 0.05))
        assert [turned(probe) for probe in piece.probes] == pytest.approx([p.tick for p in piece.probes], abs=2)
    assert turned(pieces[3].probes[0]) == pytest.approx(381, abs=2)


def test_nothing_of_another_shot_stands_for_the_end_of_one():
    first, second = few([0, 60, 100, 160], 200, cuts=[100])
    assert [turned(probe) for probe in first.probes] == pytest.approx([4, 60], abs=1)
    assert [probe.before.frame for probe in second.probes] == [100, 160]
    assert second.probes[0].share > 0 and first.probes[1].share == 0


def test_of_a_few_frames_left_out_the_one_before_stands_for_them():
    (piece,) = few([0, 4, 8, 12, *range(15, 100, 5)], 100)
    assert [(probe.tick, probe.share) for probe in piece.probes] == [(4, 0.0), (90, 0.0)]


def test_what_moved_at_the_beginning_of_a_shot_of_which_no_more_was_looked_at_is_held_against_its_first_frame():
    piece, *_ = few([0, 4, 8, 100], 200, cuts=[100])
    assert [probe.tick for probe in piece.probes] == [0, 8]
    seen, *_ = few([0, 4, 8, 60, 100], 200, cuts=[100])
    assert [probe.tick for probe in seen.probes] == [4, 60]  # enough of it
    (alone,) = few([0], 100)
    assert [probe.tick for probe in alone.probes] == [0, 0]
