"""A worker process: takes tasks from its parent one by one, dies with it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import dill

_OOM_SCORE = "500"


def main() -> None:
    """Talk with the parent over the standard streams.

    In: the rank, the plan (by dill, so that stages defined in a script or notebook arrive), then tasks: see
    :class:`panda_hf.running.process.Task`. Out: ``("ready",)``, then for each task ``("stage", name)`` before each
    stage and at its end ``("done", (resident bytes, result))`` or ``("fatal", exception, traceback)``. Whatever else
    prints to standard output goes to standard error instead.
    """
    replies = _take_standard_output()
    _settle()
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    code = 1
    try:
        _answer(jobs, replies)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)  # the reading thread holds a lock that an orderly end would stumble over


def _answer(jobs: queue.SimpleQueue[Any], replies: BinaryIO) -> None:
    def send(*message: Any) -> None:
        pickle.dump(message, replies)
        replies.flush()

    try:
        rank, plan = jobs.get(), dill.loads(jobs.get())
        send("ready")
        while True:
            result = jobs.get()(plan, rank=rank, on_stage=lambda name: send("stage", name))
            send("done", (resident_bytes(), result))
    except Exception as error:
        send("fatal", _sendable(error), traceback.format_exc())


def _read(jobs: queue.SimpleQueue[Any]) -> None:
    """Hand on what arrives; when the parent is gone, however it went, end at once."""
    with contextlib.suppress(Exception):
        while True:
            jobs.put(pickle.load(sys.stdin.buffer))
    os._exit(0)


def _take_standard_output() -> BinaryIO:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _settle() -> None:
    """Leave Ctrl-C to the parent, say where a crash happened, be the first to go when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def resident_bytes() -> int:
    """Memory this process holds now; its highest value where the system does not tell the present one."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
