"""The frames shown at given seconds, exactly those that a sequential pass shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from panda_hf.video.source import VideoLike

Backend: TypeAlias = Literal["pyav", "decord", "torchcodec"]


def sample_frames(
    video: VideoLike,
    times: Sequence[float],
    *,
    size: tuple[int, int] | None = None,
    backend: Backend = "pyav",
    threads: int | None = None,
) -> NDArray[np.uint8]:
    """The frame shown at each time: the last one that starts at or before it.

    Before the first frame that is the first, after the end the last. With the default backend the result equals what
    a sequential pass over the file shows, always; ``docs/video-backends.md`` tells how the others fare.

    Args:
        video: what to sample.
        times: n times in seconds on the player's timeline, in any order, repeats allowed.
        size: (height, width) to scale to, ignoring aspect; ``None`` keeps the size shown.
        backend: which library decodes.
        threads: decoding threads; ``None`` lets the library use every core.

    Returns:
        uint8 [n, h, w, 3], RGB, upright, in the order of ``times``.

    Raises:
        VideoError: when the video cannot be read, or the backend is missing or refuses the file.
        ValueError: for times that are not finite numbers or an unknown backend.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"backend={backend!r} is unknown; choose one of {list(get_args(Backend))}")
    seconds = [float(time) for time in times]
    if not all(math.isfinite(time) for time in seconds):
        raise ValueError(f"times must be finite numbers of seconds, got {seconds}")
    module = import_module(f"panda_hf.video.backends.{backend}")
    sampled: NDArray[np.uint8] = module.sample(video, seconds, size, threads)
    return sampled
