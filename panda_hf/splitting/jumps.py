"""Whether a step from one frame to the next is a jump cut: the scene stays, seen from elsewhere, nearer, or later."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from panda_hf.splitting.movement import resting

Image = npt.NDArray[np.uint8]

SMALLER, FARTHER = 0.6, 1.5
"""A jump cut may be so much smaller than other cuts, where it stands out so many times as far."""

OTHER_VIEW = 0.08
"""The frames it lies between are so far apart (distance of the descriptors)."""

CALMER = 0.5
"""Those before it, and those after it, are at most so many times as far."""

SAME_VIEW, DETAIL = 0.5, 5
"""Where what differs from the mean of so many pixels around it correlates so well before and after it, another light
falls on what is seen from where it was, or it was coded anew."""

MOST_RESTS = 0.66
"""Where more of the picture stays as it was, a title came up before it, or part of it was replaced."""

ALONE = 0.7
"""No step of Y, U and V within a flash of it is so big a share of it: else each picture is held for some frames, as in
drawn films, and all steps stand out."""


def is_other_view(before: Image, after: Image) -> bool:
    """Whether two frames show a scene, or two, from different places.

    Args:
        before: the last frame before a step, small, uint8 [h, w, 3] of Y, U, V.
        after: the first after it.
    """
    return resting(before, after) <= MOST_RESTS and not is_same_view(before, after)


def is_same_view(one: Image, two: Image) -> bool:
    """Whether two frames show one scene from one place, in whatever light.

    Args:
        one: a frame, small, uint8 [h, w, 3] of Y, U, V.
        two: another.
    """
    return _alike_in_detail(one, two) >= SAME_VIEW


def is_calm_beside(distance: float, moved: float) -> bool:
    """Whether two views lie so far apart that what moves before and after the step between them is little beside it.

    Args:
        distance: of their descriptors.
        moved: that of two frames on either side of the step, the greater one; by the frame, if some were left out.
    """
    return distance >= max(OTHER_VIEW, moved / CALMER)


def _alike_in_detail(one: Image, two: Image) -> float:
    """The correlation of the luma of two frames without what is wide and soft; 0 where one is plain."""
    first, second = (_detail(image).ravel() for image in (one, two))
    return float(first @ second) / max(1e-6, float(np.linalg.norm(first) * np.linalg.norm(second)))


def _detail(image: Image) -> npt.NDArray[np.float32]:
    luma = np.asarray(image[..., 0], np.float32)
    return np.asarray(luma - cv2.blur(luma, (DETAIL, DETAIL)))
