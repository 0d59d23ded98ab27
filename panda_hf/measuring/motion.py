"""How much moves in a clip: the camera, what is before it, and how much stays as it is."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from panda_hf.measuring.measure import Column, Image, Look, Measure

Array = NDArray[np.floating]

GRID = 8
"""Every so many pixels the flow is looked at."""

STILL_LEVELS = 8
"""A pixel whose brightness ranges over no more levels (of 255) is still; encoders make that much of nothing."""

CAMERA_PIXELS = 1.0
"""What moves within so many pixels of the camera's motion moves with it."""


def motion(look: Look) -> dict[str, float | None]:
    """Optical flow (DIS) between frames that follow each other, and the part of it that one motion explains.

    The camera's part is the rotation, scaling and shift that fits the flow best (RANSAC); the rest moves by itself.
    Frames farther apart than about a second often share too little for the flow to be right: it then says that much
    moves, and no more.
    """
    still = {"still_area": float((look.span <= STILL_LEVELS).mean())}
    if len(look.luma) < 2:
        return {**dict.fromkeys(("motion", "camera_motion", "own_motion", "still_area"))}
    gaps = np.diff(look.times)
    parts = np.array([_lengths(one, two) for one, two in pairwise(look.luma)]) / np.maximum(gaps, 1e-3)[:, None]
    whole, camera, own = parts.mean(axis=0) / float(np.hypot(*look.luma.shape[1:]))
    return {"motion": float(whole), "camera_motion": float(camera), "own_motion": float(own), **still}


def _lengths(one: Image, two: Image) -> tuple[float, float, float]:
    """Mean length of the flow in pixels: all, the camera's, the rest."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(one, two, None)  # type: ignore[call-overload]
    ys, xs = np.mgrid[GRID // 2 : one.shape[0] : GRID, GRID // 2 : one.shape[1] : GRID]
    places = np.stack([xs, ys], axis=-1).reshape(-1, 2).astype(np.float32)
    moved = np.asarray(flow)[ys, xs].reshape(-1, 2)
    camera = _camera(places, moved)
    return _mean_length(moved), _mean_length(camera), _mean_length(moved - camera)


def _mean_length(vectors: Array) -> float:
    return float(np.linalg.norm(vectors, axis=1).mean()) if len(vectors) else 0.0


def _camera(places: Array, moved: Array) -> Array:
    """The part of the motion of each place that the camera explains."""
    if len(places) < 3:
        return np.zeros_like(moved)
    fitted, _ = cv2.estimateAffinePartial2D(places, places + moved, ransacReprojThreshold=CAMERA_PIXELS)
    if fitted is None:
        return np.zeros_like(moved)
    return places @ fitted[:, :2].T + fitted[:, 2] - places


_PER_SECOND = "mean length per second, in diagonals of the picture"
MOTION = Measure(
    (
        Column("motion", f"optical flow, {_PER_SECOND}", "least", (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)),
        Column(
            "camera_motion", f"flow that one turn, zoom and shift explains, {_PER_SECOND}", "most", (0.1, 0.05, 0.02)
        ),
        Column("own_motion", f"flow that is left, {_PER_SECOND}", "least", (0.0005, 0.001, 0.002, 0.005, 0.01)),
        Column("still_area", "share of the pixels that never change", "most", (0.99, 0.95, 0.9, 0.7, 0.5)),
    ),
    motion,
)
