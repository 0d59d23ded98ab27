"""Where models run: the device of a worker process, threads after a fork, cores at hand."""

from __future__ import annotations

import functools
import os


def device_of(rank: int | None) -> str:
    """The device of a worker process: its share of the GPUs (``cuda:<rank modulo GPUs>``), else ``cpu``.

    Call it before loading a model: processes forked from this one later are then safe to compute in.
    """
    import torch

    one_thread_after_fork()
    return f"cuda:{(rank or 0) % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"


@functools.cache
def one_thread_after_fork() -> None:
    """Have every process forked from this one compute with one thread; call it before loading a model.

    GNU OpenMP waits forever for its pool of threads in a forked child whose parent has computed already, which is
    what ``Dataset.map(num_proc=...)`` makes; with one thread it needs no pool. The workers share the cores anyway.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_one_thread)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
