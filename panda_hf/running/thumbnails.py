"""A strip of small pictures of a clip, for the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from panda_hf.stage import Row
from panda_hf.video import unpack_frames

PICTURES = 3
HEIGHT = 112
"""Pixels; the width follows the frame's shape, at most ``MAX_WIDTH``."""
MAX_WIDTH = 200
QUALITY = 70


def write_thumbnail(frames: Row, path: Path) -> None:
    """Write first, middle and last frame of a frame pack side by side as one JPEG.

    Args:
        frames: a value of the column ``frames``.
        path: the file; its folder is made.
    """
    images = unpack_frames(frames)
    chosen = [small(images[i]) for i in np.linspace(0, len(images) - 1, PICTURES).round().astype(int)]
    strip = Image.new("RGB", (sum(image.width for image in chosen), max(image.height for image in chosen)))
    left = 0
    for image in chosen:
        strip.paste(image, (left, 0))
        left += image.width
    path.parent.mkdir(parents=True, exist_ok=True)
    strip.save(path, "JPEG", quality=QUALITY)


def small(frame: np.ndarray) -> Image.Image:
    """A ``uint8 [h, w, 3]`` frame as a picture of at most ``MAX_WIDTH`` x ``HEIGHT``, its shape kept."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    image.thumbnail((MAX_WIDTH, HEIGHT))
    return image
