"""When to try again: back-off, `Retry-After`, and waits that all workers of a run keep together."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from panda_hf.download.options import FetchOptions

_STAGGER_SECONDS = 0.25


class OutOfTime(TimeoutError):
    """A wait would last longer than the time limit of the video; ``seconds`` says how long it would."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"told to wait {seconds:.0f} s, longer than the time limit of the video")
        self.seconds = seconds


@dataclass(frozen=True)
class HostWaits:
    """Until when nobody asks a host: one small file per host, read by all workers of a run and by the next run."""

    folder: Path

    def seconds_left(self, host: str) -> float:
        """How long the host wants to be left alone; 0 when it does not."""
        try:
            until = float(self._file(host).read_text())
        except (OSError, ValueError):
            return 0.0
        return max(0.0, until - time.time())

    def tell(self, host: str, seconds: float) -> None:
        """Let nobody ask ``host`` for so long; a longer wait that is already there stays."""
        if seconds <= self.seconds_left(host):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self._file(host)
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        draft.write_text(str(time.time() + seconds))
        os.replace(draft, target)

    def forget_past(self) -> None:
        """Remove the notes of waits that are over."""
        for file in self.folder.glob("*"):
            with contextlib.suppress(OSError, ValueError):
                if float(file.read_text()) < time.time():
                    file.unlink()

    def _file(self, host: str) -> Path:
        return self.folder / hashlib.sha256(host.encode("utf-8", "replace")).hexdigest()[:24]


@dataclass
class Patience:
    """How often one video has been tried, and whether it may be tried again."""

    options: FetchOptions
    waits: HostWaits
    deadline: float | None = None  # of time.monotonic()
    attempts: int = 1
    retry_after: float | None = None
    _spent: int = field(default=0, repr=False)

    def wait_for(self, host: str) -> None:
        """Return when nobody asked to leave ``host`` alone any more.

        Raises:
            OutOfTime: when that is after the deadline.
        """
        while seconds := self.waits.seconds_left(host):
            self._sleep(seconds + random.uniform(0, _STAGGER_SECONDS))

    def may_try_again(self, host: str, retry_after: float | None = None, *, tell: bool = False) -> bool:
        """Wait before another try, or say that there have been enough.

        Args:
            host: whom to ask again.
            retry_after: seconds that the host asked for; ``None``: it did not.
            tell: let the other workers wait as well.

        Raises:
            OutOfTime: when the wait would pass the deadline.
        """
        self.retry_after = retry_after
        if retry_after is not None and tell:
            self.waits.tell(host, min(retry_after, self.options.max_back_off_seconds))
        if self._spent >= self.options.retries:
            return False
        seconds = self._next_wait(retry_after)
        self._spent += 1
        self.attempts += 1
        if tell:
            self.waits.tell(host, seconds)
        self._sleep(seconds)
        return True

    def _next_wait(self, retry_after: float | None) -> float:
        doubled = self.options.back_off_seconds * 2.0**self._spent * random.uniform(0.75, 1.25)
        return min(max(doubled, retry_after or 0.0), self.options.max_back_off_seconds)

    def _sleep(self, seconds: float) -> None:
        if self.deadline is not None and time.monotonic() + seconds > self.deadline:
            raise OutOfTime(seconds)
        time.sleep(seconds)


def retry_after_seconds(header: str | None) -> float | None:
    """What a ``Retry-After`` header asks for: seconds, or until a date; ``None``: nothing that can be understood."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None
