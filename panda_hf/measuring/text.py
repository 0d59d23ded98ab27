"""How much of the picture is covered by lines of text: an estimate from edges, which reads nothing."""

from __future__ import annotations

import cv2
import numpy as np

from panda_hf.measuring.measure import Column, Image, Look, Measure

EDGE = 60
"""Difference of brightness (of 255) between neighbours that is a stroke: text is made to stand out."""

GAP = 9
"""Strokes no farther apart than so many pixels belong to one line."""

LOWEST, HIGHEST = 5, 40
"""Pixels that a line of text is high, where the shorter side of the picture is 160."""

SLENDER = 1.5
"""A line is so many times longer than high, at least: two letters."""

STROKES = (0.3, 0.9)
"""Share of a line's rectangle that is edges: less is the outline of a thing, more is none of either."""

BUSY = 3.0
"""Edges that a row of a line crosses, at least, for each of its height: letters stand close."""


def text_area(look: Look) -> dict[str, float | None]:
    """Share of the picture in rectangles that look like lines of text, the mean over the frames."""
    return {"text_area": float(np.mean([_share(luma) for luma in look.luma]))}


def _share(luma: Image) -> float:
    edges = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) >= EDGE
    marks = edges.astype(np.uint8)
    lines = cv2.morphologyEx(marks, cv2.MORPH_CLOSE, np.ones((1, GAP), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(lines, connectivity=4)
    covered = np.zeros(luma.shape, bool)
    for x, y, width, height, _ in boxes[1:]:
        part = (slice(y, y + height), slice(x, x + width))
        if LOWEST <= height <= HIGHEST and width >= SLENDER * height and _is_text(edges[part]):
            covered[part] = True
    return float(covered.mean())


def _is_text(edges: np.ndarray) -> bool:
    if not STROKES[0] <= edges.mean() <= STROKES[1]:
        return False
    crossings = np.count_nonzero(edges[:, 1:] & ~edges[:, :-1], axis=1)
    return bool(np.median(crossings) >= BUSY * edges.shape[1] / edges.shape[0] / 4)


TEXT_AREA = Measure(
    (
        Column(
            "text_area",
            "share of the picture that looks like lines of text (estimated from edges)",
            "most",
            (0.2, 0.1, 0.05, 0.02, 0.01),
        ),
    ),
    text_area,
)
