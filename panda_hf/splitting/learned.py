"""Gradual transitions that the rules find, and those that a learned detector sees where the rules are in doubt."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import cv2
import numpy as np

from panda_hf.splitting.gradual import GradualWatch, Strictness
from panda_hf.splitting.looks import Image, Look
from panda_hf.splitting.scores import to_bgr
from panda_hf.splitting.stitching import Stretch
from panda_hf.splitting.transnet import SIZE, Chances, load_transnet

LOOSE = Strictness(change=8.0, differs=0.3, unexplained=1.5, step=0.6, steady=0.9, structure=5.0)
"""What is asked of a window before the network is asked about it: less than of one that needs no network."""

LIKELY = 0.5
"""From this chance on a frame is the middle of a boundary, or part of one, as the network's authors have it."""

SHORTEST = 4
"""A boundary of fewer frames is a cut, which is not looked for here."""

JOINED_SECONDS = 0.5
"""Of a slow transition the network often knows the beginning and the end only: parts no farther apart are one."""

REACH = 25
"""Frames on either side that the network sees beyond those that it is asked about, as its authors have it."""

MARGIN = 12
"""Frames on either side of a doubtful window that the network is asked about too."""


class _Doubt(NamedTuple):
    """The first and last frame of a stretch to judge, and whether it was made longer once."""

    first: int
    last: int
    is_longer: bool = False


class LearnedWatch:
    """Finds all that :class:`~panda_hf.splitting.gradual.GradualWatch` finds and, where its rules find nothing but
    softer ones something, what TransNetV2 finds there. Holds small images of the last five seconds.

    The network was trained on whole frames that were scaled to 48 x 27. Here it sees the small images of the splitter
    scaled to that: every n-th sample of a frame, 80 or so in a row, unfiltered. What this costs is told in
    ``docs/splitting.md``. Frames that were left out, up to eight in a row, are taken to be as the one before; beyond
    either end of what was decoded the first or last frame is repeated, as the authors do at the ends of a video.

    Args:
        fps: mean frame rate.
        full_range: whether luma runs from 0 to 255.

    Raises:
        CheckpointError: the network's weights are not installed.
    """

    def __init__(self, fps: float, full_range: bool = False) -> None:
        self._network, self._full_range = load_transnet(), full_range
        self._sure, self._hint = GradualWatch(fps), GradualWatch(fps, LOOSE)
        self._joined = round(JOINED_SECONDS * fps)
        self._frames: list[tuple[int, Image]] = []  # ticks and small images of consecutive frames
        self._first = 0  # the number of the first of them
        self._judged = 0  # the frames before this one are settled
        self._doubtful: list[_Doubt] = []
        self._known: list[Stretch] = []  # what was found in these frames

    @property
    def lag(self) -> int:
        """A transition is told at most so many frames after it began."""
        return self._hint.lag + 4 * MARGIN + REACH

    def is_gap(self, frame: int) -> bool:
        """Whether too many frames were left out before this one to go on from those before."""
        return self._hint.is_gap(frame)

    def feed(self, tick: int, look: Look) -> list[Stretch]:
        """Take a frame; the transitions that are certain now: when each begins, and when the next shot does.

        Args:
            tick: when it is shown.
            look: the frame; where many are left out before it, what came before them is forgotten.
        """
        found = self.finish() if self.is_gap(look.frame) else []
        self._hold(tick, look)
        found += self._new(self._sure.feed(tick, look))
        self._note(self._hint.feed(tick, look))
        while self._doubtful and look.frame >= self._doubtful[0].last + MARGIN + REACH:
            found += self._new(self._settle(self._doubtful.pop(0)))
        self._forget(look.frame)
        return found

    def finish(self) -> list[Stretch]:
        """No frame follows these; the transitions that were not told yet."""
        found = self._new(self._sure.finish())
        self._note(self._hint.finish())
        while self._doubtful:
            found += self._new(self._settle(self._doubtful.pop(0)))
        self._known, self._frames = [], []
        return found

    def _new(self, stretches: list[Stretch]) -> list[Stretch]:
        """Those of some transitions that do not overlap one that was found before."""
        new = [stretch for stretch in stretches if not self._is_known(*stretch)]
        self._known += new
        return new

    def _is_known(self, start: int, end: int) -> bool:
        return any(start < known_end and known_start < end for known_start, known_end in self._known)

    def _note(self, hints: list[Stretch]) -> None:
        ticks = [tick for tick, _ in self._frames] if hints else []
        for hint in hints:
            first, last = (self._first + bisect_left(ticks, tick) for tick in hint)
            self._doubtful.append(_Doubt(first, last))

    def _hold(self, tick: int, look: Look) -> None:
        if not self._frames:
            self._first = self._judged = look.frame
        else:
            left_out = look.frame - self._first - len(self._frames)
            self._frames += [self._frames[-1]] * left_out
        self._frames.append((tick, look.yuv))

    def _forget(self, frame: int) -> None:
        """Let go of the frames before all that may still be asked about."""
        start = min([frame - self._hint.lag, *(doubt.first for doubt in self._doubtful)])
        gone = start - MARGIN - REACH - self._first
        if gone > 0:
            del self._frames[:gone]
            self._first += gone
            self._known = [known for known in self._known if known[1] >= self._frames[0][0]]

    def _settle(self, doubt: _Doubt) -> list[Stretch]:
        """What the network finds in a doubtful stretch and around it; nothing if the rules did, or for the time being
        where it goes on."""
        if self._is_known(self._tick(doubt.first), self._tick(doubt.last)):
            return []
        first = max(self._judged, doubt.first - MARGIN)
        end = min(self._first + len(self._frames), doubt.last + 1 + MARGIN)
        if end <= first:
            return []
        chances = self._chances(first, end)
        if chances[-1].max() >= LIKELY and not doubt.is_longer and end < self._first + len(self._frames):
            self._doubtful.insert(0, _Doubt(doubt.first, doubt.last + 2 * MARGIN, is_longer=True))
            return []
        self._judged = end
        return [(self._tick(first + start), self._tick(first + stop)) for start, stop in spans(chances, self._joined)]

    def _chances(self, first: int, last: int) -> Chances:
        """What the network says of the frames from ``first`` to ``last`` (exclusive)."""
        around = np.arange(first - REACH, last + REACH) - self._first
        inside = np.clip(around, 0, len(self._frames) - 1)
        pictures = {i: self._picture(i) for i in set(inside.tolist())}
        seen = np.stack([pictures[i] for i in inside.tolist()])
        return self._network(seen)[REACH : REACH + last - first]

    def _picture(self, position: int) -> Image:
        bgr = cv2.resize(to_bgr(self._frames[position][1], self._full_range), SIZE, interpolation=cv2.INTER_AREA)
        return np.asarray(bgr[..., ::-1], np.uint8)

    def _tick(self, frame: int) -> int:
        return self._frames[min(frame - self._first, len(self._frames) - 1)][0]


def spans(chances: Chances, joined: int) -> list[Stretch]:
    """The gradual transitions among consecutive frames, half-open.

    Args:
        chances: for each frame that it is the middle of a boundary, and part of one: [n, 2].
        joined: parts of a transition are at most so many frames apart.
    """
    edges = np.flatnonzero(np.diff((chances >= LIKELY).any(axis=1), prepend=False, append=False)).tolist()
    found: list[Stretch] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start < SHORTEST:
            continue
        if found and start - found[-1][1] <= joined:
            start = found.pop()[0]
        found.append((start, end))
    return [(start, end) for start, end in found if chances[start:end, 0].max() >= LIKELY]
