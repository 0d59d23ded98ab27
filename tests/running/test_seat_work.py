"""Videos that are handed from seat to seat, as a cluster does it: the rows of a run on one machine."""

from __future__ import annotations

import importlib
import pickle
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dill
import pyarrow.parquet as pq
import pytest

from panda_hf.errors import CheckpointError, PandaError
from panda_hf.running import curate, spool
from panda_hf.running.halfway import Halfway
from panda_hf.running.inputs import list_videos
from panda_hf.running.plan import Plan
from panda_hf.running.seat_work import SeatWorker, run_seat
from panda_hf.running.seats import Asked, Cluster, seats_of
from panda_hf.running.shard import Work
from panda_hf.running.spool import Job
from tests.running.fakes import FakeCaption, fake_steps, write_videos

APART: Asked = {"FakeCaption": {"seat": "alone"}, "SetAside": {"seat": "first", "batch_size": 3}}


@dataclass
class HandedOn:
    """Every seat in this process; between two of them a video is bytes."""

    plan: Plan
    asked: Asked
    sizes: list[int] = field(default_factory=list)

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in jobs:
            video = Halfway.begin(self.plan, job)
            for seat in seats_of(self.plan, Cluster(8), self.asked):
                sent = pickle.dumps(run_seat(self.plan, seat, video, rank=None))
                self.sizes.append(len(sent))
                video = pickle.loads(sent)
            video.finish(Work(self.plan, spool.part_folder(job.folder), "", None, print, video.seconds))
            yield job


def rows_of(out: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: [row for file in sorted((out / kind).rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]
        for kind in ("clips", "videos")
    }


@pytest.mark.parametrize("asked", [{}, APART])
def test_the_rows_and_pictures_are_those_of_a_run_on_one_machine(tmp_path: Path, monkeypatch, asked: Asked) -> None:
    videos = write_videos(tmp_path / "videos", a=3, b=0, c="broken", d=5)
    options: dict[str, Any] = {"steps": fake_steps(fails_on=4), "progress": False, "batch_size": 2, "num_workers": 0}
    curate(videos, tmp_path / "one", **options)
    module = importlib.import_module("panda_hf.running.curate")
    monkeypatch.setattr(module, "executor_for", lambda plan, *others: HandedOn(plan, asked))
    curate(videos, tmp_path / "other", **options)
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "other")
    pictures = [
        {path.name: path.read_bytes() for path in (tmp_path / n / "thumbnails").iterdir()} for n in ("one", "other")
    ]
    assert pictures[0] == pictures[1] and len(pictures[0]) == 8


def halfway(tmp_path: Path, words: str) -> tuple[Plan, Halfway]:
    write_videos(tmp_path / "videos", a=words)
    videos = list_videos(tmp_path / "videos")
    plan = Plan.of(fake_steps(), videos.features)
    (entry,) = videos
    return plan, Halfway.begin(plan, Job(0, 0, plan.row(entry.load()), tmp_path / "result"))


def worker(plan: Plan, limit: float | None = 60.0) -> SeatWorker:
    return SeatWorker(dill.dumps(plan), seats_of(plan, Cluster(8))[0], limit, [])


def test_a_video_that_takes_its_process_down_twice_fails_and_the_next_one_does_not(tmp_path: Path) -> None:
    plan, video = halfway(tmp_path, "abort")
    seat = worker(plan)
    try:
        failure, step = seat.run(video).failure or (None, None)
        assert failure is not None and failure.type == "WorkerCrashError" and step == "FakeSplit"
        assert "SIGABRT, twice" in failure.message
        Path(video.job.row["video"]["path"]).write_text("2")
        assert seat.run(Halfway.begin(plan, video.job)).clip_rows == 2
    finally:
        seat.close()


def test_a_video_that_takes_too_long_fails(tmp_path: Path) -> None:
    plan, video = halfway(tmp_path, "hang")
    seat = worker(plan, limit=5.0)
    try:
        failure, _ = seat.run(video).failure or (None, None)
        assert failure is not None and failure.type == "TimeLimitError"
    finally:
        seat.close()


@pytest.mark.parametrize("words", ["abort", "hang"])
def test_a_process_that_is_ended_leaves_nothing_behind(tmp_path: Path, monkeypatch, words: str) -> None:
    plan, video = halfway(tmp_path, words)
    (tmp_path / "system").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "system"))
    monkeypatch.setattr("tempfile.tempdir", None)
    seat = worker(plan, limit=5.0)
    try:
        assert seat.run(video).failure
        assert [path.name for path in (tmp_path / "system").rglob("*") if path.is_file()] == ["worker.log"]
        assert len(list((tmp_path / "system").rglob("*"))) == 2
    finally:
        seat.close()
    assert not list((tmp_path / "system").iterdir())


def test_a_worker_goes_on_where_its_folder_was_removed(tmp_path: Path, monkeypatch) -> None:
    plan, video = halfway(tmp_path, "2")
    (tmp_path / "system").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "system"))
    monkeypatch.setattr("tempfile.tempdir", None)
    seat = worker(plan)
    try:
        for _ in range(2):
            shutil.rmtree(next((tmp_path / "system").iterdir()))
            assert seat.run(Halfway.begin(plan, video.job)).clip_rows == 2
    finally:
        seat.close()
    assert not list((tmp_path / "system").iterdir())


def test_frames_do_not_travel(tmp_path: Path) -> None:
    plan, video = halfway(tmp_path, "2")
    for seat in seats_of(plan, Cluster(8), APART):
        video = run_seat(plan, seat, video, rank=None)
        assert all("frames" not in batch for batch in video.clips)


def test_what_every_video_would_meet_ends_the_run(tmp_path: Path) -> None:
    _, video = halfway(tmp_path, "1")
    lacking = Plan.of([*fake_steps()[:-1], FakeCaption(needs_checkpoint=True)], {**video.job.row})
    first, second = seats_of(lacking, Cluster(8))
    with pytest.raises(CheckpointError):
        run_seat(lacking, second, run_seat(lacking, first, video, rank=None), rank=None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"executor": "ray", "num_workers": 2}, "num_workers"),
        ({"executor": "ray", "one_model_at_a_time": True}, "one_model_at_a_time"),
        ({"executor": "spark"}, "'spark'.*local.*ray"),
        ({"address": "auto"}, "address='auto'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        curate(write_videos(tmp_path / "videos", a=1), tmp_path / "out", steps=fake_steps(), **options)


def test_without_ray_it_is_said_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "panda_hf.running.on_ray", None)
    with pytest.raises(PandaError, match=r"pip install 'panda_hf\[ray\]'"):
        curate(write_videos(tmp_path / "v", a=1), tmp_path / "out", steps=fake_steps(), executor="ray", progress=False)
