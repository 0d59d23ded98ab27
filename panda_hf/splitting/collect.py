"""What a look at a video gathers: when its frames are shown, its shots, pieces and probe frames."""

from __future__ import annotations

import dataclasses
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.joints import Joints
from panda_hf.splitting.looks import Look
from panda_hf.splitting.pieces import Piece, PieceCutter
from panda_hf.splitting.scores import is_full_range
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import Boundary
from panda_hf.splitting.stitching import Stretch, probe_ticks
from panda_hf.video import VideoInfo

MICROSECONDS = 1_000_000


@dataclasses.dataclass
class Clock:
    """Between ticks and seconds. ``rate`` ticks a second: frames, or microseconds where the frame rate varies."""

    rate: float
    by_frame: bool
    times: Sequence[float] = ()
    """When each frame is first shown, seconds."""
    end: float = 0.0
    """When the last frame stops being shown, seconds."""

    @classmethod
    def of(cls, info: VideoInfo) -> Clock:
        """The clock for a video: by frame where the file declares a constant frame rate."""
        if info.fps is None or info.variable_frame_rate:
            return cls(float(MICROSECONDS), by_frame=False, times=array("d"))
        return cls(info.fps, by_frame=True, times=array("d"))

    def tick(self, frame: int, time: float) -> int:
        """The tick at which a frame is first shown."""
        return frame if self.by_frame else round(time * MICROSECONDS)

    def end_tick(self) -> int:
        """The tick at which the video ends."""
        if self.by_frame:
            return len(self.times)
        return max(self.tick(0, self.end), self.tick(0, self.times[-1]) + 1) if self.times else 0

    def seconds(self, tick: int) -> float:
        """When the first frame at or after ``tick`` is shown; the end of the video where there is none."""
        frame = tick if self.by_frame else bisect_left(self.times, tick, key=lambda time: self.tick(0, time))
        return self.times[frame] if frame < len(self.times) else self.end


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one pass over a video found. Stretches are in ticks of ``clock``.

    ``cuts``: every cut the detector reported. ``features``: descriptors [2 * pieces, d] of the probe frames, ``None``
    when not asked for. ``probe_times``: when each probe frame is shown, seconds. ``decoded``: how many frames were
    decoded, some of them twice.
    """

    info: VideoInfo
    clock: Clock
    shots: list[Stretch]
    black: list[Stretch]
    gradual: list[Stretch]
    cuts: list[int]
    pieces: list[Stretch]
    probe_times: list[float]
    features: npt.NDArray[np.float32] | None
    warning: str | None
    decoded: int

    def boundaries(self) -> list[float]:
        """Seconds at which one shot gives way to another: cuts, the middle of gradual transitions, and both edges of
        the black between two shots.

        Black at the beginning or end of the video separates nothing.
        """
        first, last = self.clock.tick(0, self.clock.times[0]), self.clock.end_tick()
        between = [*self.black, *self.gradual]
        cuts = {cut for cut in self.cuts if not any(start <= cut < end for start, end in between)}
        cuts |= {(start + end) // 2 for start, end in self.gradual}
        edges = {edge for stretch in self.black if first < stretch[0] and stretch[1] < last for edge in stretch}
        return [self.clock.seconds(tick) for tick in sorted(cuts | edges)]


class Collector:
    """Takes looked-at frames and boundaries in order of time, and puts a :class:`Scan` together.

    Args:
        info: what the video is.
        clock: of the video; its times may still be missing.
        settings: the rules.
        lag: a boundary may be told so many frames after it.
        describe_probes: whether to compute descriptors of the probe frames. Where not, and not all frames are looked
            at, the probes are the frames that the rules name rather than those that happened to be decoded.
    """

    def __init__(
        self, info: VideoInfo, clock: Clock, settings: SplitSettings, *, lag: int, describe_probes: bool
    ) -> None:
        self.info, self.clock = info, clock
        self._fraction = settings.probe_fraction
        self._joints = Joints(settings, info.fps or 25.0, is_full_range(info.pixel_format))
        self._cutter = PieceCutter(settings, clock.rate, lag + self._joints.lag)
        self._describe = describe_probes
        self._cuts: list[int] = []
        self._pieces: list[Stretch] = []
        self._probe_ticks: list[int] = []
        self._features: list[npt.NDArray[np.float32]] = []

    def take(self, tick: int, look: Look, found: Sequence[Boundary]) -> None:
        """The next frame and when it is shown; and the boundaries known since the one before."""
        boundaries = self._note(self._joints.feed(tick, look, found))
        self._add(self._cutter.feed(tick, look, boundaries))

    def finish(
        self,
        times: Sequence[float],
        end: float,
        warning: str | None,
        decoded: int,
        found: Sequence[Boundary] = (),
    ) -> Scan:
        """The video is over.

        Args:
            times: when each of its frames is shown, seconds.
            end: when the last one goes.
            warning: what was wrong with it.
            decoded: how many frames were decoded.
            found: the last boundaries.
        """
        clock = dataclasses.replace(self.clock, times=times, end=end)
        self._add(self._cutter.finish(clock.end_tick(), self._note(self._joints.finish(found))))
        ticks = self._probe_ticks
        if not self._describe and decoded != len(times):
            ticks = [tick for piece in self._pieces for tick in probe_ticks(piece, self._fraction)]
        return Scan(
            info=self.info,
            clock=clock,
            shots=self._cutter.shots,
            black=self._cutter.black,
            gradual=self._cutter.gradual,
            cuts=self._cuts,
            pieces=self._pieces,
            probe_times=[clock.seconds(tick) for tick in ticks],
            features=self._stack() if self._describe else None,
            warning=warning,
            decoded=decoded,
        )

    def _note(self, boundaries: list[Boundary]) -> list[Boundary]:
        self._cuts += [boundary.tick for boundary in boundaries if boundary.kind == "cut"]
        return boundaries

    def _add(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._pieces.append(piece.stretch)
            self._probe_ticks += [probe.tick for probe in piece.probes]
            if self._describe:
                self._features += [probe.features for probe in piece.probes]

    def _stack(self) -> npt.NDArray[np.float32]:
        return np.stack(self._features) if self._features else np.zeros((0, 1), np.float32)
