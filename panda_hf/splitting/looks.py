"""Frames that were looked at: small, with their numbers, some left out between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.stitching import distance

Image = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Look:
    """A small decoded frame, the ``frame``-th of the video: uint8 [h, w, 3] of Y, U, V."""

    frame: int
    yuv: Image
    is_due: bool = False
    """Whether it is handed on though nothing happens there."""
    _features: Features | None = field(default=None, init=False, repr=False)

    @property
    def features(self) -> Features:
        """Its descriptor, computed when it is first asked for."""
        if self._features is None:
            self._features = describe(self.yuv)
        return self._features


def gaps_of(run: Sequence[Look]) -> npt.NDArray[np.int64]:
    """How many frames each is after the one before it; the first is taken to be one after."""
    frames = np.fromiter((look.frame for look in run), np.int64, len(run))
    return np.concatenate([[1], frames[1:] - frames[:-1]])


def apart(one: Look, two: Look) -> float:
    """The distance of the descriptors of two frames."""
    return distance(one.features, two.features)
