"""Screens: a moving picture inside a still one, and flat areas as only drawn pictures have them."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from panda_hf.measuring.border import BLACK
from panda_hf.measuring.measure import Column, Image, Look, Measure

CHANGES = 16
"""A pixel whose brightness ranges over more levels (of 255) changes."""

INSET = (0.05, 0.9)
"""Share of the picture that an inset one takes."""

FILLED = 0.85
"""So much of its rectangle the hull of what changes fills; of a person who moves before a still wall it is less."""

ALL_OVER = 0.6
"""What changes from one frame to the next spans so much of the rectangle, for half of the steps at least: a thing that
crosses a still picture changes only a part of its path at a time."""

OUTSIDE = 0.02
"""So little changes around an inset picture."""

SHOWN = 0.5
"""So much around it is not black; else it is a black border."""

FLAT_LEVELS = 1
"""Brightness in the neighbourhood of a flat pixel ranges over no more levels (of 255)."""


def inset_area(look: Look) -> dict[str, float | None]:
    """Share of the picture that one rectangle takes in which all change happens; 0 where there is none."""
    if len(look.luma) < 2:
        return {"inset_area": None}
    changed = (look.span > CHANGES).astype(np.uint8)
    changed = np.asarray(cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    x, y, width, height = cv2.boundingRect(changed)
    share = width * height / changed.size
    is_inset = INSET[0] <= share <= INSET[1] and _fills(changed, width * height) and _spans(look, width * height)
    return {"inset_area": share if is_inset and _is_framed(look, changed, (x, y, width, height)) else 0.0}


def _fills(changed: Image, area: int) -> bool:
    hull = cv2.convexHull(np.argwhere(changed)[:, ::-1].astype(np.int32))
    return cv2.contourArea(hull) >= FILLED * area


def _spans(look: Look, area: int) -> bool:
    """Whether the steps from frame to frame mostly change something all over the rectangle."""
    steps = [cv2.absdiff(one, two) > CHANGES for one, two in pairwise(look.luma)]
    boxes = [cv2.boundingRect(step.astype(np.uint8)) for step in steps]
    return float(np.median([width * height for _, _, width, height in boxes])) >= ALL_OVER * area


def _is_framed(look: Look, changed: Image, box: tuple[int, int, int, int]) -> bool:
    """Whether there is a still picture, not black, around the rectangle."""
    x, y, width, height = box
    around = np.ones(changed.shape, bool)
    around[y : y + height, x : x + width] = False
    return bool(
        (look.luma.max(axis=0)[around] > BLACK).mean() >= SHOWN and (look.span > CHANGES)[around].mean() <= OUTSIDE
    )


def flat_area(look: Look) -> dict[str, float | None]:
    """Share of the pixels that look like their neighbours, the median over the frames; black ones aside."""
    return {"flat_area": float(np.median([_flat(luma) for luma in look.luma]))}


def _flat(luma: Image) -> float:
    ranges = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return float(((ranges <= FLAT_LEVELS) & (luma > BLACK)).mean())


SCREENS = Measure(
    (
        Column(
            "inset_area",
            "share of the picture that a moving picture inside a still one takes",
            "most",
            (0.5, 0.2, 0.05),
        ),
        Column(
            "flat_area",
            "share of the pixels that equal their neighbours, as in drawn pictures",
            "most",
            (0.8, 0.6, 0.4, 0.2),
        ),
    ),
    lambda look: {**inset_area(look), **flat_area(look)},
)
