"""Probe frames of many videos in full batches through one model, while threads decode those that come next."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from panda_hf.models.release import is_out_of_memory, release_memory
from panda_hf.splitting.embedders import Features, FrameEmbedder, Frames, load_embedder
from panda_hf.video import VideoLike, sample_frames

if TYPE_CHECKING:
    import torch

BATCH, GPU_BATCH = 16, 64
"""Frames that the model sees at once."""

FRAMES_AT_ONCE = 16
"""Frames of a video that are decoded before they are handed on."""

DECODERS = 2
"""Videos that are decoded at once, ahead of the model. Each holds at most three lots of ``FRAMES_AT_ONCE``."""

_PATIENCE_SECONDS = 0.1


def embed_frames(
    checkpoint: str, video: VideoLike, times: Sequence[float], *, device: str = "cpu", threads: int | None = 1
) -> Features:
    """Unit vectors [n, d] of the frames shown at ``times`` seconds, by a vision model.

    Raises:
        CheckpointError: when the model cannot be loaded whole.
        VideoError: when the video cannot be read.
    """
    (features,) = embed_together([frames_at(video, times, threads)], load_embedder(checkpoint, device))
    if isinstance(features, Exception):
        raise features
    return features


def frames_at(video: VideoLike, times: Sequence[float], threads: int | None = 1) -> Iterator[Frames]:
    """The frames shown at ``times`` seconds, RGB, uint8 [n, h, w, 3], some at a time.

    Raises:
        VideoError: when the video cannot be read.
    """
    for first in range(0, len(times), FRAMES_AT_ONCE):
        yield sample_frames(video, times[first : first + FRAMES_AT_ONCE], threads=threads)


def embed_together(videos: Sequence[Iterator[Frames]], embed: FrameEmbedder) -> list[Features | Exception]:
    """What a model makes of the frames of several videos, which share its batches.

    Args:
        videos: of each its frames, some at a time, of one size; gone through in a thread. What it raises concerns
            that video alone.
        embed: the model.

    Returns:
        Of each video the unit vectors [n, d] of its frames, or what went wrong.
    """
    sums = _Gathered(len(videos), embed)
    stop = threading.Event()
    waiting: list[queue.Queue[Frames | Exception | None]] = [queue.Queue(maxsize=1) for _ in videos]
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        try:
            for frames, place in zip(videos, waiting, strict=True):
                pool.submit(_decode, frames, place, stop)
            for number, place in enumerate(waiting):
                while (found := place.get()) is not None:
                    sums.take(number, found)
            return sums.finish()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _decode(frames: Iterator[Frames], place: queue.Queue[Any], stop: threading.Event) -> None:
    """Put all of a video's frames where they are waited for, then what went wrong, then ``None``."""
    try:
        for some in frames:
            if not _put(some, place, stop):
                return
    except Exception as error:  # the row becomes an error row
        _put(error, place, stop)
    _put(None, place, stop)


def _put(value: Any, place: queue.Queue[Any], stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            place.put(value, timeout=_PATIENCE_SECONDS)
            return True
        except queue.Full:
            continue
    return False


class _Gathered:
    """Frames that wait until they fill a batch, and what the model made of those before them."""

    def __init__(self, videos: int, embed: FrameEmbedder) -> None:
        self._embed = embed
        self._size = BATCH if embed.device == "cpu" else GPU_BATCH
        self._done: list[list[Features]] = [[] for _ in range(videos)]
        self._errors: dict[int, Exception] = {}
        self._pixels: list[torch.Tensor] = []  # [3, size, size] each
        self._owners: list[int] = []

    def take(self, number: int, found: Frames | Exception) -> None:
        """Frames of the ``number``-th video, or why there are no more."""
        if isinstance(found, Exception):
            self._errors[number] = found
            return
        try:
            pixels = list(self._embed.pixels(found))
        except Exception as error:  # the row becomes an error row
            self._errors[number] = error
            return
        self._pixels += pixels
        self._owners += [number] * len(pixels)
        while len(self._owners) >= self._size:
            self._run()

    def finish(self) -> list[Features | Exception]:
        """The results; no more frames come."""
        while self._owners:
            self._run()
        empty = np.zeros((0, 1), np.float32)
        return [
            self._errors[number] if number in self._errors else np.concatenate(done) if done else empty
            for number, done in enumerate(self._done)
        ]

    def _run(self) -> None:
        """Show the model the frames that have waited longest, as many as a batch takes."""
        owners, self._owners = self._owners[: self._size], self._owners[self._size :]
        pixels, self._pixels = self._pixels[: self._size], self._pixels[self._size :]
        try:
            features = _features(self._embed.features, pixels)
        except Exception as error:  # the rows become error rows
            self._errors |= dict.fromkeys(owners, error)
            return
        for number, feature in zip(owners, features, strict=True):
            self._done[number].append(feature[None])


def _features(embed: Callable[[torch.Tensor], Features], pixels: Sequence[torch.Tensor]) -> Features:
    """What the model makes of a batch; of its halves where memory does not suffice."""
    import torch

    try:
        return embed(torch.stack(list(pixels)))
    except Exception as error:
        if len(pixels) == 1 or not is_out_of_memory(error):
            raise
    release_memory()  # what the error's traceback held is gone only here
    half = len(pixels) // 2
    return np.concatenate([_features(embed, pixels[:half]), _features(embed, pixels[half:])])
