"""`SampleFrames`: decode the frames of a clip once, for all teachers and the selector."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from datasets import Features

from panda_hf import schema
from panda_hf.errors import VideoError
from panda_hf.models.devices import available_cores
from panda_hf.stage import Batch, Failure, Stage
from panda_hf.video import pack_frames, probe, sample_frames


@dataclass(frozen=True, kw_only=True)
class SampleFrames(Stage):
    """Append `frames`: a few frames spread evenly over each clip, packed as raw RGB.

    Clips of the same video in one batch share one pass over the file, and several videos are decoded side by side. All
    teachers and the selector use the same pack: nothing is decoded twice. A clip that cannot be read becomes an error
    row; the others of its video are still tried one by one.
    """

    num_frames: int = 8
    """Frames per clip (UMT is pre-trained with 4 and scores with 12; the student and most teachers take 8)."""
    size: int = 224
    """Length of the shorter side in pixels, the aspect kept; a smaller video is never enlarged."""
    backend: Literal["pyav", "decord", "torchcodec"] = "pyav"
    """Who decodes; all return the same frames, PyAV runs everywhere."""

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.size < 1:
            raise ValueError(f"num_frames={self.num_frames}, size={self.size}: both must be at least 1")

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns this stage needs."""
        return ("clip_id", "video", "start", "end")

    @property
    def rows_at_once(self) -> int:
        """Enough for several videos, which are decoded side by side."""
        return 32

    @property
    def appends(self) -> Features:
        """The column ``frames``."""
        return schema.FRAMES_COLUMNS

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """One frame pack per row, or a ``Failure`` that names the clip and its file."""
        packs: list[Any] = [None] * len(batch["clip_id"])
        groups = _by_video(batch["video"])
        # A process among others has its share of the cores already.
        with ThreadPoolExecutor(min(len(groups), available_cores()) if rank is None else 1) as pool:
            for rows, new in zip(groups, pool.map(lambda rows: self._pack_all(batch, rows), groups), strict=True):
                for row, pack in zip(rows, new, strict=True):
                    packs[row] = pack
        return {"frames": packs}

    def _pack_all(self, batch: Batch, rows: list[int]) -> list[Any]:
        """The packs of clips of one video, or a ``Failure`` each."""
        try:
            return self._pack(batch, rows)
        except Exception:  # one bad clip must not take the others of its video
            return [self._pack_one(batch, row) for row in rows]

    def _pack_one(self, batch: Batch, row: int) -> Any:
        try:
            return self._pack(batch, [row])[0]
        except Exception as error:  # the row becomes an error row
            return Failure(type(error).__name__, f"clip {batch['clip_id'][row]!r}: {error or type(error).__name__}")

    def _pack(self, batch: Batch, rows: list[int]) -> list[dict[str, Any]]:
        """The packs of clips of one video, from one call of the decoder with all times in order."""
        video = batch["video"][rows[0]]
        times = [middle_times(batch["start"][i], batch["end"][i], self.num_frames) for i in rows]
        wanted = np.unique(np.concatenate(times))
        frames = sample_frames(video, wanted.tolist(), size=self._size(video), backend=self.backend)
        return [pack_frames(frames[np.searchsorted(wanted, t)], t.tolist()) for t in times]

    def _size(self, video: Any) -> tuple[int, int]:
        info = probe(video)
        return fit_short_side(info.height, info.width, self.size)


def middle_times(start: float, end: float, count: int) -> np.ndarray:
    """The middles of ``count`` equal intervals of ``[start, end)``, seconds (UMT's test sampling).

    Raises:
        VideoError: when the clip has no length or its times are not numbers.

    Example:
        >>> middle_times(2.0, 6.0, 2).tolist()
        [3.0, 5.0]
    """
    if not (math.isfinite(start) and math.isfinite(end)) or start < 0 or end <= start:
        raise VideoError(f"the clip runs from {start} s to {end} s; expected 0 <= start < end")
    return start + (np.arange(count) + 0.5) * ((end - start) / count)


def fit_short_side(height: int, width: int, size: int) -> tuple[int, int]:
    """(height, width) with the shorter side at most ``size`` and the aspect kept.

    Example:
        >>> fit_short_side(720, 1280, 224)
        (224, 398)
    """
    scale = min(1.0, size / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _by_video(videos: list[Any]) -> list[list[int]]:
    """Row numbers grouped by the file they refer to, each group in order."""
    groups: dict[Any, list[int]] = {}
    for i, video in enumerate(videos):
        groups.setdefault(_key(video), []).append(i)
    return list(groups.values())


def _key(video: Any) -> Any:
    if isinstance(video, dict):
        return json.dumps(video.get("path")) if video.get("bytes") is None else ("bytes", video["bytes"])
    return video
