"""From a container's timestamps to presentation seconds that strictly increase."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_EXACT = 2**53
"""Whole numbers less than this are exact as floats, so that one division rounds correctly."""

_SMALLEST_STEP = 1e-6
_JUMP_BACK_SECONDS = 1.0


@dataclass
class Timeline:
    """Gives each decoded frame its time on the player's timeline.

    A frame's time is its timestamp less the origin. Where a frame has no timestamp it follows the one before by
    ``step`` seconds. Where timestamps repeat or run back a little, the frame follows by a microsecond; where they
    jump back by more than a second (a spliced transport stream), the rest is moved to go on after the frame before.
    """

    tick: Fraction  # seconds per timestamp unit
    origin: Fraction | None  # seconds; None: the first frame is at 0
    step: float  # seconds between frames where timestamps are missing
    last: float | None = None
    _shift: float = field(default=0.0, repr=False)

    def place(self, timestamp: int | None) -> float:
        """The time in seconds of the next frame in presentation order."""
        if timestamp is None:
            time = 0.0 if self.last is None else self.last + self.step
        else:
            time = self._after_last(self.seconds(timestamp))
        self.last = time
        return time

    def seconds(self, timestamp: int) -> float:
        """A timestamp in seconds after the origin; correctly rounded, so equal timestamps give equal floats."""
        if self.origin is None:
            self.origin = timestamp * self.tick
        factor, less, whole = self._terms(self.origin)
        return (timestamp * factor - less) / whole

    def all_seconds(self, timestamps: NDArray[np.int64]) -> NDArray[np.float64]:
        """The same of many timestamps, of which the greatest is the last."""
        if self.origin is None or not len(timestamps):
            return np.array([self.seconds(timestamp) for timestamp in timestamps.tolist()])
        factor, less, whole = self._terms(self.origin)
        greatest = max(abs(int(timestamps[0])), abs(int(timestamps[-1]))) * factor + abs(less)
        if max(greatest, whole) >= _EXACT:
            return np.array([self.seconds(timestamp) for timestamp in timestamps.tolist()])
        return np.asarray((timestamps * factor - less) / whole, np.float64)

    def _terms(self, origin: Fraction) -> tuple[int, int, int]:
        """What a timestamp is multiplied by, what is taken from that, and what the rest is divided by."""
        less, whole = origin.numerator * self.tick.denominator, self.tick.denominator * origin.denominator
        return self.tick.numerator * origin.denominator, less, whole

    def timestamp(self, seconds: float) -> int:
        """The last timestamp at or before a time in seconds."""
        return int((Fraction(seconds) + (self.origin or 0)) / self.tick // 1)

    def _after_last(self, time: float) -> float:
        time += self._shift
        if self.last is None or time > self.last:
            return time
        if self.last - time > _JUMP_BACK_SECONDS:
            self._shift += self.last + self.step - time
            return self.last + self.step
        return self.last + _SMALLEST_STEP
