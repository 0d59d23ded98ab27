"""What a measure is: columns with their meaning, and a function of the frames of a clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Side = Literal["least", "most"]

SHORT_SIDE = 160
"""Frames are measured with a shorter side of at most so many pixels, so that the size of a pack matters little."""

LEAST_SIDE = 64
"""Smaller frames are enlarged: OpenCV's optical flow fails on them, or ends the process."""

MOST_SLENDER = 8
"""No picture is measured longer than so many times its shorter side, for the same reason."""


@dataclass(frozen=True)
class Column:
    """A number that a measure writes: what it says, and limits that a user may want to set."""

    name: str
    meaning: str
    """In words, with the unit."""
    side: Side
    """Whether a limit on it is usually the ``least`` or the ``most`` that is let pass."""
    limits: tuple[float, ...]
    """For which the keep rate is printed, loosest first."""


@dataclass(frozen=True)
class Measure:
    """One measure: its columns, and how they are computed; ``None`` where a clip has too few frames for it."""

    columns: tuple[Column, ...]
    of: Callable[[Look], dict[str, float | None]]


class Look:
    """The frames of one clip, in the forms that measures want; each is made once.

    Args:
        frames: uint8 RGB [n, h, w, 3], n at least 1.
        times: when each is shown, seconds, rising.
    """

    def __init__(self, frames: Image, times: NDArray[np.float64]) -> None:
        if not len(frames) or min(frames.shape[1:3]) < 2:
            raise ValueError(f"a clip with frames of shape {list(frames.shape)} shows nothing that can be measured")
        self.frames, self.times = frames, times

    @cached_property
    def luma(self) -> Image:
        """Brightness of each pixel (BT.601), 0 to 255, [n, h, w] with the shorter side at most ``SHORT_SIDE``."""
        return np.stack([self._small(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in self.frames])

    @cached_property
    def span(self) -> Image:
        """How far the brightness of each pixel ranges over the clip, 0 to 255, [h, w]."""
        return self.luma.max(axis=0) - self.luma.min(axis=0)

    def _small(self, image: Image) -> Image:
        short = min(max(min(image.shape), LEAST_SIDE), SHORT_SIDE)
        scale = short / min(image.shape)
        height, width = (min(round(size * scale), MOST_SLENDER * short) for size in image.shape)
        if (height, width) == image.shape:
            return image
        return np.asarray(
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR),
            np.uint8,
        )
