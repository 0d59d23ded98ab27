"""What `panda-hf download` shows while it works: counts by reason, the rate, and each reservation as a line."""

from __future__ import annotations

import sys
import time
from collections import Counter

from rich.console import Console
from rich.status import Status

from panda_hf.download.settling import THERE
from panda_hf.publishing.wording import clean, length

_QUIET_SECONDS = 30.0


class DownloadProgress:
    """A status line on a terminal, a line every half minute elsewhere, on standard error. A context manager."""

    def __init__(self, expected: int | None = None) -> None:
        """Prepare the display; ``expected``: how many videos at most, ``None`` when that is not known."""
        self._expected = expected
        self._console = Console(stderr=True)
        self._status: Status | None = self._console.status("starting") if sys.stderr.isatty() else None
        self._counts: Counter[str] = Counter()
        self._began = self._told = time.monotonic()

    def __enter__(self) -> DownloadProgress:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status:
            self._status.stop()

    def video(self, reason: str, detail: str | None) -> None:
        """A video is finished."""
        self._counts[reason] += 1
        if reason != "ok" and detail:
            self._console.print(f"{reason}: {clean(detail, 300)}", markup=False, highlight=False, soft_wrap=True)
        if self._status:
            self._status.update(self._line())
        elif time.monotonic() - self._told > _QUIET_SECONDS:
            self._told = time.monotonic()
            self._console.print(self._line(), markup=False, highlight=False, soft_wrap=True)

    def _line(self) -> str:
        done, seconds = sum(self._counts.values()), max(time.monotonic() - self._began, 1e-9)
        parts = ", ".join(f"{count:,} {reason}" for reason, count in self._counts.most_common())
        rate = (done - self._counts[THERE]) / seconds
        line = f"{done:,} videos: {parts}; {rate * 3600:,.0f} an hour"
        if self._expected is not None and rate:
            line += f", {length(max(self._expected - done, 0) / rate)} left"
        return line
