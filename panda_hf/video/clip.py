"""The frames of a clip row, wherever it shows its clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.video.pack import unpack_frames
from panda_hf.video.probe import probe
from panda_hf.video.sample import sample_frames

SHOWN = ("frames", "clip", "clip_path", "video")
"""Columns that show a clip, the first that a row has counts: a frame pack; a file of its own, as a reference or a
path; or ``start`` to ``end`` of a long video, all of it where these are ``None``."""


def clip_frames(row: Mapping[str, Any], shares: Sequence[float], *, threads: int | None = None) -> NDArray[np.uint8]:
    """Frames at given shares of a clip's length.

    Args:
        row: with one of :data:`SHOWN`.
        shares: n numbers in [0, 1).
        threads: decoding threads; ``None`` lets the library use every core.

    Returns:
        uint8 [n, h, w, 3], RGB. A frame pack that holds no more than n frames is returned as it is.

    Raises:
        VideoError: when the row shows no clip, or the video cannot be read.
    """
    if row.get("frames") is not None:
        frames = unpack_frames(row["frames"])
        places = (np.asarray(shares) * len(frames)).astype(int)
        return frames if len(frames) <= len(shares) else frames[places]
    own = next((row[column] for column in ("clip", "clip_path") if row.get(column) is not None), None)
    video = own if own is not None else row.get("video")
    if video is None:
        raise VideoError(f"the row {row.get('clip_id')!r} shows no clip: it needs one of {', '.join(SHOWN)}")
    start, end = (None, None) if own is not None else (row.get("start"), row.get("end"))
    first = start or 0.0
    last = end if end is not None else probe(video).duration or first
    return sample_frames(video, [first + share * (last - first) for share in shares], threads=threads)
