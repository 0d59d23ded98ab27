"""A video between two steps: what is known of it so far, as plain values, and how it goes on."""

from __future__ import annotations

import contextlib
import logging
import pickle
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from panda_hf import schema
from panda_hf.clips import explode_batch
from panda_hf.running import spool
from panda_hf.running.plan import Plan, looks_at_frames
from panda_hf.running.shard import (
    DISK_ERRORS,
    FATAL,
    MAX_WARNINGS,
    Work,
    batches,
    collected_warnings,
    columns_of,
    fail_video,
    video_result,
    write_thumbnails,
)
from panda_hf.running.spool import Job
from panda_hf.stage import Batch, Failure, Row, Stage

log = logging.getLogger(__name__)


class Frames(Protocol):
    """Where the frames of a batch of clips are between two steps."""

    def added(self, number: int, batch: Batch) -> Batch:
        """The batch with its frames, where there are any."""

    def taken(self, number: int, batch: Batch) -> Batch:
        """The batch without its frames."""


@dataclass
class FramesOnDisk:
    """Frames that wait in a folder for the next step."""

    folder: Path

    def added(self, number: int, batch: Batch) -> Batch:
        """See :class:`Frames`."""
        path = self._place(number)
        return {**batch, **pickle.loads(path.read_bytes())} if path.exists() else batch

    def taken(self, number: int, batch: Batch) -> Batch:
        """See :class:`Frames`."""
        frames = {name: batch[name] for name in schema.FRAMES_COLUMNS if name in batch}
        if frames and not self._place(number).exists():
            self.folder.mkdir(exist_ok=True)
            self._place(number).write_bytes(pickle.dumps(frames))
        return without_frames(batch)

    def _place(self, number: int) -> Path:
        return self.folder / f"{number}.pickle"


@dataclass
class FramesForgotten:
    """Frames that serve the stages of one place, and are decoded anew elsewhere."""

    pictures: Path | None
    """The folder for pictures of the clips; ``None``: none are made."""

    def added(self, number: int, batch: Batch) -> Batch:
        """See :class:`Frames`."""
        return batch

    def taken(self, number: int, batch: Batch) -> Batch:
        """See :class:`Frames`."""
        if self.pictures is not None:
            write_thumbnails(self.pictures, batch)
        return without_frames(batch)


@dataclass
class Halfway:
    """A video between two steps, without its frames; it can be sent to another process, or another machine."""

    job: Job
    split: Batch
    """The row of the video, as a batch of one."""
    clips: list[Batch] = field(default_factory=list)
    clip_rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """What each stage took."""
    warnings: list[str] = field(default_factory=list)
    failure: tuple[Failure, str] | None = None
    """And the step; nothing more is done with the video then."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Pictures and clips that were made on another machine, by their place in the result."""

    @classmethod
    def begin(cls, plan: Plan, job: Job) -> Halfway:
        """A video before its first step."""
        return cls(job, {name: [job.row.get(name)] for name in [*plan.input_features, "filtered", "error"]})

    @contextlib.contextmanager
    def guarded(self, step: str) -> Iterator[None]:
        """Keep what is warned of; what is raised fails this video, unless every other one would meet it too."""
        with collected_warnings() as found:
            try:
                yield
            except Exception as error:  # the video becomes an error row
                if isinstance(error, FATAL) or getattr(error, "errno", None) in DISK_ERRORS:
                    raise
                log.warning("%s: %s", self.job.name, error, exc_info=True)
                self.failure = (Failure.of(error), step)
        self.warnings = [*self.warnings, *found][:MAX_WARNINGS]

    def run_on_video(self, work: Work, stage: Stage) -> None:
        """One step before ``explode_clips``."""
        if self.failure is None and self.job.clips is None:
            self.split = work.run(stage, self.split)

    def explode(self, work: Work) -> None:
        """From the row of the video to those of its clips, where they are not there already."""
        if self.failure is None:
            there = self.job.clips
            rows = explode_batch(self.split) if there is None else columns_of(there, work.plan)
            self.clip_rows = len(rows["clip_id"])
            self.clips = list(batches(rows, work.plan.batch_size))

    def rebatch(self, size: int) -> None:
        """Let the stages to come see so many clips at once."""
        rows: Batch = {}
        for batch in self.clips:
            for name, values in batch.items():
                rows.setdefault(name, []).extend(values)
        self.clips = list(batches(rows, size)) if rows else []

    def run_on_clips(self, work: Work, stages: Sequence[Stage], frames: Frames) -> None:
        """Steps after ``explode_clips``, batch by batch."""
        if self.failure is not None:
            return
        looks = any(map(looks_at_frames, stages))
        for number, batch in enumerate(self.clips):
            batch = frames.added(number, batch) if looks else batch
            for stage in stages:
                batch = work.run(stage, batch)
            self.clips[number] = frames.taken(number, batch)

    def finish(self, work: Work) -> None:
        """Leave the result in the folder of the job."""
        with self.guarded("finish"):
            if self.failure is None:
                self._write(work)
        if self.failure is not None:
            fail_video(work.plan, self.job, *self.failure)
            shutil.rmtree(work.part, ignore_errors=True)

    def _write(self, work: Work) -> None:
        for name, content in self.files.items():
            (work.part / name).parent.mkdir(parents=True, exist_ok=True)
            (work.part / name).write_bytes(content)
        rows = [{name: batch[name][i] for name in batch} for batch in self.clips for i in range(len(batch["clip_id"]))]
        known = {"clip_rows": self.clip_rows, "stage_seconds": self.seconds, "warnings": self.warnings}
        spool.finish(work.part, self.job.folder, work.plan, self._row(rows), rows, **known)

    def _row(self, clips: list[Row]) -> Row:
        if self.job.clips is not None:
            return self.job.row
        return video_result({name: values[0] for name, values in self.split.items()}, clips)


def without_frames(batch: Batch) -> Batch:
    """The columns of the output."""
    return {name: values for name, values in batch.items() if name not in schema.FRAMES_COLUMNS}
