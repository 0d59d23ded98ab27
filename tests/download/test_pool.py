"""Many videos in worker processes: lazily, apart from each other, and gone when nobody listens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("yt_dlp")

import panda_hf.download
from panda_hf.download import FetchOptions, Wanted, fetch, fetch_all
from panda_hf.errors import SourceError
from tests.download.server import Server


@pytest.fixture
def options(server: Server) -> FetchOptions:
    return FetchOptions(allow_hosts=(server.host,), retries=0, socket_timeout=30, subtitles=())


def children() -> set[int]:
    """Processes that this one started, download workers only."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"panda_hf.download.worker" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_one_video_is_fetched_in_a_process_of_its_own(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    fetched = fetch(Wanted("a", server.add("film.mp4", film)), options, tmp_path)
    assert (fetched.reason, fetched.path) == ("ok", str(tmp_path / "a.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert children() == set()


def test_what_is_wanted_is_taken_as_there_is_room(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    url, taken = server.add("film.mp4", film), []

    def endless() -> Iterator[Wanted]:
        for i in range(10**9):
            taken.append(i)
            yield Wanted(f"v{i}", url)

    results = fetch_all(endless(), options, tmp_path, workers=2)
    seen = [next(results).video_id for _ in range(5)]
    results.close()
    assert len(set(seen)) == 5
    assert len(taken) <= 10
    assert until(lambda: not children())


def test_nothing_wanted_starts_no_process(options: FetchOptions, tmp_path: Path) -> None:
    assert list(fetch_all([], options, tmp_path / "out")) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker in /proc")
def test_a_worker_that_dies_costs_its_own_video_only(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)

    def kill() -> None:
        until(lambda: len(server.requests) > 1)
        for worker in children():
            os.kill(worker, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    wanted = [Wanted("v0", server.url("hanging/film.mp4")), Wanted("v1", server.url("ok/film.mp4"))]
    dead, good = fetch_all(wanted, options, tmp_path, workers=1)
    killer.join()
    assert (dead.reason, good.reason) == ("crashed", "ok")
    assert "signal 9" in str(dead.detail)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the worker in /proc")
def test_workers_end_when_their_parent_is_killed(server: Server, film: bytes, tmp_path: Path) -> None:
    server.add("film.mp4", film)
    code = f"""
        from panda_hf.download import FetchOptions, Wanted, fetch_all
        options = FetchOptions(allow_hosts=({server.host!r},), socket_timeout=60)
        list(fetch_all([Wanted("a", {server.url("hanging/film.mp4")!r})], options, {str(tmp_path)!r}, workers=1))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    assert until(lambda: len(server.requests) > 1, 30)
    workers = [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "stat").exists()
        and (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(parent.pid)
    ]
    parent.kill()
    parent.wait()
    assert workers
    assert until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_settings_that_no_video_could_be_fetched_with_are_refused_at_once(tmp_path: Path) -> None:
    wanted = [Wanted("a", "https://example.com/a.mp4")]
    (tmp_path / "cookies.txt").write_text("<html>not cookies</html>")
    with pytest.raises(SourceError, match="cookie file"):
        fetch_all(wanted, FetchOptions(cookies=str(tmp_path / "cookies.txt")), tmp_path)
    with pytest.raises(SourceError, match="cookie file"):
        fetch_all(wanted, FetchOptions(cookies=str(tmp_path / "missing.txt")), tmp_path)
    with pytest.raises(SourceError, match="give its protocol"):
        fetch_all(wanted, FetchOptions(proxy="localhost:3128"), tmp_path)
    with pytest.raises(ValueError, match="workers=0"):
        fetch_all(wanted, FetchOptions(), tmp_path, workers=0)


def test_functions_are_not_hidden_by_modules_of_the_same_name() -> None:
    modules = {path.stem for path in Path(panda_hf.download.__file__).parent.glob("*.py")}
    assert not modules & set(panda_hf.download.__all__)
