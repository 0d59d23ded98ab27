"""Sequential decoding: every frame of a video once, in presentation order, as cheap to look at as possible."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.orientation import Orientation
from panda_hf.video.planes import yuv_samples
from panda_hf.video.probe import VideoInfo, describe, first_frame
from panda_hf.video.source import VideoLike

_TOLERANCE_FRAMES = 1.5
_TOLERANCE_SECONDS = 0.1
_ALL_STREAMS_TOLERANCE_SECONDS = 1.0


class Frame:
    """One decoded frame. Pixels are made on request only; it stays valid after the reader has moved on."""

    __slots__ = ("index", "time", "duration", "picture", "_shape", "_orientation")

    def __init__(self, index: int, decoded: Decoded, shape: tuple[int, int], orientation: Orientation) -> None:
        self.index = index
        """0-based position among the frames the reader yields."""
        self.time = decoded.time
        """When it is first shown, in seconds on the player's timeline."""
        self.duration = decoded.duration
        """Seconds, as the container has it; ``None`` where it does not say."""
        self.picture: VideoFrame = decoded.frame
        """The decoded frame as libav gave it, neither turned nor scaled."""
        self._shape = shape
        self._orientation = orientation

    def yuv(self, step: int) -> NDArray[np.uint8]:
        """Every ``step``-th sample of the decoded planes, upright: uint8 [ceil(h/step), ceil(w/step), 3] of Y, U, V.

        Next to free for planar YUV, NV12 and grey. Values are as stored (limited or full range as the file has it);
        more than 8 bits are shifted down. Frames of another size than the first are scaled to it.
        """
        height, width = self._shape
        picture = self.picture
        if (picture.height, picture.width) != self._shape:
            picture = picture.reformat(width=width, height=height)
        out = np.empty((-(-height // step), -(-width // step), 3), np.uint8)
        yuv_samples(picture, step, out)
        return out if self._orientation.is_upright else np.ascontiguousarray(self._orientation.apply(out))

    def rgb(self, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """The picture upright as uint8 [h, w, 3] in RGB, contiguous.

        Args:
            size: (height, width) to scale to, ignoring aspect; ``None`` keeps the size of the first frame.
        """
        height, width = self._shape if size is None else self._orientation.size(*size)
        small = self.picture.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        rgb: NDArray[np.uint8] = np.asarray(small.to_ndarray(), np.uint8)
        return rgb if self._orientation.is_upright else np.ascontiguousarray(self._orientation.apply(rgb))


class FrameReader(Iterator[Frame]):
    """Reads a video once from front to back: a context manager and an iterator of :class:`Frame`.

    Args:
        video: what to read.
        start: seconds; frames shown before are left out (found by seeking where that is exact).
        end: seconds; reading stops before the first frame at or after it.
        threads: decoding threads; ``None`` lets libav use every core.

    Raises:
        VideoError: when the file cannot be read or no frame decodes.

    Example::

        with FrameReader("film.mp4", threads=1) as reader:
            for frame in reader:
                look_at(frame.time, frame.yuv(4))
        print(reader.frames_read, reader.end, reader.warning)
    """

    def __init__(
        self, video: VideoLike, *, start: float | None = None, end: float | None = None, threads: int | None = None
    ) -> None:
        self.frames_read = 0
        self.end: float | None = None
        """Seconds: when the last frame read stops being shown; ``None`` before the first."""
        self._start, self._stop = start, end
        self._ended = False
        self._decoder = Decoder(video, threads)
        try:
            self._prepare(start)
        except BaseException:
            self._decoder.close()
            raise

    def _prepare(self, start: float | None) -> None:
        frames = self._decoder.frames()
        first = first_frame(self._decoder, frames)
        self.info: VideoInfo = describe(self._decoder, first)
        self._shape = (first.frame.height, first.frame.width)
        self._orientation = Orientation.of(first.frame)
        self._frames = chain([first], frames) if start is None else self._decoder.frames_from(start)

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._frames = iter(())
        self._decoder.close()

    def __next__(self) -> Frame:
        for decoded in self._frames:
            if self._start is not None and decoded.time < self._start:
                continue
            if self._stop is not None and decoded.time >= self._stop:
                break
            frame = Frame(self.frames_read, decoded, self._shape, self._orientation)
            self.frames_read += 1
            self.end = decoded.time + (decoded.duration or self._decoder.timeline.step)
            return frame
        self._ended = True
        self._frames = iter(())
        raise StopIteration

    @property
    def warning(self) -> str | None:
        """What is wrong with the part that was read: cut short, damaged. ``None``: nothing noticed (so far)."""
        return "; ".join(filter(None, (self._truncation(), self._damage()))) or None

    def _truncation(self) -> str | None:
        declared, decoder = self._decoder.declared, self._decoder
        if not (self._ended and decoder.exhausted):
            return None
        if decoder.stopped:
            return f"reading stopped at {self.end or 0:.2f} s: {decoder.stopped}"
        if declared.seconds is None or not declared.is_stated:
            return None
        tolerance = max(_TOLERANCE_SECONDS, _TOLERANCE_FRAMES * decoder.timeline.step)
        end = self.end or 0.0
        if declared.of_all_streams:
            tolerance, end = max(tolerance, _ALL_STREAMS_TOLERANCE_SECONDS), max(end, decoder.seen_end)
        if declared.seconds - end <= tolerance:
            return None
        return f"the file is cut short: it ends at {end:.2f} s of {declared.seconds:.2f} s declared"

    def _damage(self) -> str | None:
        if not self._decoder.errors:
            return None
        return f"damaged: {self._decoder.errors} packets or frames, the first near {self._decoder.first_error:.2f} s"
