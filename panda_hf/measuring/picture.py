"""How the picture of a clip is: sharp, and bright."""

from __future__ import annotations

import cv2
import numpy as np

from panda_hf.measuring.measure import Column, Look, Measure


def sharpness(look: Look) -> dict[str, float | None]:
    """Standard deviation of the Laplacian of brightness (0 to 1), the median over the frames."""
    spread = [cv2.Laplacian(luma, cv2.CV_32F).std() / 255 for luma in look.luma]
    return {"sharpness": float(np.median(spread))}


def brightness(look: Look) -> dict[str, float | None]:
    """Mean brightness, 0 black to 1 white."""
    return {"brightness": float(look.luma.mean() / 255)}


SHARPNESS = Measure(
    (
        Column(
            "sharpness",
            "standard deviation of the Laplacian of brightness 0 to 1, shorter side 160",
            "least",
            (0.01, 0.02, 0.03, 0.05, 0.08),
        ),
    ),
    sharpness,
)
BRIGHTNESS = Measure(
    (Column("brightness", "mean brightness, 0 black to 1 white", "least", (0.02, 0.05, 0.1, 0.2, 0.3)),), brightness
)
