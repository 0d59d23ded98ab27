"""Frames that were looked at: small, with their numbers, some left out between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.stitching import distance

Image = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]


class Look(NamedTuple):
    """A small decoded frame, the ``frame``-th of the video; its descriptor, if it was computed."""

    frame: int
    yuv: Image
    features: Features | None = None


def gaps_of(run: Sequence[Look]) -> npt.NDArray[np.int64]:
    """How many frames each is after the one before it; the first is taken to be one after."""
    return np.diff([look.frame for look in run], prepend=run[0].frame - 1)


def described(look: Look) -> Look:
    """A frame with its descriptor."""
    return look._replace(features=features_of(look))


def features_of(look: Look) -> Features:
    """A frame's descriptor, computed if it was not before."""
    return describe(look.yuv) if look.features is None else look.features


def apart(one: Look, two: Look) -> float:
    """The distance of the descriptors of two frames."""
    return distance(features_of(one), features_of(two))
