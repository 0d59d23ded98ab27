"""Where one shot may turn into another little by little, by the bytes of the frames and the fades they tell of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.sequences import Booleans, Numbers, last_of

SWELL_SECONDS = 0.32
SWELL, SWELL_OF_KEY = 6.0, 1.5
"""So many times the usual bytes for ``SWELL_SECONDS``, and as many as this many key frames: a gradual transition."""
SWELL_OF_REST = 4.0
"""And so many times the mean of what lies farther than half a swell from it."""

FIXED_SWELL = 4.0
"""The same where key frames lie at fixed distances, so that a swell may hide a cut too."""

RISE_SECONDS, AROUND_SECONDS = (0.48, 0.8), 1.0
RISE, RISE_OF_BOTH, RISE_OF_KEY = 3.0, 1.15, 1.5
"""For so long so many times the bytes of the calmer second before or after, more than of either, and as many as this
many key frames: a gradual transition between shots that move."""

STEEP_RISE = 5.0
"""Where the encoder looked for fades and says of none there (see :attr:`PacketIndex.fading`), so many times the bytes
of the calmer second: of 469 rises less steep, in 362 films by x264, 16 lay in a transition."""

FADE_FRAMES, FADE_SHARE, FADE_SECONDS = 6, 0.3, 1.44
"""So many fading frames in so short a time are a gradual transition, whatever its bytes, if they are this share of
those from the first to the last of them that may be."""

FADE_AROUND_SECONDS = 0.24
"""A transition may begin and end so long before and after its fading frames."""


class Swells:
    """The rules for one video.

    Args:
        fps: mean frame rate.
        seeks_cuts: whether the encoder put key frames where shots begin.
    """

    def __init__(self, fps: float, seeks_cuts: bool) -> None:
        self._fps, self._seeks_cuts = fps, seeks_cuts
        self.around = round(FADE_AROUND_SECONDS * fps)
        """Frames before and after fading ones that a transition may take too."""

    def last(self, sizes: Numbers, key: float, fading: Booleans | None, others: Booleans) -> int:
        """The last frame of a group, counted from its key frame, that a gradual transition may reach; 0: none.

        Args:
            sizes: [n], bytes of the frames after the key frame.
            key: bytes of a key frame.
            fading: [n], whether each is coded from another made brighter or darker; ``None``: that is not known.
            others: [n], whether each may be fading: B-frames never are.
        """
        width = self._frames(SWELL_SECONDS)
        found = [last_of(self._swells(sizes, key, width), 2 * width)]
        for seconds in RISE_SECONDS:
            rises = self._rises(sizes, key, fading, self._frames(seconds))
            found.append(last_of(rises, round(2 * seconds * self._fps)))
        if fading is not None:
            found.append(last_of(self._many(fading, others), self.around))
        return max(found)

    def _frames(self, seconds: float) -> int:
        return max(3, round(seconds * self._fps))

    def _swells(self, sizes: Numbers, key: float, window: int) -> Booleans:
        """Where far more bytes than usual begin to follow."""
        window = min(window, len(sizes))
        sums = np.convolve(sizes, np.ones(window), "valid")
        factor = SWELL if self._seeks_cuts else FIXED_SWELL
        swells = (sums >= SWELL_OF_KEY * key) & (sums >= factor * window * (np.median(sizes) + 1))
        if self._seeks_cuts and swells.any():
            swells &= sums >= SWELL_OF_REST * window * _mean_elsewhere(sizes, window)
        return np.asarray(swells, np.bool_)

    def _rises(self, sizes: Numbers, key: float, fading: Booleans | None, width: int) -> Booleans:
        """Where more bytes begin to follow than in the second before or after; with fading frames near, or steeply."""
        reach = self._frames(AROUND_SECONDS)
        total = _sums(sizes)
        first = np.arange(max(0, len(sizes) - width + 1))
        low, high = np.maximum(0, first - reach), np.minimum(len(sizes), first + width + reach)
        inside = (total[first + width] - total[first]) / width
        before = (total[first] - total[low] + 1) / np.maximum(1, first - low)
        after = (total[high] - total[first + width] + 1) / np.maximum(1, high - first - width)
        calmer, busier = np.minimum(before, after), np.maximum(before, after)
        rises = inside >= np.maximum(RISE * calmer, RISE_OF_BOTH * busier)
        rises &= (first - low >= reach // 4) & (high - first - width >= reach // 4)
        rises &= inside * width >= RISE_OF_KEY * key
        if fading is not None and rises.any():
            rises &= (inside >= STEEP_RISE * calmer) | self._is_near(fading, first, width)
        return np.asarray(rises, np.bool_)

    def _is_near(self, fading: Booleans, first: npt.NDArray[np.intp], width: int) -> Booleans:
        """Whether there are fading frames in windows of ``width`` that begin at ``first``, or near them."""
        total = _sums(fading)
        low, high = np.maximum(0, first - self.around), np.minimum(len(fading), first + width + self.around)
        return np.asarray(total[high] > total[low], np.bool_)

    def _many(self, fading: Booleans, others: Booleans) -> Booleans:
        """Fading frames that are the last of many."""
        places = np.flatnonzero(fading)
        first, last = places[: 1 - FADE_FRAMES], places[FADE_FRAMES - 1 :]
        total = _sums(others)
        among = total[last + 1] - total[first]
        are_many = (last - first < self._frames(FADE_SECONDS)) & (FADE_FRAMES >= FADE_SHARE * among)
        return np.isin(np.arange(len(fading)), last[are_many])


def _sums(values: Numbers | Booleans) -> Numbers:
    """[n + 1], the sum of the values before each place, and of all."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _mean_elsewhere(sizes: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """For each stretch of ``window`` frames the mean of those farther from it than half its length, plus 1."""
    total = _sums(sizes)
    first = np.arange(len(sizes) - window + 1)
    low, high = np.maximum(0, first - window // 2), np.minimum(len(sizes), first + window + window // 2)
    return np.asarray((total[-1] - total[high] + total[low]) / np.maximum(1, len(sizes) - high + low) + 1)
