"""One fetching worker process seen from its parent."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.errors import PandaError

_BOOT = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from panda_hf.download.worker import main; main()"
)


class Died(Exception):
    """The process ended while it worked on a video; ``expired``: because its time was over."""

    def __init__(self, how: str, expired: bool) -> None:
        super().__init__(how)
        self.expired = expired


class WorkerProcess:
    """A process of :mod:`panda_hf.download.worker`, leader of its own group so that its children end with it.

    Used by one thread at a time; any thread may kill it.
    """

    def __init__(self, options: FetchOptions, folder: Path, parts: Path, time_limit: float | None) -> None:
        """Start the process.

        Args:
            options: how it fetches.
            folder: where videos come to lie.
            parts: folder for everything else that it writes.
            time_limit: seconds for one video; ``None``: no limit.
        """
        self.videos = 0
        self._limit = time_limit
        self._expired = False
        self._first = [list(sys.path), (options, folder, time_limit)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_environment(parts)},
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether the process can take another video."""
        return self._process.poll() is None and not self._expired

    def wait_until_ready(self) -> None:
        """Return when the process can fetch.

        Raises:
            PandaError: when it cannot, with the cause.
        """
        try:
            for value in self._first:
                self._send(value)
            kind, value = self._receive()
        except Died as death:
            raise PandaError(f"a download worker {death} before it took a video. Is yt-dlp installed whole?") from None
        if kind == "fatal":
            raise PandaError(f"a download worker cannot start: {value}")

    def run(self, wanted: Wanted) -> Fetched:
        """Let the process fetch a video and wait for the end.

        Raises:
            Died: when the process ended, by itself or because the time was over.
        """
        timer = threading.Timer(self._limit or 0, self._expire)
        timer.daemon = True
        if self._limit is not None:
            timer.start()
        try:
            self._send(wanted)
            _, fetched = self._receive()
        finally:
            timer.cancel()
        self.videos += 1
        return fetched

    def kill(self) -> None:
        """End the process and its children now, and wait until it is gone."""
        self._end_group()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _expire(self) -> None:
        self._expired = True
        self._end_group()

    def _end_group(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._death() from None

    def _receive(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        try:
            kind, value = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError, OSError, ValueError):
            raise self._death() from None
        return kind, value

    def _death(self) -> Died:
        code = self._process.wait()
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
        return Died(how, self._expired)


def _environment(parts: Path) -> dict[str, str]:
    """Temporary files and caches of yt-dlp and its helpers stay in the folder; plug-ins of the user stay out."""
    temporary, cache = parts / "tmp", parts / "cache"
    for folder in (temporary, cache):
        folder.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary))
    return {
        **names,
        "XDG_CACHE_HOME": str(cache),
        "DENO_DIR": str(cache / "deno"),
        "YTDLP_NO_PLUGINS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
