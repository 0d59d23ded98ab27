"""Work in several processes of one thread each; none of them outlives the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import Any, TypeVar

from panda_hf.errors import PandaError

Result = TypeVar("Result")


@contextmanager
def helpers(count: int) -> Iterator[Executor]:
    """Processes that do what is submitted; they end with the block, at once where it ends by an error or Ctrl-C.

    Args:
        count: of processes; 1: everything is done in this process, when it is submitted, by one thread as well.

    Raises:
        PandaError: when a process died without a word.
    """
    if count <= 1:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield _Here()
        finally:
            torch.set_num_threads(threads)
        return
    others = set(active_children())
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException as error:
        for child in set(active_children()) - others:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise PandaError(
                f"one of {count} processes was ended from outside, most often for want of memory; what was finished "
                "is kept: free some memory and give the same command again"
            ) from error
        raise
    pool.shutdown()


def results(futures: Iterable[Future[Result]]) -> list[Result]:
    """What was submitted, in its order, when all of it is done; what one of them raised, as soon as it is raised."""
    all_of_them = list(futures)
    for future in as_completed(all_of_them):
        future.result()
    return [future.result() for future in all_of_them]


class _Here(Executor):
    """This process."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Do it now; what it raises is raised here."""
        future: Future[Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _begin() -> None:
    """Settle in a new process: one thread, memory that is kept, and a look at the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the first one ends the others
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import cv2
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _keep_memory()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _keep_memory() -> None:
    """Have glibc keep freed memory: asking the system for every large tensor anew costs a tenth of the time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for parameter, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26)):
            mallopt(parameter, value)


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Of ``mallopt``."""


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
