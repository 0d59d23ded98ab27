"""What the rules for bytes ask of a row of numbers, one for each frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


def windows(values: Numbers, width: int) -> Numbers:
    """[n - width + 1, width], every so many of n values in a row; not to be written to."""
    (step,) = values.strides
    return np.lib.stride_tricks.as_strided(values, (len(values) - width + 1, width), (step, step), writeable=False)


def last_of(where: Booleans, after: int) -> int:
    """The position in the group of the last frame marked, and ``after`` more; at most the group's last frame."""
    marked = where.nonzero()[0]
    return min(len(where), int(marked[-1]) + 1 + after) if len(marked) else 0
