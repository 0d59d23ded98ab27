"""A run in a process of its own that others may disturb; what it says at its end stands in a file."""

from __future__ import annotations

import os
import random
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from panda_hf.running import curate, store
from tests.running.fakes import fake_steps

STEPS = fake_steps(seconds=0.01, fails_on=3)
OPTIONS: dict[str, Any] = {"steps": STEPS, "videos_per_shard": 3, "batch_size": 2}


def disturbed_run(source: str, out: str, said: str, workers: int, options: dict[str, Any]) -> None:
    """Curate; write ``ok``, or the error, to the file ``said``. A session of its own: killing it kills its workers.

    Options of :func:`curate`, and ``clock_jumps``: seconds by which the wall clock jumps back and forth, and variables
    of the ``environment``.
    """
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stderr = open(os.devnull, "w")
    os.environ.update(options.pop("environment", {}))
    if jumps := options.pop("clock_jumps", None):
        let_the_clock_jump(jumps)
    store.FIRST_WAIT_SECONDS = 0.02
    try:
        curate(source, out, num_workers=workers, **{**OPTIONS, **options})
        Path(said).write_text("ok")
    except BaseException:
        Path(said).write_text(traceback.format_exc())
        raise


def let_the_clock_jump(seconds: float) -> None:
    """Let the wall clock of this process jump; the monotonic one stays, as on a machine whose time is set."""
    chance, now, gmtime = random.Random(0), time.time, time.gmtime
    time.time = lambda: now() + chance.uniform(-seconds, seconds)  # type: ignore[assignment]
    time.gmtime = lambda at=None: gmtime(time.time() if at is None else at)  # type: ignore[assignment]
