"""`MaxRunningLPIPS`: how much a clip changes at its most, as the paper's Table 2 measures splittings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from datasets import Features, Value
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.measuring.lpips_model import RANDOM, Backbone, described, load_lpips, weights_file
from panda_hf.models.devices import device_of
from panda_hf.stage import Batch, Row, Stage, run_rows
from panda_hf.video import VideoLike, sample_frames, unpack_frames
from panda_hf.video.probe import probe

Frames = NDArray[np.uint8]
Distances = Callable[[Frames], NDArray[np.float32]]

STEP_SECONDS = 1.0
"""The paper compares frames one second apart (appendix A)."""

SHORT_SIDE = 224


@dataclass(frozen=True, kw_only=True)
class MaxRunningLPIPS(Stage):
    """Append `max_running_lpips`: the largest LPIPS between consecutive frames of a clip, one second apart.

    Paper, appendix A; which backbone it took is not stated there, so ours is named in the stage's ``provenance``, with
    the hash of its weights. A clip of which fewer than two such frames are known has ``None``. By default the frames
    are those that the clip carries, so nothing is decoded again; where they lie more than a second apart
    ``lpips_step_seconds`` tells, and ``frames="each second"`` decodes what the definition asks for::

        apply(clips, MaxRunningLPIPS(weights="alexnet-owt-7be5be79.pth"))

    Raises:
        CheckpointError: before any work, where the backbone's weights are not there; nothing is downloaded.
    """

    backbone: Backbone = "alex"
    """Whose features are compared; ``alex`` is customary."""
    weights: str | None = None
    """See :func:`~panda_hf.measuring.lpips_model.weights_file`."""
    frames: Literal["carried", "each second"] = "carried"
    """Which frames are compared: those of the column ``frames``, or one a second, decoded for this."""

    def __post_init__(self) -> None:
        for name, known in (("backbone", ("alex", "vgg", "squeeze")), ("frames", ("carried", "each second"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {', '.join(known)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Frame packs, or what is to be decoded."""
        return ("frames",) if self.frames == "carried" else ("video", "start", "end")

    @property
    def appends(self) -> Features:
        """The measure, and the longest step between the frames that were compared, seconds."""
        return Features({self.column: Value("float32"), "lpips_step_seconds": Value("float32")})

    @property
    def column(self) -> str:
        """``max_running_lpips``; with random weights, whose distances are no LPIPS, ``max_running_distance``."""
        return "max_running_distance" if self.weights == RANDOM else "max_running_lpips"

    def check(self) -> None:
        """Raise ``CheckpointError`` where there are no weights."""
        weights_file(self.backbone, self.weights)

    def provenance(self) -> dict[str, Any]:
        """Backbone, hash of its weights, version of ``lpips``."""
        return described(self.backbone, self.weights)

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """One clip at a time: its frames make a batch of their own, so no other clip matters."""
        distances = load_lpips(self.backbone, self.weights, device_of(rank))
        return run_rows(lambda row: self._row(distances, row), batch, list(self.appends))

    def _row(self, distances: Distances, row: Row) -> Row:
        if self.frames == "carried":
            times = row["frames"]["times"]
            places = running_places(times)
            largest = largest_step(distances, unpack_frames(row["frames"])[places])
            return {self.column: largest, "lpips_step_seconds": _longest([times[i] for i in places])}
        times = running_times(row["start"], row["end"])
        largest = max_running_lpips(distances, row["video"], [(row["start"], row["end"])])[0]
        return {self.column: largest, "lpips_step_seconds": _longest(times)}


def running_places(times: Sequence[float]) -> list[int]:
    """Which frames to compare: the first, and each that comes a second, give or take a tenth, after the last chosen.

    Example:
        >>> running_places([0.0, 0.5, 1.0, 1.5, 4.0])
        [0, 2, 4]
    """
    chosen: list[int] = []
    for place, time in enumerate(times):
        if not chosen or time - times[chosen[-1]] >= 0.9 * STEP_SECONDS:
            chosen.append(place)
    return chosen


def running_times(start: float, end: float) -> list[float]:
    """The middle of each whole second of a clip.

    Example:
        >>> running_times(10.0, 12.7)
        [10.5, 11.5]

    Raises:
        VideoError: when the clip has no length.
    """
    if not 0 <= start < end < np.inf:
        raise VideoError(f"the clip runs from {start} s to {end} s; expected 0 <= start < end")
    return [start + (i + 0.5) * STEP_SECONDS for i in range(int((end - start) / STEP_SECONDS + 1e-6))]


def max_running_lpips(
    distances: Distances, video: VideoLike, clips: Sequence[tuple[float, float]]
) -> list[float | None]:
    """The measure of each of some clips of one video, which is decoded once for all of them.

    Args:
        distances: from :func:`~panda_hf.measuring.lpips_model.load_lpips`.
        video: the video.
        clips: start and end of each, seconds.

    Returns:
        ``None`` for a clip of less than two seconds.
    """
    times = [running_times(*clip) for clip in clips]
    wanted = sorted({time for of_clip in times if len(of_clip) > 1 for time in of_clip})
    if not wanted:
        return [None] * len(clips)
    shown = _decoded(video, wanted)
    place = {time: i for i, time in enumerate(wanted)}
    return [largest_step(distances, shown[[place[t] for t in ts]]) if len(ts) > 1 else None for ts in times]


def largest_step(distances: Distances, frames: Frames) -> float | None:
    """The largest distance between frames that follow each other; ``None`` where there are no two."""
    return float(distances(frames).max()) if len(frames) > 1 else None


def _decoded(video: VideoLike, times: Sequence[float]) -> Frames:
    info = probe(video)
    scale = min(1.0, SHORT_SIDE / min(info.height, info.width))
    size = (max(1, round(info.height * scale)), max(1, round(info.width * scale)))
    return sample_frames(video, times, size=size, threads=1)


def _longest(times: Sequence[float]) -> float | None:
    return float(np.float32(np.diff(times).max())) if len(times) > 1 else None
