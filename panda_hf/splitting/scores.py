"""How far each frame is from the one before, as PySceneDetect counts it, and which of these steps are cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise, starmap
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

ADAPTIVE_REACH = 2
"""PySceneDetect's ``AdaptiveDetector`` holds a frame against so many on either side."""

OF_FLOOR, OF_THRESHOLD = 0.12, 0.5
"""So small a share of the rules' floor and threshold, asked of the change of Y, U and V, rules out most steps before
hue and saturation are computed, which cost ten times as much, and waver in the dark."""

_KERNEL = np.concatenate([np.ones(ADAPTIVE_REACH), [0], np.ones(ADAPTIVE_REACH)])

# from Y, U, V to B, G, R by BT.601; the last column is what the offsets of Y, U and V come to
_LIMITED = np.array([[1.1644, 2.0172, 0, -276.83], [1.1644, -0.3918, -0.813, 135.58], [1.1644, 0, 1.596, -222.92]])
_FULL = np.array([[1.0, 1.772, 0, -226.82], [1.0, -0.3441, -0.7141, 135.45], [1.0, 0, 1.402, -179.46]])


def is_full_range(pixel_format: str) -> bool:
    """Whether luma runs from 0 to 255 (JPEG) rather than from 16 to 235 (television)."""
    return pixel_format.startswith("yuvj")


def to_bgr(yuv: Image, full_range: bool = False) -> Image:
    """A small YUV image as the BGR image that PySceneDetect's detectors expect (BT.601); uint8 [h, w, 3]."""
    return np.asarray(cv2.transform(yuv, _FULL if full_range else _LIMITED), np.uint8)


def to_hsv(yuv: Image, full_range: bool = False) -> Image:
    """The same in hue, saturation and value, in which PySceneDetect compares images."""
    return np.asarray(cv2.cvtColor(to_bgr(yuv, full_range), cv2.COLOR_BGR2HSV), np.uint8)


def step(one: Image, two: Image) -> float:
    """The mean change of all values between two images; of HSV it is PySceneDetect's score, by its default weights."""
    return cv2.norm(one, two, cv2.NORM_L1) / one.size


def steps_of(images: Iterable[Any], between: Callable[[Any, Any], float] = step) -> Numbers:
    """For each image how far it is from the one before; the first has 0."""
    return np.array([0.0, *starmap(between, pairwise(images))])


def content_scores(images: Iterable[Image], full_range: bool = False) -> Numbers:
    """The same of small YUV images as PySceneDetect counts it."""
    return steps_of(to_hsv(image, full_range) for image in images)


def standing_out(steps: Numbers, gaps: npt.NDArray[np.int64], least: float, factor: float) -> npt.NDArray[np.bool_]:
    """Which steps are as big as ``least`` and ``factor`` times the mean of those around them; the first is none."""
    speeds = steps / gaps
    speeds[0] = 0
    around = _around(speeds) / _counts_around(len(steps))
    stand_out = steps - (gaps - 1) * around >= np.maximum(least, factor * around)
    stand_out[0] = False
    return np.asarray(stand_out, np.bool_)


def _around(values: Numbers) -> Numbers:
    """The sums of those on either side of each."""
    return np.convolve(values, _KERNEL)[ADAPTIVE_REACH : ADAPTIVE_REACH + len(values)]


@lru_cache(maxsize=512)
def _counts_around(length: int) -> Numbers:
    """How many of so many steps lie on either side of each, the first, which is none, left out; at least 1."""
    return np.maximum(1, _around(np.concatenate([[0.0], np.ones(length - 1)])))
