"""A worker process that fetches videos: guarded, quiet, and gone when its parent is."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from panda_hf.download.options import FetchOptions


def main() -> None:
    """Talk with the parent over the standard streams.

    In: ``(options, folder, time_limit)``, then one ``Wanted`` after the other. Out: ``("ready", None)`` or
    ``("fatal", text)``, then ``("done", Fetched)`` for each.
    """
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    with contextlib.suppress(OSError):  # when memory runs out, be the first to go
        Path("/proc/self/oom_score_adj").write_text("500")
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    code = 1
    try:
        _answer(jobs, replies)
    finally:
        os._exit(code)


def _answer(jobs: queue.SimpleQueue[Any], replies: BinaryIO) -> None:
    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), replies)
        replies.flush()

    options, folder, time_limit = jobs.get()
    try:
        from panda_hf.download.visit import fetch_here

        opener = _opener(options, folder)
    except Exception as error:
        send("fatal", f"{type(error).__name__}: {error}")
        return
    send("ready", None)
    while True:
        send("done", fetch_here(opener, jobs.get(), options, folder, time_limit=time_limit))


def _opener(options: FetchOptions, folder: Path) -> Any:
    """yt-dlp, and from then on the guard. A browser's cookies are read before: that may need other programs."""
    from panda_hf.download.guard import Guard, proxies_in_use
    from panda_hf.download.opener import Opener
    from panda_hf.download.visit import part_folder

    guard = Guard(options.allow_hosts, proxies_in_use(options.proxy), options.javascript)
    opener = Opener(options, guard, part_folder(folder) / "cache")
    guard.arm()
    return opener


def _read(jobs: queue.SimpleQueue[Any]) -> None:
    """Hand on what arrives; when the parent is gone, however it went, end at once, with every child."""
    with contextlib.suppress(Exception):
        while True:
            jobs.put(pickle.load(sys.stdin.buffer))
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
