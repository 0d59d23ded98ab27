"""Clips drawn for the tests, as packs of frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from panda_hf.measuring.frames import MeasureFrames
from panda_hf.video import pack_frames

Frames = NDArray[np.uint8]
HEIGHT, WIDTH = 150, 240


def scene(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Frames:
    """A picture with soft texture everywhere."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (height // 5 + 1, width // 5 + 1, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def pan(pixels: int, count: int = 6) -> Frames:
    """The view moves to the right by so many pixels from frame to frame."""
    wide = scene(1, HEIGHT, WIDTH + pixels * count)
    return np.stack([wide[:, pixels * i : pixels * i + WIDTH] for i in range(count)])


def inset(count: int = 6) -> Frames:
    """A still picture with another that changes: rows 20 to 80, columns 30 to 150."""
    frames = np.stack([scene(2)] * count)
    for i, frame in enumerate(frames):
        frame[20:80, 30:150] = scene(10 + i, 60, 120)
    return frames


def desktop(count: int = 6) -> Frames:
    """A window of text on which a small mark moves."""
    frames = np.full((count, 224, 398, 3), 245, np.uint8)
    for i, frame in enumerate(frames):
        frame[:16] = (60, 90, 160)
        for line in range(14):
            words = "some words of a page in a window"[: 10 + line * 7 % 20]
            cv2.putText(
                frame, words, (20, 36 + 13 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (20, 20, 20), 1, cv2.LINE_AA
            )
        cv2.circle(frame, (320, 60 + 20 * i), 4, (0, 0, 0), -1)
    return frames


def measured(frames: Frames, *measures: str, gap: float = 1.0) -> dict:
    """What the stage says of a clip with these frames, so many seconds apart."""
    pack = pack_frames(frames, [i * gap for i in range(len(frames))])
    out = MeasureFrames(measures=measures)({"frames": [pack]}) if measures else MeasureFrames()({"frames": [pack]})
    assert out.pop("error") == [None]
    return {column: values[0] for column, values in out.items()}
