"""Runs on a Ray cluster of two nodes, which are processes of this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panda_hf.errors import CheckpointError, OutputError
from panda_hf.running import curate
from panda_hf.running.folder import locked
from tests.running.fakes import fake_steps, write_videos
from tests.running.test_seat_work import rows_of

pytestmark = pytest.mark.slow
HALF: dict[str, Any] = {"num_cpus": 0.5, "actors": 1}
APART = {"FakeSplit": HALF, "SetAside": HALF, "FakeFrames": HALF, "FakeCaption": {**HALF, "seat": "alone"}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    nodes = {"num_cpus": 1, "object_store_memory": 200 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**nodes, "include_dashboard": False})
    cluster.add_node(**nodes)
    yield cluster
    cluster.shutdown()


def options(cluster: Any, **others: Any) -> dict[str, Any]:
    known = {"progress": False, "videos_per_shard": 2, "batch_size": 2, "steps": fake_steps(fails_on=4)}
    return {"executor": "ray", "address": cluster.address, "resources": APART, **known, **others}


def test_rows_pictures_and_errors_are_those_of_local_workers(cluster: Any, tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=3, b=0, c="broken", d=5, e="abort", f=1)
    here = curate(videos, tmp_path / "here", **options(cluster, executor="local", address=None, resources=None))
    there = curate(videos, tmp_path / "there", **options(cluster))
    assert (here.videos, here.clips) == (there.videos, there.clips)
    assert rows_of(tmp_path / "here") == rows_of(tmp_path / "there")
    assert there.videos.failed == 2  # the broken one, and the one that takes its worker down
    pictures = [{path.name for path in (tmp_path / out / "thumbnails").iterdir()} for out in ("here", "there")]
    assert pictures[0] == pictures[1] != set()


def test_a_run_leaves_nothing_in_the_systems_folder(cluster: Any, tmp_path: Path) -> None:
    def kept() -> set[Path]:
        return set(Path(tempfile.gettempdir()).glob("panda_hf_seat_*"))

    before = kept()
    curate(write_videos(tmp_path / "videos", a=3, b="abort"), tmp_path / "out", **options(cluster))
    until = time.monotonic() + 20.0
    while kept() - before and time.monotonic() < until:  # the workers end by themselves, a little later
        time.sleep(0.2)
    assert not kept() - before


def test_a_run_that_was_stopped_goes_on_and_a_second_one_is_refused(cluster: Any, tmp_path: Path, monkeypatch) -> None:
    videos = write_videos(tmp_path / "videos", **{f"v{i}": i % 3 + 1 for i in range(6)})
    out, seen = tmp_path / "out", []

    def stop(job: Any, done: Any) -> None:
        seen.append(done.video_id)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("panda_hf.running.events.EventLog.video", lambda self, job, done: stop(job, done))
        with pytest.raises(KeyboardInterrupt):
            curate(videos, out, **options(cluster))
    with locked(out), pytest.raises(OutputError, match="another run is writing"):
        curate(videos, out, **options(cluster))
    summary = curate(videos, out, **options(cluster))
    assert summary.videos_now == 3 and summary.videos.total == 6
    curate(videos, tmp_path / "here", **options(cluster, executor="local", address=None, resources=None))
    assert rows_of(out) == rows_of(tmp_path / "here")


def test_a_missing_checkpoint_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=1, b=1)
    with pytest.raises(CheckpointError):
        curate(videos, tmp_path / "out", **options(cluster, steps=fake_steps(needs_checkpoint=True)))


def test_a_node_that_is_lost_costs_no_row(cluster: Any, tmp_path: Path, monkeypatch) -> None:
    videos = write_videos(tmp_path / "videos", **{f"v{i:02d}": i % 3 + 1 for i in range(12)})
    lost = cluster.add_node(num_cpus=2, object_store_memory=200 * 2**20)
    asked = {"FakeSplit": {"actors": 2}, "SetAside": {"actors": 1}}
    done: list[float] = []

    def lose(job: Any, known: Any) -> None:
        done.append(time.monotonic())
        if len(done) == 2:
            cluster.remove_node(lost, allow_graceful=False)
            cluster.add_node(num_cpus=2, object_store_memory=200 * 2**20)

    with monkeypatch.context() as patched:
        patched.setattr("panda_hf.running.events.EventLog.video", lambda self, job, known: lose(job, known))
        curate(videos, tmp_path / "out", **options(cluster, resources=asked))
    curate(videos, tmp_path / "here", **options(cluster, executor="local", address=None, resources=None))
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "here")
