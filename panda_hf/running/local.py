"""Executors: who runs the videos. `LocalExecutor` uses processes of this machine, `InProcess` this one."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import dill

from panda_hf.models.devices import available_cores
from panda_hf.running.plan import Plan
from panda_hf.running.process import Died, WorkerProcess
from panda_hf.running.shard import fail_video, run_video
from panda_hf.running.spool import Job
from panda_hf.stage import Failure

log = logging.getLogger(__name__)

MAX_VIDEOS_PER_WORKER = 500
"""A worker is replaced after so many videos, whatever its libraries may have kept."""
MIN_WORKER_BYTES = 2 * 2**30
"""A worker that holds more after a video, and more than half its share of the machine, is replaced."""


class Executor(Protocol):
    """Whoever runs videos. After a job is yielded, its result (or its error row) lies in ``job.folder``."""

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run the jobs, in any order, taking each only when there is room for it; yield them as they finish."""


@dataclass
class InProcess:
    """Run one video after the other in this process: for debugging. No time limit, no protection from crashes."""

    plan: Plan

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run the jobs in order."""
        for job in jobs:
            run_video(self.plan, job)
            yield job


@dataclass
class LocalExecutor:
    """Run videos in worker processes, one at a time each.

    A video that takes longer than the limit, or twice takes its worker down with it, becomes an error row; the others
    go on in a fresh worker.
    """

    plan: Plan
    num_workers: int
    time_limit_seconds: float | None
    log_folder: Path
    """Where the standard errors of the workers go."""
    _idle: queue.LifoQueue[WorkerProcess | int] = field(default_factory=queue.LifoQueue, repr=False)
    _alive: set[WorkerProcess] = field(default_factory=set, repr=False)
    _closing: threading.Event = field(default_factory=threading.Event, repr=False)

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run the jobs on all workers; when the caller stops early, all workers are ended.

        Raises:
            PandaError: when something happens that every video would meet, such as a missing checkpoint.
        """
        waiting = iter(jobs)
        self._plan_bytes = dill.dumps(self.plan)
        for rank in reversed(range(self.num_workers)):
            self._idle.put(rank)
        with ThreadPoolExecutor(self.num_workers, thread_name_prefix="panda_hf") as pool:
            try:
                running = {pool.submit(self._run, job) for job in islice(waiting, self.num_workers)}
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    finished = [future.result() for future in done]
                    running |= {pool.submit(self._run, job) for job in islice(waiting, len(finished))}
                    yield from finished
            finally:
                self._close()

    def _run(self, job: Job) -> Job:
        """Run one job, twice when the worker dies; leave a result in any case."""
        slot = self._idle.get()
        rank = slot if isinstance(slot, int) else slot.rank
        try:
            for attempt in (1, 2):
                worker = slot if isinstance(slot, WorkerProcess) else self._start(rank)
                try:
                    slot = rank
                    worker.run(partial(run_video, job=job), self.time_limit_seconds)
                    slot = worker if self._is_fresh(worker) else self._end(worker)
                    return job
                except Died as death:
                    self._end(worker)
                    if death.expired or attempt == 2 or self._closing.is_set():
                        self._fail(job, death)
                        return job
                    log.warning("%s: the worker %s; trying once more", job.name, death.how)
            raise AssertionError("unreachable")
        finally:
            self._idle.put(slot)

    def _fail(self, job: Job, death: Died) -> None:
        if not self._closing.is_set():
            fail_video(self.plan, job, failure_of(death, job, self.time_limit_seconds), death.stage)

    def _start(self, rank: int) -> WorkerProcess:
        threads = max(1, available_cores() // self.num_workers)
        worker = WorkerProcess(self._plan_bytes, rank, threads, self.log_folder / f"worker-{rank}.log")
        self._alive.add(worker)
        if self._closing.is_set():
            worker.kill()
        worker.wait_until_ready()
        return worker

    def _is_fresh(self, worker: WorkerProcess) -> bool:
        much = max(MIN_WORKER_BYTES, total_memory() // (2 * self.num_workers))
        return worker.alive and worker.videos < MAX_VIDEOS_PER_WORKER and worker.bytes <= much

    def _end(self, worker: WorkerProcess) -> int:
        worker.kill()
        self._alive.discard(worker)
        return worker.rank

    def _close(self) -> None:
        self._closing.set()
        for worker in list(self._alive):
            worker.kill()


def failure_of(death: Died, job: Job, limit_seconds: float | None) -> Failure:
    """What the error row of a video says whose worker died: at the time limit, or for the second time."""
    if death.expired:
        return Failure(
            "TimeLimitError",
            f"{job.name}: not finished within {limit_seconds:g} s, the time limit per video; "
            f"raise time_limit_seconds if it deserves more",
        )
    return Failure("WorkerCrashError", f"{job.name}: the worker process {death.how}, twice; {death.advice}")


def executor_for(plan: Plan, num_workers: int | None, videos: int | None, limit: float | None, logs: Path) -> Executor:
    """Who runs the videos of a plan on this machine.

    Args:
        plan: the steps.
        num_workers: processes; ``None``: one for each core; 0: this process.
        videos: how many there are, where that is known: there are no more workers than videos.
        limit: seconds for a video; ``None``: it may take forever.
        logs: a folder for what workers write to standard error.
    """
    if num_workers == 0:
        return InProcess(plan)
    workers = available_cores() if num_workers is None else num_workers
    return LocalExecutor(plan, max(1, min(workers, workers if videos is None else videos)), limit, logs)


def total_memory() -> int:
    """Bytes of memory of this machine; 16 GiB where it cannot be told."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 16 * 2**30
