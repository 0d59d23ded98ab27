"""Fetch many videos in worker processes: a hanging or dying one costs its own video only."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.download.process import Died, WorkerProcess
from panda_hf.download.waits import HostWaits
from panda_hf.errors import PandaError, SourceError

MAX_VIDEOS_PER_WORKER = 200
"""A worker is replaced after so many videos, whatever its libraries may have kept."""
PART_FOLDER = ".part"
_PROXIES = ("http", "socks4", "socks4a", "socks5", "socks5h")


def fetch(
    wanted: Wanted, options: FetchOptions, folder: str | os.PathLike[str], *, time_limit: float | None = 600.0
) -> Fetched:
    """Fetch one video, in a worker process of its own; see :func:`fetch_all`."""
    return next(fetch_all([wanted], options, folder, workers=1, time_limit=time_limit))


def fetch_all(
    wanted: Iterable[Wanted],
    options: FetchOptions,
    folder: str | os.PathLike[str],
    *,
    workers: int = 4,
    time_limit: float | None = 600.0,
) -> Iterator[Fetched]:
    """Fetch videos into ``folder`` and tell of each as it is finished, in any order.

    Args:
        wanted: what to fetch; taken one by one, never all at once.
        options: how.
        folder: made when it is missing. Videos come to lie here as ``<safe id><suffix>``, once complete and checked;
            what is under way lies in ``folder/.part``. Nothing else is written anywhere.
        workers: processes.
        time_limit: seconds for one video, waiting included; then its process and the children of it are ended and
            the video is a ``timeout``. ``None``: no limit.

    Each ``video_id`` should come once: files are named by it.

    Returns:
        One :class:`Fetched` for each of ``wanted``. Closing the iterator ends the workers.

    Raises:
        SourceError: the cookie file or the proxy cannot be used.
        PandaError: yt-dlp is not installed, or a worker cannot start.
    """
    _check(options, workers)
    return _Pool(options, Path(folder).absolute(), workers, time_limit).run(wanted)


@dataclass
class _Pool:
    options: FetchOptions
    folder: Path
    workers: int
    time_limit: float | None
    _idle: queue.LifoQueue[WorkerProcess | None] = field(default_factory=queue.LifoQueue)
    _alive: set[WorkerProcess] = field(default_factory=set)
    _closing: threading.Event = field(default_factory=threading.Event)

    def run(self, wanted: Iterable[Wanted]) -> Iterator[Fetched]:
        """Keep every worker busy; when the caller stops early, end them all."""
        waiting = iter(wanted)
        for _ in range(self.workers):
            self._idle.put(None)
        try:
            yield from self._run(waiting)
        finally:
            self._tidy()

    def _run(self, waiting: Iterator[Wanted]) -> Iterator[Fetched]:
        with ThreadPoolExecutor(self.workers, thread_name_prefix="panda_hf-download") as threads:
            try:
                running = {threads.submit(self._fetch, one) for one in islice(waiting, self.workers)}
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    finished = [future.result() for future in done]
                    running |= {threads.submit(self._fetch, one) for one in islice(waiting, len(finished))}
                    yield from finished
            finally:
                self._closing.set()
                for worker in list(self._alive):
                    worker.kill()

    def _tidy(self) -> None:
        """Leave in the folder of parts what the next run can use, and no empty folders."""
        parts = self.folder / PART_FOLDER
        shutil.rmtree(parts / "tmp", ignore_errors=True)
        HostWaits(parts / "waits").forget_past()
        for folder in (*parts.glob("*"), parts):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _fetch(self, wanted: Wanted) -> Fetched:
        worker, slot = self._idle.get(), None
        started = time.monotonic()
        try:
            worker = worker if worker is not None and worker.alive else self._start(worker)
            started = time.monotonic()
            fetched = worker.run(wanted)
            if worker.videos < MAX_VIDEOS_PER_WORKER:
                slot = worker
            else:
                self._end(worker)
            return fetched
        except Died as death:
            self._end(worker)
            return self._lost(wanted, death, round(time.monotonic() - started, 3))
        finally:
            self._idle.put(slot)

    def _lost(self, wanted: Wanted, death: Died, seconds: float) -> Fetched:
        if death.expired:
            detail = f"not finished within {self.time_limit:g} s, the time limit of a video"
            return Fetched(video_id=wanted.video_id, url=wanted.url, reason="timeout", detail=detail, seconds=seconds)
        detail = f"the worker process {death}"
        return Fetched(video_id=wanted.video_id, url=wanted.url, reason="crashed", detail=detail, seconds=seconds)

    def _start(self, old: WorkerProcess | None) -> WorkerProcess:
        if old is not None:
            self._end(old)
        worker = WorkerProcess(self.options, self.folder, self.folder / PART_FOLDER, self.time_limit)
        self._alive.add(worker)
        if self._closing.is_set():
            worker.kill()
        try:
            worker.wait_until_ready()
        except PandaError:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: WorkerProcess | None) -> None:
        if worker is not None:
            worker.kill()
            self._alive.discard(worker)


def _check(options: FetchOptions, workers: int) -> None:
    """Refuse settings that no video could be fetched with, before a worker starts."""
    if workers < 1:
        raise ValueError(f"workers={workers}: at least 1")
    try:
        import yt_dlp  # noqa: F401
    except ImportError as error:
        raise PandaError("downloading needs yt-dlp. Run pip install 'panda_hf[download]'.") from error
    if options.proxy and urlsplit(options.proxy).scheme.lower() not in _PROXIES:
        raise SourceError(
            f"proxy {options.proxy!r} cannot be used: give its protocol, one of {', '.join(_PROXIES)}://"
        )
    if options.cookies is not None:
        _check_cookies(options.cookies)


def _check_cookies(path: str) -> None:
    from http.cookiejar import LoadError

    from yt_dlp.cookies import YoutubeDLCookieJar

    try:
        YoutubeDLCookieJar(path).load()
    except (OSError, LoadError, UnicodeDecodeError) as error:
        raise SourceError(
            f"the cookie file {path} cannot be read: {error}. Export one in Netscape's format from a browser."
        ) from error
