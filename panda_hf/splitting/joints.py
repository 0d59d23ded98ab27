"""How one shot gives way to the next, told in one order: cuts, black, and gradual transitions, which are told late."""

from __future__ import annotations

from collections.abc import Sequence

from panda_hf.splitting.gradual import GradualWatch, Image
from panda_hf.splitting.learned import LearnedWatch
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
        self._held: list[tuple[int, Boundary]] = []

    @property
    def lag(self) -> int:
        """A boundary is held back for at most so many frames."""
        return self._watch.lag if self._watch else 0

    def feed(self, frame: int, tick: int, yuv: Image, found: Sequence[Boundary]) -> list[Boundary]:
        """Take the next frame that was looked at, and the boundaries found since the one before.

        Returns:
            The boundaries that are certain now, in order of time.
        """
        if self._watch is None:
            return list(found)
        is_gap = self._watch.is_gap(frame)
        for stretch in self._watch.feed(frame, tick, yuv):
            self._settle(*stretch)
        certain = self._release(frame + 1 if is_gap else frame - self.lag)
        self._held += [(frame, boundary) for boundary in found]
        return certain

    def finish(self, found: Sequence[Boundary] = ()) -> list[Boundary]:
        """The boundaries still held, and those found last; no frame follows."""
        if self._watch is None:
            return list(found)
        self._held += [(0, boundary) for boundary in found]
        for stretch in self._watch.finish():
            self._settle(*stretch)
        return self._release(None)

    def _release(self, before: int | None) -> list[Boundary]:
        certain = [boundary for frame, boundary in self._held if before is None or frame < before]
        self._held = [held for held in self._held if before is not None and held[0] >= before]
        return sorted(certain, key=lambda boundary: boundary.tick)

    def _settle(self, start: int, end: int) -> None:
        faded = [i for i, (_, held) in enumerate(self._held) if held.kind != "cut" and held.tick >= start]
        if faded and self._held[faded[0]][1].kind == "black":
            self._held[faded[0]] = (self._held[faded[0]][0], Boundary(start, "black"))
        self._held = [held for held in self._held if held[1].kind != "cut" or not start <= held[1].tick <= end]
        if not faded:
            at = self._held[-1][0] if self._held else 0
            self._held += [(at, Boundary(start, "gradual")), (at, Boundary(end, "content"))]
