"""How much of the picture is a black border that stays for the whole clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from panda_hf.measuring.measure import Column, Look, Measure

BLACK = 24
"""Brightness of 255 up to which a pixel is black; what television range and compression make of it included."""

BLACK_SHARE = 0.98
"""So much of a black row or column is black: a channel's logo in the border does not make it a picture."""


def black_border(look: Look) -> dict[str, float | None]:
    """Share of the picture outside the smallest rectangle that holds every row and column that is ever not black."""
    dark = look.luma.max(axis=0) <= BLACK
    rows, columns = (_inner(dark.mean(axis=axis) < BLACK_SHARE) for axis in (1, 0))
    return {"black_border": 1.0 - rows * columns / dark.size}


def _inner(shown: NDArray[np.bool_]) -> int:
    places = np.flatnonzero(shown)
    return int(places[-1] - places[0] + 1) if len(places) else 0


BLACK_BORDER = Measure(
    (
        Column(
            "black_border",
            "share of the picture in black rows and columns at its edges",
            "most",
            (0.5, 0.3, 0.1, 0.02),
        ),
    ),
    black_border,
)
