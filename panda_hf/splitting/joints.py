"""How one shot gives way to the next, told in one order: cuts, black, and gradual transitions, which are told late."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from panda_hf.splitting.gradual import GradualWatch
from panda_hf.splitting.learned import LearnedWatch
from panda_hf.splitting.looks import Look
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import Boundary


class Joints:
    """Holds boundaries back until no gradual transition can contain them any more.

    A cut inside a gradual transition is none. A fade into black becomes part of the black; where a fade out of black
    ends is known already (:class:`~panda_hf.splitting.shots.BlackWatch`).

    Args:
        settings: whether gradual transitions are looked for, and how.
        fps: mean frame rate.
        full_range: whether luma runs from 0 to 255.

    Raises:
        CheckpointError: they are to be looked for by a network whose weights are not installed.
    """

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool = False) -> None:
        self._watch: GradualWatch | LearnedWatch | None = None
        if settings.gradual == "trim":
            self._watch = GradualWatch(fps)
        elif settings.gradual == "learned":
            self._watch = LearnedWatch(fps, full_range)
        self._held: list[tuple[int, Boundary]] = []  # with the frame that each lies on
        self._seen: deque[tuple[int, int]] = deque(maxlen=self.lag + 1)  # ticks and numbers of frames

    @property
    def lag(self) -> int:
        """A boundary is held back for at most so many frames."""
        return self._watch.lag if self._watch else 0

    def feed(self, tick: int, look: Look, found: Sequence[Boundary]) -> list[Boundary]:
        """Take the next frame that was looked at, when it is shown, and the boundaries found since the one before.

        Returns:
            The boundaries that are certain now, in order of time.
        """
        if self._watch is None:
            return list(found)
        is_gap = self._watch.is_gap(look.frame)
        self._seen.append((tick, look.frame))
        for stretch in self._watch.feed(tick, look):
            self._settle(*stretch)
        certain = self._release(look.frame + 1 if is_gap else look.frame - self.lag)
        self._hold(found)
        return certain

    def finish(self, found: Sequence[Boundary] = ()) -> list[Boundary]:
        """The boundaries still held, and those found last; no frame follows."""
        if self._watch is None:
            return list(found)
        self._hold(found)
        for stretch in self._watch.finish():
            self._settle(*stretch)
        return self._release(None)

    def _release(self, before: int | None) -> list[Boundary]:
        certain = [boundary for frame, boundary in self._held if before is None or frame < before]
        self._held = [held for held in self._held if before is not None and held[0] >= before]
        return sorted(certain, key=lambda boundary: boundary.tick)

    def _hold(self, boundaries: Sequence[Boundary]) -> None:
        """Hold boundaries back, each with the frame it lies on; those of frames long gone with the oldest known."""
        for boundary in boundaries:
            at = bisect_left(self._seen, boundary.tick, key=lambda seen: seen[0])
            self._held.append((self._seen[min(at, len(self._seen) - 1)][1] if self._seen else 0, boundary))

    def _settle(self, start: int, end: int) -> None:
        """Put a gradual transition among the boundaries, unless it is the fade into black or out of it."""
        near = [held for held in self._held if held[1].kind != "cut" and start <= held[1].tick <= 2 * end - start]
        faded = min(near, key=lambda held: held[1].tick, default=None)
        self._held = [held for held in self._held if held[1].kind != "cut" or not start <= held[1].tick <= end]
        if faded is None or faded[1].kind == "gradual" or faded[1] == Boundary(start, "content"):
            self._hold([Boundary(start, "gradual"), Boundary(end, "content")])
        elif faded[1].kind == "black":
            self._held.remove(faded)
            self._hold([Boundary(start, "black")])
