"""One worker process seen from its parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from panda_hf.errors import PandaError
from panda_hf.running.plan import Plan

_BOOT = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from panda_hf.running.worker import main; main()"
)
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


class Task(Protocol):
    """What a worker process is sent: by pickle, and so is what it returns."""

    def __call__(self, plan: Plan, *, rank: int | None, on_stage: Callable[[str], None]) -> Any:
        """Do it; ``on_stage`` is told the name of each stage before it runs."""


class Died(Exception):
    """The process ended while it worked on a video."""

    def __init__(self, how: str, stage: str, expired: bool, advice: str) -> None:
        super().__init__(how)
        self.how = how
        self.stage = stage
        self.expired = expired
        self.advice = advice


class WorkerProcess:
    """A process of :mod:`panda_hf.running.worker`. Used by one thread at a time; any thread may kill it.

    A plain child process rather than one of ``multiprocessing``: it never imports the caller's main script again, so
    that ``curate()`` works in scripts without a guard and in notebooks.
    """

    def __init__(self, plan: bytes, rank: int, threads: int, log: Path) -> None:
        """Start the process; :meth:`wait_until_ready` before the first job.

        Args:
            plan: the plan, by dill.
            rank: handed to the stages.
            threads: how many threads numeric libraries may use, unless the environment says otherwise.
            log: file for what the process writes to its standard error.
        """
        self.rank = rank
        self.videos = 0
        self.bytes = 0
        self.log = log
        self._stage = "start"
        self._expired = False
        numbers = {name: os.environ.get(name, str(threads)) for name in _THREAD_VARIABLES}
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", **numbers}
        with open(log, "ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        self._first = [sys.path, rank, plan]

    @property
    def alive(self) -> bool:
        """Whether the process can take another job."""
        return self._process.poll() is None and not self._expired

    def wait_until_ready(self) -> None:
        """Return when the process has loaded the plan.

        Raises:
            PandaError: when it cannot, with the end of what it printed.
        """
        try:
            for value in self._first:
                self._send(value)
            self._receive("ready")
        except Died as death:
            said = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
            raise PandaError(f"a worker process {death.how} before it took a video. It said:\n{said}") from None

    def run(self, task: Task, limit_seconds: float | None) -> Any:
        """Let the process work on a video and wait for what comes of it, at most so long.

        Raises:
            Died: when the process ended, by itself or because the time was over.
            Exception: what the process met that every other video would meet too.
        """
        timer = threading.Timer(limit_seconds or 0, self._expire)
        timer.daemon = True
        if limit_seconds is not None:
            timer.start()
        try:
            self._send(task)
            self.bytes, result = self._receive("done")
            self.videos += 1
            return result
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End the process now and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            raise self._death() from None

    def _receive(self, expected: str) -> Any:
        """The next message of the expected kind; notes on the way which stage is at work."""
        assert self._process.stdout is not None
        while True:
            try:
                kind, *values = pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError, OSError):
                raise self._death() from None
            if kind == "stage":
                self._stage = values[0]
            elif kind == "fatal":
                raise values[0] from RuntimeError(f"in a worker process:\n{values[1]}")
            elif kind == expected:
                return values[0] if values else None

    def _death(self) -> Died:
        code = self._process.wait()
        advice = "the file may be broken in a way that a decoder does not survive"
        if code == -signal.SIGKILL:
            advice = "the system may have run out of memory: try fewer workers"
        return Died(_ending(code), self._stage, self._expired, advice)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
