"""The paper's Table 2 over any videos: how much the clips of three splittings change, and how long they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from panda_hf.measuring.running_lpips import Distances, max_running_lpips
from panda_hf.measuring.ways import Span, Way, clips_by
from panda_hf.splitting.split import Split
from panda_hf.stage import Row

log = logging.getLogger(__name__)

WAYS: tuple[Way, ...] = get_args(Way)
PAPER: Mapping[Way, tuple[float, float]] = {
    "subtitle alignment": (0.408, 11.8),
    "PySceneDetect": (0.247, 4.1),
    "ours": (0.256, 7.9),
}
"""Max Running LPIPS and mean length in seconds as the paper prints them: 1,000 videos, backbone not stated."""


@dataclass
class Line:
    """One line of the table, while videos come in."""

    lengths: list[float] = field(default_factory=list)
    """Of every clip, seconds."""
    lpips: list[float] = field(default_factory=list)
    """Of the clips of two seconds and more."""
    failures: list[str] = field(default_factory=list)
    """One message for each video that could not be split or looked at; its clips count nowhere."""

    @property
    def mean_lpips(self) -> float | None:
        """The mean over clips; ``None`` where no clip has a value."""
        return float(np.mean(self.lpips)) if self.lpips else None

    @property
    def mean_seconds(self) -> float | None:
        """The mean length of a clip; ``None`` where there is none."""
        return float(np.mean(self.lengths)) if self.lengths else None


def table2(
    videos: Iterable[Row],
    distances: Distances,
    split: Split,
    watch: Callable[[str], None] = lambda name: None,
) -> dict[Way, Line]:
    """Split each video in three ways and measure the clips.

    Args:
        videos: video rows with paths.
        distances: from :func:`~panda_hf.measuring.lpips_model.load_lpips`.
        split: ours.
        watch: told the id of each video before it is worked on.
    """
    lines: dict[Way, Line] = {way: Line() for way in WAYS}
    for row in videos:
        watch(str(row["video_id"]))
        for way, line in lines.items():
            try:
                clips = clips_by(way, row, split)
                values = max_running_lpips(distances, row["video"], clips)
            except Exception as error:  # the video becomes a line among the failures
                log.warning("%s: %s: %s", row["video_id"], way, error)
                line.failures.append(f"{row['video_id']}: {error or type(error).__name__}")
                continue
            _add(line, clips, values)
    return lines


def _add(line: Line, clips: Sequence[Span], values: Sequence[float | None]) -> None:
    line.lengths += [end - start for start, end in clips]
    line.lpips += [value for value in values if value is not None]
