"""`RayExecutor`: videos stream through pools of actors on the machines of a Ray cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import dill
import pyarrow as pa
import ray
from ray.data import DataContext, Dataset
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from panda_hf.errors import PandaError
from panda_hf.running import spool
from panda_hf.running.halfway import Halfway
from panda_hf.running.plan import Plan
from panda_hf.running.seat_work import SeatWorker
from panda_hf.running.seats import Asked, Cluster, Seat, seats_of
from panda_hf.running.shard import Work
from panda_hf.running.spool import Job

Sent = dict[str, Any]
"""A row of Ray Data: the ``number`` of a video in this run and the ``video`` itself, by pickle."""


@dataclass
class RayExecutor:
    """Run videos as one job of Ray Data: a pool of actors for each seat, see :mod:`panda_hf.running.seats`.

    Between machines go the row of a video, the rows of its clips and what stages wrote, never frames. Each actor works
    in a process apart, so that errors, crashes and the time limit (here for each seat) make the rows that
    ``LocalExecutor`` makes; batches are those of ``LocalExecutor`` too. Results are written on this machine. When a
    machine is lost, Ray lets others do again what was there. Videos are handed out as there is room.
    """

    plan: Plan
    time_limit_seconds: float | None
    address: str | None = None
    """Of the cluster; ``None``: that of ``$RAY_ADDRESS``, else one of this machine is started."""
    asked: Asked = field(default_factory=dict)

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run the jobs; yield each when its result is there."""
        waiting = iter(jobs)
        for first in waiting:  # a run that has nothing left to do starts nothing
            with _connected(self.address):
                yield from self._run(enumerate(chain([first], waiting)))

    def _run(self, waiting: Iterator[tuple[int, Job]]) -> Iterator[Job]:
        there = ray.cluster_resources()
        seats = seats_of(self.plan, Cluster(there.get("CPU", 0.0), there.get("GPU", 0.0)), self.asked)
        feed: Any = ray.remote(_Feed).options(num_cpus=0, scheduling_strategy=_here()).remote()
        results: Any = iter(self._streamed(seats, feed).iter_rows())
        under_way: dict[int, Job] = {}
        room = 2 * sum(seat.actors for seat in seats) + 2
        try:
            while True:
                wanted = room - len(under_way)
                new = dict(islice(waiting, wanted))
                for number, job in new.items():
                    ray.get(feed.put.remote(number, pickle.dumps(Halfway.begin(self.plan, job))))
                if len(new) < wanted:
                    ray.get(feed.end.remote())  # else Ray keeps the last video back, waiting for one behind it
                under_way |= new
                if not under_way:
                    break
                number, video = _next(results)
                if number in under_way:  # else it came twice, after a machine was lost
                    ray.get(feed.drop.remote(number))
                    yield self._finished(under_way.pop(number), video)
        finally:
            results.close()
            ray.kill(feed)

    def _streamed(self, seats: list[Seat], feed: Any) -> Dataset:
        """The job: a source that hands out videos one by one, and a pool of actors for each seat."""
        context = DataContext.get_current().copy()
        context.target_max_block_size = 1  # each video is a block of its own, and goes on at once
        context.enable_progress_bars = False
        with DataContext.current(context):
            videos = ray.data.read_datasource(
                _Source(feed), override_num_blocks=1, ray_remote_args={"num_cpus": 0, "scheduling_strategy": _here()}
            )
            known = {"plan": dill.dumps(self.plan), "limit_seconds": self.time_limit_seconds, "paths": sys.path}
            for seat in seats:
                needs = seat.resources
                videos = videos.map(
                    _Actor,
                    fn_constructor_kwargs={**known, "seat": seat},
                    compute=ray.data.ActorPoolStrategy(size=seat.actors, max_tasks_in_flight_per_actor=1),
                    num_cpus=needs.num_cpus,
                    num_gpus=needs.num_gpus,
                )
        return videos

    def _finished(self, job: Job, video: Halfway | Exception) -> Job:
        if isinstance(video, Exception):
            raise video
        video.job = job
        part = spool.part_folder(job.folder)
        video.finish(Work(self.plan, part, "", None, lambda name: None, video.seconds))
        return job


def _next(results: Iterator[Sent]) -> tuple[int, Halfway | Exception]:
    row = next(results, None)
    if row is None:
        raise PandaError("the Ray job ended before all videos were done; the same command goes on with the others")
    return row["number"], pickle.loads(row["video"]) if row["video"] else PandaError("a video was dropped")


class _Feed:
    """Videos that are under way, by number, so that the source can hand them out, and do so again."""

    def __init__(self) -> None:
        self._videos: dict[int, bytes] = {}
        self._known = 0
        self._ended = False
        self._news = asyncio.Condition()

    async def put(self, number: int, video: bytes) -> None:
        async with self._news:
            self._videos[number], self._known = video, number + 1
            self._news.notify_all()

    async def drop(self, number: int) -> None:
        del self._videos[number]

    async def end(self) -> None:
        async with self._news:
            self._ended = True
            self._news.notify_all()

    async def get(self, number: int) -> bytes | None:
        """A video when it is there, nothing of one that is done; ``None`` when no more will come."""
        async with self._news:
            await self._news.wait_for(lambda: number < self._known or self._ended)
        return self._videos.get(number, b"") if number < self._known else None


class _Source(Datasource):
    """The videos of a feed, each a block."""

    def __init__(self, feed: Any) -> None:
        super().__init__()
        self._feed = feed

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        feed = self._feed

        def read() -> Iterator[pa.Table]:
            number = 0
            while (video := ray.get(feed.get.remote(number))) is not None:
                yield pa.table(
                    {"number": pa.array([number], pa.int64()), "video": pa.array([video], pa.large_binary())}
                )
                number += 1

        known = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, known)]


class _Actor:
    """A worker of a seat as Ray Data wants it."""

    def __init__(self, **known: Any) -> None:
        if not known["seat"].resources.num_gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._worker = SeatWorker(**known)

    def __call__(self, row: Sent) -> Sent:
        video = pickle.loads(row["video"]) if row["video"] else None
        if not isinstance(video, Halfway):
            return row
        try:
            done: Halfway | Exception = self._worker.run(video)
        except Exception as error:  # ends the run, on the machine where it was started
            done = error
        return {**row, "video": pickle.dumps(done)}


def _here() -> NodeAffinitySchedulingStrategy:
    """This machine: what the source holds goes when this process goes, and only then."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Connected with a cluster; with one that the caller is connected with already, if there is one."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own: dict[str, Any] = {} if address or os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # this package shows its own progress
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise PandaError(f"no Ray cluster answers at {address or 'this machine'}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()
