"""Strangers' files are decoded in processes of their own, with bounds on time and memory.

A process serves one call after the other. One that crashes or takes too long is ended and replaced.
"""

from __future__ import annotations

import pickle
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from panda_hf.errors import PandaError, VideoError

MEMORY_BYTES = 6 * 2**30
"""Address space of a decoding process, where the system can bound it."""
TICK_SECONDS = 0.1
START_SECONDS = 120.0
"""For a process to start and load what decodes; only then does the time of a call begin."""
_BOOT = (
    "import pickle, sys; sys.path[:], where, key = pickle.load(sys.stdin.buffer); "
    "import panda_hf.showing.decoding; from panda_hf.showing.apart import serve; serve(where, key)"
)

Say = Callable[[float], None]


class Helper:
    """One process. For one thread at a time."""

    def __init__(self) -> None:
        key = secrets.token_bytes(32)
        with Listener(("127.0.0.1", 0), authkey=key) as listener:
            # A plain child rather than one of multiprocessing: it never imports the page again.
            self._process = subprocess.Popen([sys.executable, "-c", _BOOT], stdin=subprocess.PIPE)
            assert self._process.stdin is not None
            with self._process.stdin as words:
                pickle.dump((sys.path, listener.address, key), words)
            self._pipe = _accepted(listener)

    @property
    def alive(self) -> bool:
        """Whether it can take a call."""
        return self._process.poll() is None

    def call(self, function: Callable[..., Any], *args: Any, seconds: float, say: Say | None = None) -> Any:
        """What ``function(*args)`` returns in the process, or with ``say`` what ``function(*args, say)`` returns.

        Raises:
            VideoError: when it takes longer than ``seconds``, or takes the process down.
            Exception: what ``function`` raises, and what ``say`` raises here; the latter ends the process.
        """
        try:
            self._pipe.send((function, args, say is not None))
            return self._answer(time.monotonic() + seconds, seconds, say)
        except (EOFError, ConnectionError) as error:
            self.end()
            raise VideoError("The decoder broke on this file. It is damaged, or not what it claims to be.") from error

    def _answer(self, until: float, seconds: float, say: Say | None) -> Any:
        while True:
            if not self._pipe.poll(TICK_SECONDS):
                if time.monotonic() > until:
                    self.end()
                    raise VideoError(f"This file was not decoded within {seconds:.0f} s and was given up.")
                continue
            kind, value = self._pipe.recv()
            if kind == "said":
                self._pass_on(say, value)
            elif kind == "raised":
                raise value
            else:
                return value

    def _pass_on(self, say: Say | None, value: float) -> None:
        try:
            if say is not None:
                say(value)
        except BaseException:  # nobody waits for the answer any more
            self.end()
            raise

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait(5)
        with suppress(OSError):
            self._pipe.close()


class Helpers:
    """A few processes, started when they are first needed.

    Example::

        Helpers(2).call(probe, "film.mp4", seconds=10)
    """

    def __init__(self, count: int) -> None:
        """Allow ``count`` processes at once; more calls wait."""
        self._idle: queue.LifoQueue[Helper | None] = queue.LifoQueue()
        self._all: set[Helper] = set()
        self._lock = threading.Lock()
        for _ in range(count):
            self._idle.put(None)

    def warm(self) -> None:
        """Start one process before it is needed."""
        with self._one():
            pass

    def call(self, function: Callable[..., Any], *args: Any, seconds: float, say: Say | None = None) -> Any:
        """See :meth:`Helper.call`."""
        with self._one() as helper:
            return helper.call(function, *args, seconds=seconds, say=say)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for helper in self._all:
                helper.end()
            self._all.clear()

    @contextmanager
    def _one(self) -> Iterator[Helper]:
        helper = self._idle.get()
        try:
            if helper is None or not helper.alive:
                helper = self._started(helper)
            yield helper
        finally:
            self._idle.put(helper if helper is not None and helper.alive else None)

    def _started(self, old: Helper | None) -> Helper:
        helper = Helper()
        with self._lock:
            self._all = {one for one in self._all if one is not old and one.alive} | {helper}
        return helper


def _accepted(listener: Listener) -> Connection:
    """The connection of the process that was just started."""
    timer = threading.Timer(START_SECONDS, listener.close)
    timer.daemon = True
    timer.start()
    try:
        return listener.accept()
    except OSError as error:
        raise VideoError("The decoder did not start; try again in a minute.") from error
    finally:
        timer.cancel()


def serve(where: tuple[str, int], key: bytes) -> None:
    """Answer calls until the other end closes."""
    _bound_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, which ends this process
    with Client(where, authkey=key) as pipe:
        while True:
            try:
                function, args, says = pipe.recv()
            except (EOFError, OSError):
                return
            pipe.send(_answered(pipe, function, args, says))


def _answered(pipe: Connection, function: Callable[..., Any], args: tuple[Any, ...], says: bool) -> tuple[str, Any]:
    more = (lambda value: pipe.send(("said", value)),) if says else ()
    try:
        return "returned", function(*args, *more)
    except PandaError as error:
        return "raised", type(error)(str(error))
    except Exception as error:  # the caller is told; the process goes on
        return "raised", VideoError(f"This file cannot be decoded ({type(error).__name__}).")


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
