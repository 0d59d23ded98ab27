"""Where one shot turns into the next little by little: dissolves, wipes, and fades through a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.stitching import Stretch
from panda_hf.video.groups import MOST_BETWEEN

Array = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

SAMPLES_PER_SECOND = 15
"""So many frames a second are held against each other; a transition takes at least a quarter of a second."""

THUMBNAIL = (20, 12)
"""Width and height of what is compared: small enough that movement in a shot is little beside a change of the shot."""

WIDTHS = (5, 8, 12, 17, 24)
"""Lengths of the windows that are tried, in samples: a third of a second to 1.6 seconds."""

AROUND = 3
"""So many samples before and after a window must look like its ends: the one shot, and the other."""

LONGEST = WIDTHS[-1] + 4 * AROUND
"""So many samples are always held."""

LEAST_CHANGE = 14.0
"""Mean difference of the two shots, of 255."""

DIFFERS = 0.5
"""Distance of the descriptors of the two shots."""

BLEND, WIPE = 0.16, 0.14
"""How much of the difference may be left unexplained by a blend of the two shots, or by every place showing either
the one or the other."""

STEP = 0.45
"""A single sample that takes so much of the way is a cut."""

STEADY = 0.5
"""So much of the difference between the two shots may be found within them, before and after the window."""

LONG = 100
"""Of two windows that fit, the one so many samples longer than the other must fit twice as well, and so on: a shot
that changes slowly is no part of the transition after it."""

NEW_STRUCTURE, PLACES = 10.0, 0.6
"""Of the luma of one picture, of 255, so much at least is not the other picture in another light: exposure changes.
All but this share of the places show it."""

UNDER_WAY = 0.08
"""The share of the way that frames of the shots themselves may seem to have gone."""

SUDDEN, QUICK = 4.0, 1.5
"""Where one step goes so many times as far as the mean, the window is longer than the transition, and something else,
as a title that fades, happens in it too: only steps around half of the way count, each so many times the mean."""


class Strictness(NamedTuple):
    """How much is asked of a window; see the constants. ``unexplained``: times ``BLEND`` or ``WIPE``."""

    change: float = LEAST_CHANGE
    differs: float = DIFFERS
    unexplained: float = 1.0
    step: float = STEP
    steady: float = STEADY
    structure: float = NEW_STRUCTURE


STRICT = Strictness()


@dataclass(slots=True, eq=False)
class Sample:
    """A frame that is held against others, when it is shown, and its thumbnail; one that was left out is taken to be
    so far on the way from one to another."""

    tick: int
    frame: int
    thumb: Image
    seen: Look | None
    between: tuple[Look, Look, float] | None = None

    @classmethod
    def of(cls, tick: int, look: Look) -> Sample:
        """A frame that was looked at."""
        thumb = np.asarray(cv2.resize(look.yuv, THUMBNAIL, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(tick, look.frame, thumb, look)

    def before(self, other: Sample, share: float) -> Sample:
        """One so far on the way from this one to another, both looked at."""
        tick = round(self.tick + share * (other.tick - self.tick))
        frame = round(self.frame + share * (other.frame - self.frame))
        return Sample(tick, frame, _mixed(self.thumb, other.thumb, share), None, (self.look, other.look, share))

    @property
    def look(self) -> Look:
        """The frame."""
        if self.seen is None and self.between is not None:
            one, two, share = self.between
            self.seen = Look(self.frame, _mixed(one.yuv, two.yuv, share))
        assert self.seen is not None
        return self.seen


class Hit(NamedTuple):
    """A window in which one shot turns into another: its last frame of the one, its first of the other, and how well
    it fits."""

    first: int
    last: int
    quality: float


class GradualWatch:
    """Finds gradual transitions while frames come in; holds small images of the last two and a half seconds.

    Args:
        fps: mean frame rate.
        strictness: how much is asked of a window.
    """

    def __init__(self, fps: float, strictness: Strictness = STRICT) -> None:
        self._strictness = strictness
        self._stride = stride_of(fps)
        self._samples: list[Sample] = []
        self._held = np.zeros((2 * LONGEST, THUMBNAIL[0] * THUMBNAIL[1] * 3), np.uint8)
        self._steps: list[float] = []  # how far each sample is from the one before
        self._path: list[float] = []  # their sums
        self._unrest: list[float] = []  # and from that ``AROUND`` before
        self._best: Hit | None = None
        self._waited = 0

    @property
    def lag(self) -> int:
        """A transition is told at most so many frames after it began."""
        return (WIDTHS[-1] + 3 * AROUND) * self._stride

    def is_gap(self, frame: int) -> bool:
        """Whether too many frames were left out before this one to go on from those before."""
        return bool(self._samples) and frame - self._samples[-1].frame > max(2 * self._stride, 1 + MOST_BETWEEN)

    def feed(self, tick: int, look: Look) -> list[Stretch]:
        """Take a frame; the transition that is certain now: when it begins, and when the next shot does.

        Args:
            tick: when it is shown.
            look: the frame; where many are left out before it, what came before them is forgotten.
        """
        if self._samples and look.frame - self._samples[-1].frame < self._stride:
            return []
        found = self.finish() if self.is_gap(look.frame) else []
        samples = self._with_those_between(Sample.of(tick, look))
        for sample in samples:
            self._take(sample, len(samples))
            hit = self._look()
            if hit is not None:
                self._best, self._waited = hit, 0
            elif self._best is not None:
                self._waited += 1
            if self._waited >= AROUND:
                found += self._tell()
        return found

    def _with_those_between(self, sample: Sample) -> list[Sample]:
        """A sample, and before it those that were left out, taken to be blends of the two around them."""
        if not self._samples:
            return [sample]
        last = self._samples[-1]
        count = -(-(sample.frame - last.frame) // self._stride)
        shares = np.arange(1, count) / count
        return [*(last.before(sample, share) for share in shares.tolist()), sample]

    def finish(self) -> list[Stretch]:
        """No frame follows these; the transition that was waiting to be told."""
        found = self._tell()
        self._keep(0)
        return found

    def _take(self, sample: Sample, leap: int) -> None:
        """Hold a sample, one of so many steps in a leap over frames that were left out: all of it may be in one."""
        if len(self._samples) == len(self._held):
            self._keep(LONGEST)
        count = len(self._samples)
        self._held[count] = sample.thumb.reshape(-1)
        self._steps.append(leap * self._between(count - 1, count) if count else 0.0)
        self._path.append(self._steps[-1] + (self._path[-1] if count else 0.0))
        self._unrest.append(self._between(count - AROUND, count) if count >= AROUND else 0.0)
        self._samples.append(sample)

    def _between(self, one: int, two: int) -> float:
        """How far two samples are from each other, summed over all that is compared."""
        return cv2.norm(self._held[one], self._held[two], cv2.NORM_L1)

    def _keep(self, count: int) -> None:
        cut = max(0, len(self._samples) - count)
        self._held[: len(self._samples) - cut] = self._held[cut : len(self._samples)].copy()
        self._samples, self._unrest = self._samples[cut:], self._unrest[cut:]
        self._steps, self._path = self._steps[cut:], self._path[cut:]

    def _look(self) -> Hit | None:
        """The best of the windows that end ``AROUND`` samples before the newest, if it is better than the best so
        far.

        The steps inside a window sum up to at least the change over it: most windows are ruled out by that.
        """
        last = len(self._samples) - 1 - AROUND
        least = self._strictness.change * self._held.shape[1]
        if last < 0 or self._path[last] - self._path[max(0, last - WIDTHS[-1])] < least:
            return None
        known = self._best.quality if self._best is not None else 0.0
        hits = []
        for first in (last - width for width in WIDTHS if last - width - AROUND >= 0):
            path = self._path[last] - self._path[first]
            unrest = self._unrest[first] + self._unrest[last + AROUND]
            needed = max(least, unrest / self._strictness.steady)
            hit = self._judge(first, last, needed, unrest, known) if path >= needed else None
            if hit is not None:
                hits.append(hit)
        return next((hit for hit in sorted(hits, key=lambda hit: -hit.quality) if self._joins_two_shots(hit)), None)

    def _judge(self, first: int, last: int, needed: float, unrest: float, known: float) -> Hit | None:
        """The window, if it changes by so much as is needed, is explained, and fits better than what is known."""
        change = self._between(first, last)
        if change < needed or max(self._steps[first + 1 : last + 1]) > self._strictness.step * change:
            return None
        weight, most = change * (1 - (last - first) / LONG), 1 + self._strictness.unexplained - unrest / change
        if weight * most <= known:
            return None
        window = self._pictures(first, last)
        unexplained = explain(window[0], window[-1], window[1:-1])
        quality = weight * (most - unexplained)
        if unexplained > self._strictness.unexplained or quality <= known:
            return None
        return Hit(self._samples[first].frame, self._samples[last].frame, quality)

    def _joins_two_shots(self, hit: Hit) -> bool:
        """Whether the pictures before and after a window are not one in another light, nor much alike."""
        ends = [i for i, sample in enumerate(self._samples) if sample.frame in (hit.first, hit.last)]
        before, after = (self._held[i].astype(np.float32) for i in ends)
        if not is_new_structure(before, after, self._strictness.structure):
            return False
        return apart(*(self._samples[i].look for i in ends)) >= self._strictness.differs

    def _pictures(self, first: int, last: int) -> Array:
        """Samples from one to another, as numbers to compute with."""
        return self._held[first : last + 1].astype(np.float32)

    def _tell(self) -> list[Stretch]:
        hit, self._best, self._waited = self._best, None, 0
        if hit is None:
            return []
        frames = [sample.frame for sample in self._samples]
        first, last = frames.index(hit.first), frames.index(hit.last)
        window = self._pictures(first, last)
        begins, ends = ends_of(shares(window[0], window[-1], window), np.diff(frames[first : last + 1]))
        found = self._samples[first + begins].tick, self._samples[first + ends].tick
        self._keep(len(self._samples) - last)
        return [found]


def _mixed(one: Image, two: Image, share: float) -> Image:
    """A picture so far on the way from one to another."""
    return np.asarray(cv2.addWeighted(one, 1 - share, two, share, 0), np.uint8)


def stride_of(fps: float) -> int:
    """Every how many frames are held against each other."""
    return max(1, round(fps / SAMPLES_PER_SECOND))


def shares(one: Array, two: Array, inside: Array) -> Array:
    """How far each of some pictures is on the way from one to another: 0 to 1 for a blend of the two."""
    return _shares(inside - one, two - one)


def _shares(moved: Array, change: Array) -> Array:
    """How far on the way of a ``change`` each of some pictures is that ``moved`` from where it begins."""
    return np.asarray(moved @ change / max(1e-6, float(change @ change)), np.float32)


def ends_of(share: Array, gaps: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The last picture of a window that belongs to the one shot, and the first that belongs to the other, by how far
    each is on the way, and how many frames lie from each to the next."""
    last, speeds = len(share) - 1, np.diff(share) / gaps * gaps.sum()
    if speeds.max() <= SUDDEN:
        begins, ends = int(np.argmax(share > UNDER_WAY)) - 1, last - int(np.argmax(share[::-1] < 1 - UNDER_WAY)) + 1
        return max(0, begins), min(last, ends)
    half, is_quick = int(np.argmax(share > 0.5)), speeds > QUICK
    before = int(np.argmin([*is_quick[:half][::-1], False]))
    after = int(np.argmin([*is_quick[half:], False]))
    return half - before, half + after


def is_new_structure(one: Array, two: Array, least: float) -> bool:
    """Whether in most places so much of the luma of one picture, of 255, is no multiple of the other's, or of the
    other's no multiple of its own: a thing that leaves a plain picture is no new picture."""
    luma = one[::3] - one[::3].mean(), two[::3] - two[::3].mean()
    return _unlike(*luma) >= least or _unlike(*luma[::-1]) >= least


def _unlike(a: Array, b: Array) -> float:
    """What is left of ``a`` where it is explained by ``b`` in another light; the fit is to the places that fit."""
    most = int(PLACES * len(a))
    x, y = b, a
    for _ in range(4):
        x_mean, y_mean = x.sum() / len(x), y.sum() / len(y)
        slope = (x @ y - len(x) * x_mean * y_mean) / max(1e-6, x @ x - len(x) * x_mean**2)
        rest = np.abs(a - y_mean - slope * (b - x_mean))
        fits = np.argpartition(rest, most)[:most]
        x, y = b[fits], a[fits]
    return float(rest[fits].max())


def explain(one: Array, two: Array, inside: Array) -> float:
    """How badly the pictures of a window are explained by the best of three kinds of transition; 1: just so well.

    Args:
        one: the last picture of the one shot, float [d].
        two: the first of the other.
        inside: those between, [n, d].
    """
    change, moved = two - one, inside - one
    blend = cv2.norm(moved, np.outer(_shares(moved, change), change), cv2.NORM_L1)
    wipe = np.minimum(np.abs(moved), np.abs(moved - change)).sum()
    way = len(inside) * cv2.norm(change, cv2.NORM_L1)
    return float(min(blend / BLEND, wipe / WIPE) / way)
