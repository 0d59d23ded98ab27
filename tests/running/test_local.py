"""Worker processes: what one video does to its worker never reaches the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from panda_hf.running import curate, local
from panda_hf.running.accounts import Counts
from panda_hf.running.process import WorkerProcess
from tests.running.fakes import fake_steps, write_videos


def run(videos: Path, out: Path, **options: Any) -> Any:
    return curate(videos, out, **{"steps": fake_steps(), "num_workers": 1, "progress": False, **options})


def test_a_crash_a_hang_and_an_exit_each_cost_one_row(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "v", a="abort", b=1, c="hang", d=1, e="exit", f=1)
    summary = run(videos, tmp_path / "out", time_limit_seconds=3, num_workers=2)
    assert summary.videos == Counts(kept=3, failed=3)
    errors = {row["video_id"]: row["error"] for row in load_dataset(str(tmp_path / "out"), split="failed")}
    assert {name: (error["stage"], error["type"]) for name, error in errors.items()} == {
        "a": ("FakeSplit", "WorkerCrashError"),
        "c": ("FakeSplit", "TimeLimitError"),
        "e": ("FakeSplit", "WorkerCrashError"),
    }
    assert "a.mp4" in errors["a"]["message"] and "SIGABRT" in errors["a"]["message"]
    assert "c.mp4" in errors["c"]["message"] and "3 s" in errors["c"]["message"]
    assert "exit code 7" in errors["e"]["message"]
    assert load_dataset(str(tmp_path / "out"), "videos", split="train")["video_id"][:] == list("abcdef")


def test_a_worker_that_dies_once_is_given_a_second_chance(tmp_path: Path) -> None:
    assert run(write_videos(tmp_path / "v", a="abort-once"), tmp_path / "out").videos == Counts(kept=1)


def test_workers_that_grew_or_grew_old_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    start = WorkerProcess.__init__
    monkeypatch.setattr(WorkerProcess, "__init__", lambda *args: (started.append(1), start(*args))[1])
    videos = write_videos(tmp_path / "v", a=1, b=1, c=1)
    monkeypatch.setattr(local, "MAX_VIDEOS_PER_WORKER", 2)
    assert run(videos, tmp_path / "old").ok and len(started) == 2
    monkeypatch.setattr(local, "MIN_WORKER_BYTES", 1)
    monkeypatch.setattr(local, "total_memory", lambda: 1)
    assert run(videos, tmp_path / "large").ok and len(started) == 5


def test_when_the_caller_stops_the_workers_end_and_the_run_goes_on_later(tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "v", a=1, b="hang")

    class Stop(KeyboardInterrupt):
        pass

    def interrupt(*args: Any) -> None:
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("panda_hf.running.progress.RunProgress.video", interrupt)
        with pytest.raises(Stop):
            run(videos, tmp_path / "out", num_workers=2)
    (videos / "b.mp4").write_text("1")
    assert run(videos, tmp_path / "out").videos == Counts(kept=2)


def test_a_worker_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panda_hf.running.process._BOOT", "raise SystemExit('no such luck')")
    with pytest.raises(Exception, match="no such luck"):
        run(write_videos(tmp_path / "v", a=1), tmp_path / "out")


def test_jobs_are_taken_only_when_there_is_room(tmp_path: Path) -> None:
    """The parent never holds more rows than workers: a stream of large videos does not fill its memory."""
    from datasets import Features, IterableDataset, Video

    held: list[int] = []
    write_videos(tmp_path / "v", a=1)

    def rows() -> Any:
        for i in range(12):
            committed = len(list((tmp_path / "out" / ".work").glob("0*-0*[0-9]")))
            done = sum(1 for path in (tmp_path / "out" / ".work").glob("*") if path.name.count("-") == 1)
            held.append(i - max(committed, done))
            yield {"video": {"path": str(tmp_path / "v" / "a.mp4"), "bytes": None}}

    stream = IterableDataset.from_generator(rows, features=Features({"video": Video(decode=False)}))
    assert run(stream, tmp_path / "out", num_workers=2, videos_per_shard=100).videos.kept == 12
    assert max(held) <= 3
