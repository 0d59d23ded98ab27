"""Frame sampling with decord 0.6.0, for the files that it gets right (``docs/video-backends.md``)."""

from __future__ import annotations

import importlib.metadata
import io
import os
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.video.decoder import Decoder
from panda_hf.video.probe import VideoInfo, describe, first_frame
from panda_hf.video.source import Source, VideoLike

_CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_PIXEL_FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
_PYAV = "Use backend='pyav', which reads it."
_SLACK_SECONDS = 1e-4  # decord's timestamps are 32-bit floats


def sample(
    video: VideoLike, times: list[float], size: tuple[int, int] | None, threads: int | None
) -> NDArray[np.uint8]:
    """The frames shown at ``times``; see :func:`panda_hf.video.sample_frames`.

    The file is first opened with PyAV, which refuses what is no video and says when the first frame is shown.

    Raises:
        VideoError: decord is missing, is the unsound ``decord2``, or does not read this file correctly.
    """
    decord = load_decord()
    source = Source.of(video)
    with Decoder(source, threads) as decoder:
        first = first_frame(decoder, decoder.frames())
        info = describe(decoder, first)
        _refuse(decoder, info)
    height, width = size or (info.height, info.width)
    try:
        reader = _open(decord, source, info, size, threads)
        starts = _start_times(reader, first.time)
        frames = reader.get_batch(_indices(starts, times)).asnumpy()
    except (decord.DECORDError, RuntimeError, IndexError, TypeError) as error:
        raise VideoError(f"{source.name}: decord cannot read it: {_first_line(error)}. {_PYAV}") from error
    if frames.shape != (len(times), height, width, 3):
        raise VideoError(f"{source.name}: decord returned frames of shape {list(frames.shape)}. {_PYAV}")
    return frames


def load_decord() -> ModuleType:
    """The module ``decord``, only if it is decord itself.

    Raises:
        VideoError: when it is missing, or comes from ``decord2``.
    """
    installed = {name for name in ("decord", "decord2") if _is_installed(name)}
    if "decord2" in installed:
        raise VideoError(
            "decord2 is installed; it returned wrong frames with no error (10 of 97 in one long H.264 file), so it is "
            "not used. Uninstall it and decord, then `pip install 'panda_hf[decord]'`, or use backend='pyav'."
        )
    if "decord" not in installed:
        raise VideoError(
            "backend='decord' needs decord, which is not installed. `pip install 'panda_hf[decord]'` "
            "(x86-64 Linux and Windows only), or use backend='pyav'."
        )
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _is_installed(distribution: str) -> bool:
    try:
        return bool(importlib.metadata.version(distribution))
    except importlib.metadata.PackageNotFoundError:
        return False


def _refuse(decoder: Decoder, info: VideoInfo) -> None:
    reason = None
    if decoder.container.format.name not in _CONTAINERS:
        reason = "decord finds no right timestamps in this container"
    elif info.pixel_format not in _PIXEL_FORMATS:
        reason = f"decord renders {info.pixel_format} in other colours"
    elif decoder.stream is not decoder.container.streams.best("video"):
        reason = "decord would pick another video stream"
    if reason:
        raise VideoError(f"{info.name}: {reason}. {_PYAV}")


def _open(
    decord: ModuleType, source: Source, info: VideoInfo, size: tuple[int, int] | None, threads: int | None
) -> Any:
    target: Any = os.path.abspath(source.path) if source.path is not None else io.BytesIO(source.read_bytes())
    height, width = size or (-1, -1)
    return decord.VideoReader(target, ctx=decord.cpu(0), width=width, height=height, num_threads=threads or 0)


def _start_times(reader: Any, first_time: float) -> NDArray[np.float64]:
    """When each frame starts, on the player's timeline; decord counts from the start of the stream."""
    starts = np.asarray(reader.get_frame_timestamp(range(len(reader))), np.float64)[:, 0]
    if not np.all(np.isfinite(starts)) or np.any(np.diff(starts) <= 0) or np.any(np.abs(starts) > 1e9):
        raise RuntimeError("its timestamps do not increase")
    if starts[0] < 0:  # an edit list hides the first frames; decord shows them
        raise RuntimeError("the file hides frames by an edit list")
    return starts + first_time


def _indices(starts: NDArray[np.float64], times: list[float]) -> list[int]:
    found = np.searchsorted(starts, np.asarray(times) + _SLACK_SECONDS, side="right") - 1
    return np.clip(found, 0, len(starts) - 1).tolist()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
