"""What a worker of a seat does: its stages on one video, in a process of its own that may die."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from panda_hf.running.halfway import FramesForgotten, Halfway
from panda_hf.running.local import MAX_VIDEOS_PER_WORKER, failure_of
from panda_hf.running.plan import Plan
from panda_hf.running.process import Died, WorkerProcess
from panda_hf.running.seats import Seat
from panda_hf.running.shard import Work
from panda_hf.running.spool import shard_name
from panda_hf.video import by_reference

_PREFIX = "panda_hf_seat_"


def run_seat(
    plan: Plan,
    seat: Seat,
    video: Halfway,
    *,
    rank: int | None,
    on_stage: Callable[[str], None] = lambda name: None,
    scratch: Path | None = None,
) -> Halfway:
    """Run the stages of a seat on a video.

    Args:
        plan, seat, video: what is run on what.
        rank: handed to the stages.
        on_stage: told the name of each stage before it runs.
        scratch: folder for what is written on the way; ``None``: the system's.

    Returns:
        The video, with the pictures and clips that were made here as bytes.

    Raises:
        PandaError, OSError: see :func:`panda_hf.running.shard.run_video`; everything else fails the video.
    """
    with _folder(scratch) as folder:
        work = Work(plan, Path(folder), f"media/{shard_name(video.job.shard)}", rank, on_stage, video.seconds)
        with video.guarded(seat.called(plan)):
            _run(work, seat, video)
        found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        video.files |= {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return video


def _run(work: Work, seat: Seat, video: Halfway) -> None:
    if seat.of_video:
        for stage in seat.stages(work.plan):
            video.run_on_video(work, stage)
        video.explode(work)
        return
    source = video.job.row.get("video")
    if source and source.get("bytes") is not None:
        by_reference(source)  # clips refer to a file in the cache, which this machine may not have yet
    size = seat.resources.batch_size or work.plan.batch_size
    video.rebatch(size)
    video.run_on_clips(
        work, seat.stages(work.plan), FramesForgotten(work.part / "thumbnails" if seat.pictures else None)
    )


class SeatWorker:
    """A worker of a seat, with the process that does the work: it may crash, or be killed at the time limit."""

    def __init__(self, plan: bytes, seat: Seat, limit_seconds: float | None, paths: list[str]) -> None:
        """Prepare; the process starts with the first video.

        Args:
            plan: by dill.
            seat: whose stages are run.
            limit_seconds: for a video on this seat.
            paths: where the modules of the run may lie, beside those that this machine knows.
        """
        sys.path += [path for path in paths if path not in sys.path]
        self._plan = plan
        self._seat = seat
        self._limit = limit_seconds
        self._folder = _folder()
        self._process: WorkerProcess | None = None

    def run(self, video: Halfway) -> Halfway:
        """Run the stages; a video that takes the process down twice, or takes too long, carries its failure on."""
        for attempt in (1, 2):
            try:
                with _folder(self._there()) as scratch:  # a killed process tidies nothing
                    task = partial(run_seat, seat=self._seat, video=video, scratch=Path(scratch))
                    return self._started().run(task, self._limit)
            except Died as death:
                self._end()
                if death.expired or attempt == 2:
                    video.failure = (failure_of(death, video.job, self._limit), death.stage)
                    return video
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the process and remove what it wrote."""
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _there(self) -> Path:
        """The worker's folder; made anew if it was removed, as old files in temporary folders are."""
        if not Path(self._folder.name).is_dir():
            self._folder = _folder()
        return Path(self._folder.name)

    def _started(self) -> WorkerProcess:
        if self._process is not None and (not self._process.alive or self._process.videos >= MAX_VIDEOS_PER_WORKER):
            self._end()
        if self._process is None:
            threads = max(1, int(self._seat.resources.num_cpus))
            self._process = WorkerProcess(self._plan, 0, threads, self._there() / "worker.log")
            self._process.wait_until_ready()
        return self._process


def _folder(within: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """One that goes with what holds it, as far as it can be removed."""
    return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=within, ignore_cleanup_errors=True)
