"""`OneModelAtATime`: many videos through one step, then through the next, so that models need not fit side by side."""

from __future__ import annotations

import contextlib
import logging
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from panda_hf import schema
from panda_hf.clips import explode_batch
from panda_hf.models.release import release_models
from panda_hf.running import spool
from panda_hf.running.plan import Plan
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

_FRAMES = "frames"
"""The folder, in that of a video, where its frames wait for the next step."""


@dataclass
class OneModelAtATime:
    """Run groups of videos in this process: each step on all of them, and its models are released before the next.

    Results, errors and resuming are those of the other executors; there is no time limit and no protection from
    crashes. A run that is stopped does the videos of the group again. Frames wait on disk, in the folder of the run.
    """

    plan: Plan
    videos_at_once: int
    """The larger, the less often models are loaded: each once per group."""

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run the jobs, a group at a time; yield them as their group is done."""
        waiting = iter(jobs)
        while group := list(islice(waiting, self.videos_at_once)):
            self._run_group(group)
            yield from group

    def _run_group(self, jobs: list[Job]) -> None:
        videos = [_Video.begin(self.plan, job) for job in jobs]
        for stage in self.plan.video_stages:
            self._step(videos, stage, _Video.run_on_video)
        for video in videos:
            with video.guarded("explode_clips"):
                video.explode()
        for stage in self.plan.clip_stages if self.plan.redone is None else self.plan.redone:
            self._step(videos, stage, _Video.run_on_clips)
        for video in videos:
            video.finish()

    def _step(self, videos: list[_Video], stage: Stage, run: Callable[[_Video, Stage], None]) -> None:
        for video in videos:
            with video.guarded(stage.name):
                run(video, stage)
        release_models()


@dataclass
class _Video:
    """A video between two steps."""

    job: Job
    work: Work
    split: Batch
    clips: list[Batch] = field(default_factory=list)  # without their frames
    clip_rows: int = 0
    warnings: list[str] = field(default_factory=list)
    failure: tuple[Failure, str] | None = None  # and the step; nothing more is done with it then

    @classmethod
    def begin(cls, plan: Plan, job: Job) -> _Video:
        """A video before its first step."""
        work = Work(
            plan, spool.part_folder(job.folder), f"media/{spool.shard_name(job.shard)}", None, lambda name: None
        )
        columns = [*plan.input_features, "filtered", "error"]
        return cls(job, work, {name: [job.row.get(name)] for name in columns})

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

    def run_on_video(self, stage: Stage) -> None:
        """One step before ``explode_clips``."""
        if self.failure is None and self.job.clips is None:
            self.split = self.work.run(stage, self.split)

    def explode(self) -> None:
        """From the row of the video to those of its clips, where they are not there already."""
        if self.failure is None:
            there = self.job.clips
            rows = explode_batch(self.split) if there is None else columns_of(there, self.work.plan)
            self.clip_rows = len(rows["clip_id"])
            self.clips = list(batches(rows, self.work.plan.batch_size))

    def run_on_clips(self, stage: Stage) -> None:
        """One step after ``explode_clips``, batch by batch."""
        if self.failure is not None:
            return
        looks = not schema.FRAMES_COLUMNS.keys().isdisjoint((*stage.reads, *stage.uses))
        for number, batch in enumerate(self.clips):
            batch = self.work.run(stage, self._with_frames(number, batch) if looks else batch)
            self.clips[number] = self._without_frames(number, batch)

    def finish(self) -> None:
        """Leave the result in the folder of the job."""
        with self.guarded("finish"):
            if self.failure is None:
                self._write()
        if self.failure is not None:
            fail_video(self.work.plan, self.job, *self.failure)
            shutil.rmtree(self.work.part, ignore_errors=True)

    def _write(self) -> None:
        rows: list[Row] = []
        for number, batch in enumerate(self.clips):
            if self.work.plan.thumbnails:
                write_thumbnails(self.work.part / "thumbnails", self._with_frames(number, batch))
            names = [name for name in batch if name not in schema.FRAMES_COLUMNS]
            rows += [{name: batch[name][i] for name in names} for i in range(len(batch["clip_id"]))]
        shutil.rmtree(self.work.part / _FRAMES, ignore_errors=True)
        spool.finish(
            self.work.part,
            self.job.folder,
            self.work.plan,
            self._row(rows),
            rows,
            clip_rows=self.clip_rows,
            stage_seconds=self.work.seconds,
            warnings=self.warnings,
        )

    def _row(self, clips: list[Row]) -> Row:
        if self.job.clips is not None:
            return self.job.row
        return video_result({name: values[0] for name, values in self.split.items()}, clips)

    def _with_frames(self, number: int, batch: Batch) -> Batch:
        path = self._place(number)
        return {**batch, **pickle.loads(path.read_bytes())} if path.exists() else batch

    def _without_frames(self, number: int, batch: Batch) -> Batch:
        frames = {name: batch[name] for name in schema.FRAMES_COLUMNS if name in batch}
        if frames and not self._place(number).exists():
            self._place(number).parent.mkdir(exist_ok=True)
            self._place(number).write_bytes(pickle.dumps(frames))
        return {name: values for name, values in batch.items() if name not in frames}

    def _place(self, number: int) -> Path:
        return self.work.part / _FRAMES / f"{number}.pickle"
