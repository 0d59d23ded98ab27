"""Whether a big step from one frame to the next is movement before a background that rests, and no cut."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.stitching import distance

Image = npt.NDArray[np.uint8]

ALIKE = 0.4
"""Two pictures of one place are seldom farther apart (distance of the descriptors)."""

RESTS = 0.28
"""At least so much of a picture stays as it was where something moves before it; after a cut, hardly a twentieth."""

AS_IT_WAS = (7, 4, 4)
"""A place whose Y, U and V change by no more is as it was: noise, and what the encoder leaves of it."""

LIT = 32
"""Darker places (Y) look alike everywhere: bars at the edge, black."""


AROUND_FRAMES = 2
"""What only passed was not there so many frames before the step, and is gone so many after it."""


def is_movement(earlier: Image, before: Image, after: Image, later: Image) -> bool:
    """Whether frames around a step show one place, in which something moved or came and went.

    Args:
        earlier: a frame up to a tenth of a second before the step, small, uint8 [h, w, 3] of Y, U, V.
        before: the last one before it.
        after: the first after it.
        later: one up to a tenth of a second after it.
    """
    if max(resting(before, after), resting(earlier, later)) < RESTS:
        return False
    return distance(describe(before), describe(after)) < ALIKE


def without_movement(images: Sequence[Image], cuts: Sequence[int]) -> list[int]:
    """Those positions of cuts in a run of frames at which there is more than movement."""
    last = len(images) - 1
    around = [(max(0, cut - AROUND_FRAMES), cut - 1, cut, min(last, cut + AROUND_FRAMES)) for cut in cuts]
    return [four[2] for four in around if not is_movement(*(images[i] for i in four))]


def resting(one: Image, two: Image) -> float:
    """The share of the places lit in one of two frames that look the same in both."""
    brighter = cv2.max(cv2.extractChannel(one, 0), cv2.extractChannel(two, 0))
    lit = cv2.threshold(brighter, LIT, 255, cv2.THRESH_BINARY)[1]
    same = cv2.inRange(cv2.absdiff(one, two), (0, 0, 0), AS_IT_WAS)
    return cv2.countNonZero(cv2.bitwise_and(same, lit)) / max(1, cv2.countNonZero(lit))
