"""Frames of a video as a student sees them: which ones, which part of them, in which size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F

Overshoot = Literal["clamp", "wrap"]

CROP_SHARE = (0.5, 1.0)
"""Of the picture's area that a random crop keeps (appendix D.2)."""
CROP_ASPECT = (3 / 4, 4 / 3)
"""Of a random crop, as is usual."""


def pick_from_start(available: int, wanted: int) -> list[int]:
    """Indices of ``wanted`` frames: i * available // wanted, so that the first is always taken (official code).

    Example:
        >>> pick_from_start(16, 8), pick_from_start(2, 4)
        ([0, 2, 4, 6, 8, 10, 12, 14], [0, 0, 1, 1])
    """
    return [i * available // wanted for i in range(wanted)]


def pick_random(available: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Indices of ``wanted`` random frames in their order; some come again only where there are too few."""
    if available < wanted:
        return sorted([*range(available), *rng.integers(available, size=wanted - available).tolist()])
    return sorted(rng.choice(available, size=wanted, replace=False).tolist())


def random_box(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random crop that holds half of the picture at least: top, left, height, width in pixels."""
    for _ in range(10):
        area = height * width * rng.uniform(*CROP_SHARE)
        aspect = np.exp(rng.uniform(*np.log(CROP_ASPECT)))
        wide, high = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if 0 < wide <= width and 0 < high <= height:
            return int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1)), high, wide
    return 0, 0, height, width


def resize_frames(
    frames: np.ndarray, size: int, overshoot: Overshoot = "clamp", antialias: bool = False
) -> np.ndarray:
    """Frames uint8 (n, height, width, 3) as squares of ``size`` pixels, bicubic, again uint8.

    Args:
        frames: the aspect is not kept.
        size: pixels.
        overshoot: see :class:`PandaStudentProcessor`.
        antialias: likewise.
    """
    if frames.shape[1:3] == (size, size):
        return np.ascontiguousarray(frames)
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    square = F.interpolate(pixels, size=(size, size), mode="bicubic", antialias=antialias, align_corners=False)
    whole = square.clamp(0, 255) if overshoot == "clamp" else square.trunc() % 256
    return whole.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def load_frames(path: str | Path, count: int) -> np.ndarray:
    """``count`` frames of a video file, every n-th from the first on, uint8 (count, height, width, 3).

    For where only the model's repository is at hand; ``panda_hf.video`` reads damaged and odd files better.
    """
    from transformers.video_utils import load_video

    def indices(metadata: Any, **kwargs: Any) -> np.ndarray:
        return np.array(pick_from_start(metadata.total_num_frames, count))

    source: Any = str(path)
    frames, _ = load_video(source, backend="pyav", sample_indices_fn=indices)
    return np.asarray(frames)
