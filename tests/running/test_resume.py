"""A run that is killed goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from panda_hf.running import curate
from panda_hf.running.commit import commit_shard
from tests.running.driver import STEPS
from tests.running.fakes import fake_steps, write_videos

ROOT = Path(__file__).parents[2]


def output_of(out: Path) -> dict[str, object]:
    """Everything a run leaves that may not depend on how often it was interrupted."""
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    del files["manifest.jsonl"], files["README.md"]
    return files


def shard_records(out: Path) -> dict[int, dict]:
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    found = {}
    for line in (line for line in lines if line["record"] == "shard"):
        assert line["shard"] not in found, "a shard was committed twice"
        found[line["shard"]] = {key: value for key, value in line.items() if key not in ("stage_seconds", "committed")}
    return found


def start(videos: Path, out: Path, driver: str = "driver") -> subprocess.Popen:
    command = [sys.executable, "-m", f"tests.running.{driver}", str(videos), str(out)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_three_times_and_resumed_a_run_gives_the_same_dataset(tmp_path: Path) -> None:
    contents: dict[str, str | int] = {f"v{i:02d}": (i * 7) % 6 for i in range(20)}
    videos = write_videos(tmp_path / "videos", **contents, broken="broken")
    whole = curate(
        videos, tmp_path / "whole", steps=STEPS, num_workers=0, videos_per_shard=3, batch_size=2, progress=False
    )
    out = tmp_path / "out"
    chance = random.Random(70)
    for shards in (1, 3, 5):
        process = start(videos, out)
        wait_for(
            lambda n=shards, p=process: len(list((out / "videos").glob("*.parquet"))) >= n or p.poll() is not None
        )
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None, process.communicate()[1].decode()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    last = start(videos, out)
    said, errors = last.communicate(timeout=120)
    assert said.decode().strip() == str(whole), errors.decode()
    assert output_of(out) == output_of(tmp_path / "whole")
    assert shard_records(out) == shard_records(tmp_path / "whole")


@pytest.mark.slow
def test_the_whole_pipeline_killed_three_times_gives_the_same_dataset(tmp_path: Path) -> None:
    from panda_hf.mini.films import write_films
    from panda_hf.models.checkpoints import shipped

    if "mini/selector" not in shipped():
        pytest.skip("the miniature checkpoints are not in this package")
    films = tmp_path / "films"
    write_films(films, "test", 6)
    said, errors = start(films, tmp_path / "whole", "mini_driver").communicate(timeout=600)
    assert said, errors.decode()
    chance = random.Random(70)
    for _ in range(3):
        process = start(films, tmp_path / "out", "mini_driver")
        time.sleep(chance.uniform(2, 25))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    again, errors = start(films, tmp_path / "out", "mini_driver").communicate(timeout=600)
    assert again == said, errors.decode()
    assert output_of(tmp_path / "out") == output_of(tmp_path / "whole")
    assert shard_records(tmp_path / "out") == shard_records(tmp_path / "whole")


def test_workers_go_when_their_parent_is_killed(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a="hang", b="hang")
    process = start(videos, tmp_path / "out")
    children = Path(f"/proc/{process.pid}/task")
    if not children.exists():
        pytest.skip("needs /proc to see the workers")

    def workers() -> list[str]:
        return [pid for task in children.glob("*/children") for pid in task.read_text().split()]

    wait_for(lambda: len(workers()) == 2)
    time.sleep(0.5)
    pids = workers()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and is_running(pid) for pid in pids), 20)


def is_running(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", ["before any file", "between files", "before the manifest", "after the manifest"])
def test_a_crash_inside_a_commit_loses_and_doubles_nothing(tmp_path: Path, monkeypatch, moment: str) -> None:
    videos = write_videos(tmp_path / "videos", a=3, b=2, c=0, d=4)
    options = {"steps": fake_steps(), "num_workers": 0, "videos_per_shard": 2, "progress": False}
    curate(videos, tmp_path / "whole", **options)
    crash_at(monkeypatch, moment)
    with pytest.raises(Crash):
        curate(videos, tmp_path / "out", **options)
    monkeypatch.undo()
    summary = curate(videos, tmp_path / "out", **options)
    assert summary.resumed_shards == (1 if moment == "after the manifest" else 0)
    assert output_of(tmp_path / "out") == output_of(tmp_path / "whole")
    assert shard_records(tmp_path / "out") == shard_records(tmp_path / "whole")


def crash_at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def crash(*args: object, **kwargs: object) -> None:
        raise Crash

    if moment == "before any file":
        monkeypatch.setattr("panda_hf.running.manifest.Manifest.deliver", crash)
    elif moment == "between files":
        move, moved = os.replace, []

        def some(source: object, target: object) -> None:
            moved.append(target)
            if str(target).endswith("failed/000000.parquet") or len(moved) > 3:
                raise Crash
            move(source, target)

        monkeypatch.setattr(
            "panda_hf.running.manifest.os.replace", lambda a, b: move(a, b) if "manifest" in str(b) else some(a, b)
        )
    elif moment == "before the manifest":
        monkeypatch.setattr("panda_hf.running.manifest.Manifest.append", crash)
    else:
        module = sys.modules["panda_hf.running.run"]
        monkeypatch.setattr(module, "commit_shard", lambda *args: (commit_shard(*args), crash()))


def test_finished_videos_of_an_unfinished_shard_are_not_done_again(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=1, b=2, c="exit")
    options = {"steps": fake_steps(), "num_workers": 0, "progress": False}
    with pytest.raises(SystemExit):
        curate(videos, tmp_path / "out", **options)
    (videos / "a.mp4").write_text("broken")
    (videos / "c.mp4").write_text("1")
    assert curate(videos, tmp_path / "out", **options).videos.kept == 3


def test_files_that_the_manifest_does_not_name_are_removed(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=1)
    options = {"steps": fake_steps(), "num_workers": 0, "progress": False}
    out = tmp_path / "out"
    curate(videos, out, **options)
    before = output_of(out)
    shutil.copy(out / "clips/train/000000.parquet", out / "clips/train/000001.parquet")
    (out / "thumbnails" / "z.0.jpg").write_text("x")
    (out / "media" / "000007").mkdir(parents=True)
    (out / "media" / "000007" / "z.0.mp4").write_text("x")
    (out / "notes.txt").write_text("mine")
    assert curate(videos, out, **options).clips.kept == 1
    assert output_of(out) == {**before, "notes.txt": b"mine"}


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", a=1, b="broken")
    first = curate(videos, tmp_path / "out", steps=fake_steps(), num_workers=0, progress=False)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    manifest = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    again = curate(videos, tmp_path / "out", steps=fake_steps(), num_workers=0, progress=False)
    assert (again.videos, again.clips, again.ok) == (first.videos, first.clips, first.ok)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")} == times
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == manifest


def test_row_order_is_input_order(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "videos", **{f"v{i}": 2 for i in range(7)})
    curate(videos, tmp_path / "out", steps=fake_steps(), num_workers=2, videos_per_shard=3, progress=False)
    tables = [pq.read_table(file) for file in sorted((tmp_path / "out" / "clips" / "train").glob("*.parquet"))]
    assert [clip for table in tables for clip in table["clip_id"].to_pylist()] == [f"v{i}.0" for i in range(7)]
