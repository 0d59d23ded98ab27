"""What a run shows while it works: a bar on a terminal, a line per shard elsewhere."""

from __future__ import annotations

import logging
import sys
import time
import unicodedata
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from panda_hf.running.accounts import Counts, per_video
from panda_hf.running.spool import Done, Job

log = logging.getLogger(__name__)


SHOWN_STAGES = 3
"""So many stages, the longest, are named while a run goes on."""


class RunProgress:
    """Counts of a run in progress, on standard error. A context manager."""

    def __init__(self, videos: int | None, shown: bool) -> None:
        """Prepare the display.

        Args:
            videos: how many there are; ``None`` when that is not known.
            shown: when false, nothing is printed, and warnings go to ``logging``.
        """
        self._console = Console(stderr=True) if shown else None
        self._bar = _bar(self._console) if self._console and sys.stderr.isatty() else None
        self._task = self._bar.add_task("videos", total=videos, detail="") if self._bar else None
        self._total = videos
        self._started = time.monotonic()
        self._done_before = 0
        self._stages: dict[str, float] = {}
        self._videos = 0
        self._clips = Counts()
        self._failed = 0

    def __enter__(self) -> RunProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def video(self, job: Job, done: Done) -> None:
        """A video is finished: its warnings and the new counts."""
        for warning in done.warnings:
            self._warn(warning if job.name.strip("'") in warning else f"{job.name}: {warning}")
        for stage, seconds in done.stage_seconds.items():
            self._stages[stage] = self._stages.get(stage, 0.0) + seconds
        self._add(1, done.status == "failed", done.clips)

    @property
    def new_videos(self) -> int:
        """Videos that this call finished."""
        return self._videos - self._done_before

    def state(self) -> dict[str, Any]:
        """How far the run is, for whoever looks at it from outside: JSON values. Rates are those of this call."""
        seconds = time.monotonic() - self._started
        return {
            "videos": self._videos,
            "of": self._total,
            "failed": self._failed,
            "clips_kept": self._clips.kept,
            "seconds": round(seconds, 1),
            "videos_per_hour": round(3600 * self.new_videos / seconds, 1) if seconds else None,
            "stage_seconds": {stage: round(spent, 1) for stage, spent in self._stages.items()},
        }

    def skipped(self, shard: dict[str, Any]) -> None:
        """A shard that an earlier run committed."""
        self._done_before += len(shard["video_ids"])
        self._add(len(shard["video_ids"]), shard["videos"]["failed"], Counts(**shard["clips"]))

    def recovered(self, done: Done) -> None:
        """A video that an earlier run finished without committing its shard."""
        self._done_before += 1
        self._add(1, done.status == "failed", done.clips)

    def shard(self, record: dict[str, Any]) -> None:
        """A shard is committed."""
        if self._bar is None:
            self.say(
                f"shard {record['shard']}: {Counts(**record['videos']).equation('videos')}; "
                f"{Counts(**record['clips']).equation('clip rows')}"
            )
            self.say(f"  {self.pace()}")

    def say(self, text: str) -> None:
        """Print a line, if anything is printed."""
        if self._console:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _warn(self, text: str) -> None:
        if self._console:
            self._console.print(
                f"warning: {visible(text)}", markup=False, highlight=False, style="yellow", soft_wrap=True
            )
        else:
            log.warning("%s", visible(text))

    def _where(self) -> str:
        """Where most of the time goes."""
        work = per_video(self._stages, self.new_videos, SHOWN_STAGES)
        return f"; per video {work}" if work else ""

    def pace(self) -> str:
        """How far the run is, how fast it goes, how long it will last at that rate, and where the time goes."""
        state, of = self.state(), "" if self._total is None else f" of {self._total:,}"
        line, rate = f"{self._videos:,}{of} videos", state["videos_per_hour"]
        if rate:
            left = "" if self._total is None else f", {_clock(3600 * (self._total - self._videos) / rate)} left"
            line += f", {rate:,.0f} per hour{left}"
        return line + self._where()

    def _add(self, videos: int, failed: int, clips: Counts) -> None:
        self._videos += videos
        self._failed += failed
        self._clips += clips
        if self._bar and self._task is not None:
            self._bar.update(
                self._task,
                completed=self._videos,
                detail=f"{self._clips.kept} clips kept, {self._failed} videos failed{self._where()}",
            )


def visible(text: str) -> str:
    """Text from outside without characters that steer a terminal."""
    return "".join(
        c if unicodedata.category(c)[0] != "C" else " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes else f"{seconds:.0f} s"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
