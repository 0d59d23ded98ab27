"""From a few videos that were tried to time, memory and disk for all of them. Arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from panda_hf.errors import SourceError
from panda_hf.running.trial import Trial, VideoTrial

Unit = Literal["video minute", "clip", "video"]
RANGE = (0.1, 0.9)
"""Between these shares of the resampled predictions lies the range that is told."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Extent:
    """How much there is to do."""

    videos: int
    minutes: tuple[float, ...]
    """Lengths of the videos whose files said how long they are."""
    probed: int
    """How many were asked: all, or some spread over the list."""

    @property
    def total_minutes(self) -> float | None:
        """Of all videos; ``None`` when no file said how long it is."""
        return self.videos * sum(self.minutes) / self.probed if self.minutes else None


@dataclass(frozen=True)
class StageForecast:
    """One stage over all videos. Seconds are those of one process."""

    name: str
    unit: Unit
    seconds_per_unit: float
    seconds: float
    """In all, without loading."""
    low: float | None
    high: float | None
    """The range that the videos tried leave open; ``None`` when only one was tried."""
    share: float
    """Of the time of all stages, 0 to 1."""
    load_seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a run over all videos will take."""

    stages: tuple[StageForecast, ...]
    workers: int
    seconds: float
    """Wall time with so many workers, as if they did not slow each other down."""
    low: float | None
    high: float | None
    clips: float
    output_bytes: float
    worker_bytes: int
    """Memory of one worker."""
    gpu_bytes: int | None
    """Memory of a GPU for the workers that share it; ``None`` without one."""
    gpu_total_bytes: int | None
    """Memory of a GPU."""

    @property
    def bottleneck(self) -> StageForecast:
        """The stage that takes the most time."""
        return max(self.stages, key=lambda stage: stage.seconds)


def forecast(trial: Trial, extent: Extent, workers: int, *, loads: int = 1) -> Forecast:
    """Predict a run over all videos.

    Time of the stages before ``explode_clips`` grows with the minutes of video, that of the others with the clips, of
    which a minute has as many as in the videos tried. The ranges come from drawing the videos that were tried (and,
    where not all were asked for their length, the lengths) again with replacement: they know nothing of videos of
    another kind, and few videos make them too narrow.

    Args:
        trial: at least one video.
        extent: how much there is.
        workers: worker processes; 0 counts as 1.
        loads: how often each worker loads its models.

    Raises:
        SourceError: when all videos that were tried failed.
    """
    if all(video.failed and not video.clips for video in trial.videos):
        raise SourceError(f"all {len(trial.videos)} videos that were tried failed: nothing to predict from")
    side_by_side = max(1, min(workers, extent.videos))
    names = [*trial.video_stages, *trial.clip_stages]
    whole = _Prediction.of(trial.videos, trial, extent, extent.minutes)
    drawn = _redrawn(trial, extent)
    total, load = sum(whole.seconds), loads * sum(trial.load_seconds.values())
    totals = [sum(one.seconds) / side_by_side + load for one in drawn]
    stages = [
        StageForecast(
            name=name,
            unit="clip" if name in trial.clip_stages else "video" if extent.total_minutes is None else "video minute",
            seconds_per_unit=whole.rates[i],
            seconds=whole.seconds[i],
            low=_quantile([one.seconds[i] for one in drawn], RANGE[0]),
            high=_quantile([one.seconds[i] for one in drawn], RANGE[1]),
            share=whole.seconds[i] / total if total else 0.0,
            load_seconds=trial.load_seconds.get(name, 0.0),
        )
        for i, name in enumerate(names)
    ]
    return Forecast(
        stages=tuple(stages),
        workers=side_by_side,
        seconds=total / side_by_side + load,
        low=_quantile(totals, RANGE[0]),
        high=_quantile(totals, RANGE[1]),
        clips=whole.clips,
        output_bytes=whole.output_bytes,
        worker_bytes=trial.peak_bytes,
        gpu_bytes=None if trial.gpu_bytes is None else trial.gpu_bytes * -(-side_by_side // max(1, trial.gpus)),
        gpu_total_bytes=trial.gpu_total_bytes,
    )


@dataclass(frozen=True)
class _Prediction:
    rates: tuple[float, ...]
    seconds: tuple[float, ...]
    clips: float
    output_bytes: float

    @classmethod
    def of(cls, videos: Sequence[VideoTrial], trial: Trial, extent: Extent, minutes: Sequence[float]) -> _Prediction:
        """From these of the videos tried, and these lengths."""
        tried_minutes = sum(video.minutes or 0.0 for video in videos)
        known = bool(minutes) and tried_minutes > 0
        there = extent.videos * sum(minutes) / extent.probed if known else float(extent.videos)
        here = tried_minutes if known else float(len(videos))
        clips = there * sum(video.clips for video in videos) / here
        tried = sum(video.tried for video in videos)

        def spent(name: str) -> float:
            return sum(video.seconds.get(name, 0.0) for video in videos)

        rates = [spent(name) / here for name in trial.video_stages]
        seconds = [rate * there for rate in rates]
        clip_rates = [spent(name) / tried if tried else 0.0 for name in trial.clip_stages]
        size = sum(video.output_bytes for video in videos) / tried if tried else 0.0
        return cls(
            rates=(*rates, *clip_rates),
            seconds=(*seconds, *(rate * clips for rate in clip_rates)),
            clips=clips,
            output_bytes=size * clips,
        )


def _redrawn(trial: Trial, extent: Extent) -> list[_Prediction]:
    """Predictions from the videos tried drawn again with replacement; none when only one was tried."""
    if len(trial.videos) < 2:
        return []
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        videos = [trial.videos[i] for i in rng.integers(len(trial.videos), size=len(trial.videos))]
        minutes: Sequence[float] = extent.minutes
        if extent.probed < extent.videos and minutes:
            minutes = rng.choice(minutes, size=len(minutes)).tolist()
        if any(video.clips for video in videos):
            drawn.append(_Prediction.of(videos, trial, extent, minutes))
    return drawn


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
