"""Whether a step from one frame to the next is a jump cut: the scene stays, seen from elsewhere, nearer, or later."""

from __future__ import annotations

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

SAME_VIEW = 0.9
"""Where luma before and after it correlates so well, another light falls on what is seen from where it was, or it was
coded anew."""

MOST_RESTS = 0.66
"""Where more of the picture stays as it was, a title came up before it, or a part of it was replaced."""


def is_other_view(before: Image, after: Image) -> bool:
    """Whether two frames show a scene, or two, from different places.

    Args:
        before: the last frame before a step, small, uint8 [h, w, 3] of Y, U, V.
        after: the first after it.
    """
    return resting(before, after) <= MOST_RESTS and _correlation(before, after) < SAME_VIEW


def is_calm_beside(distance: float, moved: float) -> bool:
    """Whether two views lie so far apart that what moves before and after the step between them is little beside it.

    Args:
        distance: of their descriptors.
        moved: that of two frames on either side of the step, the greater one; by the frame, if some were left out.
    """
    return distance >= max(OTHER_VIEW, moved / CALMER)


def _correlation(one: Image, two: Image) -> float:
    """That of the luma of two frames; 0 where one is of a single one."""
    first, second = (np.ravel(image[..., 0]) - image[..., 0].mean() for image in (one, two))
    return float(first @ second / max(1e-6, np.linalg.norm(first) * np.linalg.norm(second)))
