"""Frame sampling with PyAV: seeks where a landing can be verified, decodes onwards elsewhere. Works everywhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.frames import Frame
from panda_hf.video.orientation import Orientation
from panda_hf.video.probe import first_frame
from panda_hf.video.source import VideoLike


def sample(
    video: VideoLike, times: list[float], size: tuple[int, int] | None, threads: int | None
) -> NDArray[np.uint8]:
    """The frames shown at ``times``; see :func:`panda_hf.video.sample_frames`."""
    with Decoder(video, threads) as decoder:
        first = first_frame(decoder, decoder.frames())
        shape = (first.frame.height, first.frame.width)
        orientation = Orientation.of(first.frame)
        height, width = orientation.size(*shape) if size is None else size
        out = np.empty((len(times), height, width, 3), np.uint8)
        cursor = _Cursor(decoder)
        before = None
        for i in sorted(range(len(times)), key=times.__getitem__):
            shown = cursor.shown_at(times[i])
            if shown is not before:
                rgb = Frame(0, shown, shape, orientation).rgb(size)
            out[i], before = rgb, shown
    return out


class _Cursor:
    """Walks forward through a video; times must be asked for in ascending order."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._frames: Iterator[Decoded] | None = None
        self._shown: Decoded | None = None  # the last frame at or before the time asked for
        self._next: Decoded | None = None  # the one after it
        self._patience = decoder.patience

    def shown_at(self, time: float) -> Decoded:
        if self._frames is None or self._is_far(time):
            self._jump(time)
        while self._next is not None and self._next.time <= time:
            self._advance()
        shown = self._shown or self._next
        if shown is None:
            raise AssertionError("a video whose first frame decodes has a frame to show")
        return shown

    def _jump(self, time: float) -> None:
        at = self._shown.time if self._shown else -1.0
        self._frames = self._decoder.frames_from(time)
        self._shown = None
        self._next = next(self._frames, None)
        if (
            self._next is not None and self._next.time <= at
        ):  # landed behind: key frames are farther apart than thought
            self._patience *= 2

    def _advance(self) -> None:
        assert self._frames is not None
        self._shown, self._next = self._next, next(self._frames, None)

    def _is_far(self, time: float) -> bool:
        if not self._decoder.may_seek or self._next is None or self._next.time > time:
            return False
        key_time = self._decoder.key_frame_before(time)
        if key_time is not None:
            return key_time > self._next.time
        return time - self._next.time > self._patience
