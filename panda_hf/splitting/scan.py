"""The one pass over a video that finds its shots, cuts the pieces and looks at their probe frames."""

from __future__ import annotations

import dataclasses
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.pieces import Piece, PieceCutter
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import ShotDetector, is_full_range, small_step
from panda_hf.splitting.stitching import Stretch
from panda_hf.video import FrameReader, VideoInfo, VideoLike

MICROSECONDS = 1_000_000

FRAMES_AT_ONCE = 32
"""Small frames that are decoded before they are looked at: in turns with the decoder, looking costs half as much again
because neither finds its code and data in the processor's cache."""


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
    when not asked for. ``probe_times``: when each probe frame is shown, seconds.
    """

    info: VideoInfo
    clock: Clock
    shots: list[Stretch]
    black: list[Stretch]
    cuts: list[int]
    pieces: list[Stretch]
    probe_times: list[float]
    features: npt.NDArray[np.float32] | None
    warning: str | None

    def boundaries(self) -> list[float]:
        """Seconds at which one shot gives way to another: cuts, and both edges of the black between two shots.

        Black at the beginning or end of the video separates nothing.
        """
        first, last = self.clock.tick(0, self.clock.times[0]), self.clock.end_tick()
        cuts = {cut for cut in self.cuts if not any(start <= cut < end for start, end in self.black)}
        edges = {edge for stretch in self.black if first < stretch[0] and stretch[1] < last for edge in stretch}
        return [self.clock.seconds(tick) for tick in sorted(cuts | edges)]


def scan_video(
    video: VideoLike,
    settings: SplitSettings,
    *,
    describe_probes: bool = True,
    threads: int | None = 1,
) -> Scan:
    """Decode a video once and find its shots, pieces and probe frames.

    Memory holds the small frames of one piece, whatever the length of the video.

    Args:
        video: what to look at.
        settings: the rules.
        describe_probes: whether to compute descriptors of the probe frames on the way.
        threads: decoding threads; ``None``: every core.

    Raises:
        VideoError: when it cannot be read.
    """
    with FrameReader(video, threads=threads) as reader:
        scanner = _Scanner(reader.info, settings, describe_probes)
        small = ((frame.index, frame.time, frame.yuv(scanner.step)) for frame in reader)
        while batch := list(islice(small, FRAMES_AT_ONCE)):
            for index, time, yuv in batch:
                scanner.feed(index, time, yuv)
        return scanner.finish(reader)


class _Scanner:
    """The state of a scan between two frames."""

    def __init__(self, info: VideoInfo, settings: SplitSettings, describe_probes: bool) -> None:
        self.step = small_step(info.width, info.height)
        self._info = info
        self._clock = Clock.of(info)
        self._detector = ShotDetector(settings, info.fps or 25.0, is_full_range(info.pixel_format))
        self._cutter = PieceCutter(settings, self._clock.rate, self._detector.lag)
        self._describe = describe_probes
        self._cuts: list[int] = []
        self._pieces: list[Stretch] = []
        self._probe_ticks: list[int] = []
        self._features: list[npt.NDArray[np.float32]] = []
        self._times: array[float] = array("d")

    def feed(self, index: int, time: float, yuv: npt.NDArray[np.uint8]) -> None:
        self._times.append(time)
        tick = self._clock.tick(index, time)
        boundaries = self._detector.feed(tick, yuv)
        self._cuts += [boundary.tick for boundary in boundaries if boundary.kind == "cut"]
        self._take(self._cutter.feed(tick, yuv, boundaries))

    def finish(self, reader: FrameReader) -> Scan:
        clock = dataclasses.replace(self._clock, times=self._times, end=reader.end or 0.0)
        self._take(self._cutter.finish(clock.end_tick()))
        return Scan(
            info=self._info,
            clock=clock,
            shots=self._cutter.shots,
            black=self._cutter.black,
            cuts=self._cuts,
            pieces=self._pieces,
            probe_times=[clock.seconds(tick) for tick in self._probe_ticks],
            features=self._stack() if self._describe else None,
            warning=reader.warning,
        )

    def _take(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._pieces.append(piece.stretch)
            self._probe_ticks += piece.probes
            if self._describe:
                self._features += [describe(image) for image in piece.images]

    def _stack(self) -> npt.NDArray[np.float32]:
        return np.stack(self._features) if self._features else np.zeros((0, 1), np.float32)
