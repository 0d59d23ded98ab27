"""Frame packs: decoded frames as one value of a dataset column (``schema.FRAMES``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack_frames(frames: NDArray[np.uint8], times: Sequence[float]) -> dict[str, Any]:
    """Pack uint8 RGB frames [n, h, w, 3] and their n times in seconds.

    Raises:
        ValueError: for another type or shape, or another number of times.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"expected uint8 frames of shape [n, h, w, 3], got {frames.dtype} {list(frames.shape)}")
    if len(times) != len(frames):
        raise ValueError(f"{len(times)} times for {len(frames)} frames: give one time per frame")
    data = np.ascontiguousarray(frames).tobytes()
    return {"data": data, "shape": list(frames.shape), "times": [float(time) for time in times]}


def unpack_frames(pack: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The frames of a pack: uint8 [n, h, w, 3], read-only, sharing the pack's memory.

    Raises:
        ValueError: when data and shape do not belong together.
    """
    shape = tuple(pack["shape"])
    if len(pack["data"]) != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"a frame pack of shape {list(shape)} cannot hold {len(pack['data'])} bytes")
    return np.frombuffer(pack["data"], np.uint8).reshape(shape)
