"""`OneModelAtATime`: many videos through one step, then through the next, so that models need not fit side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from panda_hf.models.release import release_models
from panda_hf.running import spool
from panda_hf.running.halfway import FramesOnDisk, Halfway
from panda_hf.running.plan import Plan
from panda_hf.running.shard import Work, write_thumbnails
from panda_hf.running.spool import Job
from panda_hf.stage import Stage

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
            with video.known.guarded("explode_clips"):
                video.known.explode(video.work)
        for stage in self.plan.clip_stages if self.plan.redone is None else self.plan.redone:
            self._step(videos, stage, _Video.run_on_clips)
        for video in videos:
            video.finish()

    def _step(self, videos: list[_Video], stage: Stage, run: Callable[[_Video, Stage], None]) -> None:
        for video in videos:
            with video.known.guarded(stage.name):
                run(video, stage)
        release_models()


@dataclass
class _Video:
    """A video between two steps, and the folder where its result grows."""

    known: Halfway
    work: Work
    frames: FramesOnDisk

    @classmethod
    def begin(cls, plan: Plan, job: Job) -> _Video:
        """A video before its first step."""
        known, part = Halfway.begin(plan, job), spool.part_folder(job.folder)
        media = f"media/{spool.shard_name(job.shard)}"
        work = Work(plan, part, media, None, lambda name: None, known.seconds)
        return cls(known, work, FramesOnDisk(part / _FRAMES))

    def run_on_video(self, stage: Stage) -> None:
        """One step before ``explode_clips``."""
        self.known.run_on_video(self.work, stage)

    def run_on_clips(self, stage: Stage) -> None:
        """One step after ``explode_clips``."""
        self.known.run_on_clips(self.work, [stage], self.frames)

    def finish(self) -> None:
        """Leave the result in the folder of the job."""
        with self.known.guarded("finish"):
            if self.known.failure is None and self.work.plan.thumbnails:
                for number, batch in enumerate(self.known.clips):
                    write_thumbnails(self.work.part / "thumbnails", self.frames.added(number, batch))
            shutil.rmtree(self.frames.folder, ignore_errors=True)
        self.known.finish(self.work)
