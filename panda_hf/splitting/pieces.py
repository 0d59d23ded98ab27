"""Cutting a stream of frames into pieces while it is decoded: only the frames of the open piece are held."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from panda_hf.splitting.looks import Features, Look
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import Boundary
from panda_hf.splitting.stitching import Stretch, forced_cut_ticks, forced_cuts, must_be_cut, probe_ticks
from panda_hf.video.groups import MOST_BETWEEN


class Probe(NamedTuple):
    """What stands for one end of a piece: the frame shown at a tick or, where that was left out with those around it,
    what lies between the frame looked at before it and the one after it, so far on the way."""

    tick: int
    before: Look
    after: Look
    share: float = 0.0

    @property
    def features(self) -> Features:
        """Its descriptor, a unit vector."""
        if not self.share:
            return self.before.features
        between = (1 - self.share) * self.before.features + self.share * self.after.features
        return np.asarray(between / np.linalg.norm(between), np.float32)


class Piece(NamedTuple):
    """A finished piece, and what stands for its ends."""

    stretch: Stretch
    probes: tuple[Probe, Probe]


class PieceCutter:
    """Collects shots and black stretches, and hands out each piece as soon as its end is certain.

    The pieces are those that :func:`~panda_hf.splitting.stitching.forced_cuts` makes of the whole shots. An uncut
    shot is cut as soon as it is longer than a forced cut allows, so at most that many seconds of frames are held.

    Args:
        settings: the rules.
        rate: ticks per second.
        lag: a boundary may be reported so many frames after it.
    """

    def __init__(self, settings: SplitSettings, rate: float, lag: int = 0) -> None:
        self.shots: list[Stretch] = []
        """The shots that ended so far."""
        self.black: list[Stretch] = []
        """The stretches of black frames that ended so far."""
        self._settings, self._rate, self._lag = settings, rate, lag
        self._ticks: list[int] = []
        self._looks: list[Look] = []
        self._start: int | None = None  # of the open shot or black stretch
        self._piece_start = 0
        self.gradual: list[Stretch] = []
        """The gradual transitions that ended so far."""
        self._between: list[Stretch] | None = None  # what the open stretch will be added to, if it is no shot

    def feed(self, tick: int, look: Look, boundaries: Sequence[Boundary]) -> list[Piece]:
        """Take the next frame, when it is shown, and the boundaries that are known since; the pieces that ended."""
        if self._start is None:
            self._start = self._piece_start = tick
        self._ticks.append(tick)
        self._looks.append(look)
        pieces = [piece for boundary in boundaries for piece in self._pass(boundary)]
        return pieces + self._cut_what_is_long()

    def finish(self, end: int, boundaries: Sequence[Boundary] = ()) -> list[Piece]:
        """The last boundaries and pieces; ``end`` is the tick at which the video ends."""
        if self._start is None:
            return []
        pieces = [piece for boundary in boundaries for piece in self._pass(boundary)]
        return pieces + self._close(end)

    def _pass(self, boundary: Boundary) -> list[Piece]:
        if boundary.kind == "cut" and (self._between is not None or boundary.tick <= self._piece_start):
            return []
        pieces = self._close(boundary.tick)
        self._between = {"black": self.black, "gradual": self.gradual}.get(boundary.kind)
        return pieces

    def _close(self, end: int) -> list[Piece]:
        assert self._start is not None
        end = max(end, self._piece_start)
        if end > self._start:
            (self.shots if self._between is None else self._between).append((self._start, end))
        stretches = (
            [] if self._between is not None else forced_cuts(self._piece_start, end, self._rate, self._settings)
        )
        pieces = [self._piece(stretch, end - 1) for stretch in stretches]
        self._start = self._piece_start = end
        self._forget(end)
        return pieces

    def _cut_what_is_long(self) -> list[Piece]:
        settled = self._ticks[max(0, len(self._ticks) - 1 - self._lag)]
        if self._between is not None:
            self._forget(settled)
            return []
        pieces = []
        while must_be_cut(settled + 1 - self._piece_start, self._rate, self._settings):
            cut = self._piece_start + forced_cut_ticks(self._rate, self._settings)
            pieces.append(self._piece((self._piece_start, cut), settled))
            self._piece_start = cut
            self._forget(cut)
        return pieces

    def _piece(self, stretch: Stretch, last: int) -> Piece:
        """A piece of a shot that goes on to the tick ``last`` at least."""
        first, end = probe_ticks(stretch, self._settings.probe_fraction)
        one, two = self._probe(first, last), self._probe(end, last)
        if not two.share and (one.before is two.before or self._ends_early(first, end)):  # what moves was seen early
            one = self._probe(stretch[0], last)
        return Piece(stretch, (one, two))

    def _ends_early(self, first: int, end: int) -> bool:
        """Whether nothing was looked at in the second half of what lies between two ticks, nor soon after."""
        at = self._shown_at(end)
        return 2 * self._ticks[at] < first + end and self._leaves_out_after(at)

    def _probe(self, tick: int, last: int) -> Probe:
        """What stands for a tick of a shot that goes on to the tick ``last``."""
        at = self._shown_at(tick)
        before, shown = self._looks[at], self._ticks[at]
        if not self._leaves_out_after(at) or self._ticks[at + 1] > last:
            return Probe(shown, before, before)
        return Probe(tick, before, self._looks[at + 1], max(0, tick - shown) / (self._ticks[at + 1] - shown))

    def _leaves_out_after(self, at: int) -> bool:
        """Whether many frames were left out between one that was looked at and the next one."""
        following = at + 1
        return following < len(self._looks) and self._looks[following].frame - self._looks[at].frame > 1 + MOST_BETWEEN

    def _shown_at(self, tick: int) -> int:
        return max(0, bisect_right(self._ticks, tick) - 1)

    def _forget(self, tick: int) -> None:
        """Let go of the frames that are no longer shown at ``tick``."""
        gone = self._shown_at(tick)
        del self._ticks[:gone], self._looks[:gone]
