"""Frame sampling with torchcodec in exact seek mode; needs the system's FFmpeg libraries.

Not verified where this project was made: torchcodec cannot load there. Its test compares it with sequential decoding
wherever it does load.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.video.decoder import Decoder
from panda_hf.video.orientation import Orientation
from panda_hf.video.probe import first_frame
from panda_hf.video.source import Source, VideoLike

_PYAV = "Use backend='pyav'."


def sample(
    video: VideoLike, times: list[float], size: tuple[int, int] | None, threads: int | None
) -> NDArray[np.uint8]:
    """The frames shown at ``times``; see :func:`panda_hf.video.sample_frames`.

    The file is first opened with PyAV, which refuses what is no video and says where the player's timeline starts.

    Raises:
        VideoError: torchcodec is missing, cannot load, or does not read this file.
    """
    decoder_class = load_torchcodec()
    source = Source.of(video)
    with Decoder(source, threads) as ours:
        if not Orientation.of(first_frame(ours, ours.frames()).frame).is_upright:
            raise VideoError(f"{source.name} is rotated, which is unproven with torchcodec. {_PYAV}")
        stream, origin = ours.stream.index, float(ours.timeline.origin or 0)
    target = source.path if source.path is not None else source.read_bytes()
    try:
        decoder = decoder_class(
            target, stream_index=stream, dimension_order="NHWC", seek_mode="exact", num_ffmpeg_threads=threads or 0
        )
        frames = decoder.get_frames_played_at(_inside(decoder, times, origin)).data.numpy()
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise VideoError(f"{source.name}: torchcodec cannot read it: {error}. {_PYAV}") from error
    return frames if size is None else np.stack([_scaled(frame, size) for frame in frames])


def load_torchcodec() -> Any:
    """The class ``VideoDecoder``.

    Raises:
        VideoError: when torchcodec is missing or finds no FFmpeg libraries.
    """
    try:
        from torchcodec.decoders import VideoDecoder
    except ImportError as error:
        raise VideoError(
            f"backend='torchcodec' needs torchcodec ({error}). `pip install 'panda_hf[torchcodec]'`. {_PYAV}"
        ) from error
    except (RuntimeError, OSError) as error:
        raise VideoError(
            f"torchcodec cannot load; it needs the system's FFmpeg libraries (package ffmpeg). {_PYAV}"
        ) from error
    return VideoDecoder


def _inside(decoder: Any, times: list[float], origin: float) -> list[float]:
    """``times`` on the file's own timeline, moved into what the stream covers."""
    low, high = decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds
    return [min(max(time + origin, low), float(np.nextafter(high, low))) for time in times]


def _scaled(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return np.asarray(frame.reformat(width=size[1], height=size[0], interpolation="AREA").to_ndarray(), np.uint8)
