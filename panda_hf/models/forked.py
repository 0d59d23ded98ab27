"""Let models run in worker processes that were started by fork."""

from __future__ import annotations

import functools
import os


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
