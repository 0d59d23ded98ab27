"""What is asked of the processes that decode: functions of plain values, without torch."""

from __future__ import annotations

import dataclasses
import io
import time
from array import array
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from panda_hf.captioning.frames import SampleFrames
from panda_hf.errors import VideoError
from panda_hf.running.thumbnails import small
from panda_hf.splitting.scan import Scan, scan_video
from panda_hf.splitting.settings import SplitSettings
from panda_hf.stage import Batch
from panda_hf.video import VideoInfo, cut_clip, probe, sample_frames
from panda_hf.video.playable import PLAYABLE, container_suffix

SAY_EVERY_SECONDS = 0.15
POSTER_WIDTH = 426
PREVIEW_QUALITY = 26


def look(path: str) -> tuple[VideoInfo, str | None]:
    """What a video is, and the suffix under which browsers play it as it is.

    Raises:
        VideoError: when it cannot be read.
    """
    info = probe(path)
    with open(path, "rb") as file:
        kind = container_suffix(file.read(12))
    plays = info.pixel_format in ("yuv420p", "yuvj420p") and kind in PLAYABLE.get(info.codec, ())
    return info, kind if plays else None


def encode_preview(path: str, seconds: float, target: str) -> None:
    """Write what browsers play of a video they do not play as it is."""
    cut_clip(path, 0.0, seconds, target, crf=PREVIEW_QUALITY, preset="ultrafast", threads=2)


def scan(path: str, settings: SplitSettings, describe: bool, max_seconds: float, say: Callable[[float], None]) -> Scan:
    """One pass over a video; ``say`` is told how far it is, seconds.

    Raises:
        VideoError: when it cannot be read, or is longer than ``max_seconds``, whatever it declares.
    """
    last = [0.0]

    def watch(seconds: float) -> None:
        if seconds > max_seconds:
            raise VideoError(f"This video goes on after {max_seconds:,.0f} s, which is the most here.")
        if time.monotonic() - last[0] > SAY_EVERY_SECONDS:
            last[0] = time.monotonic()
            say(seconds)

    found = scan_video(path, settings, describe_probes=describe, threads=2, watch=watch)
    clock = dataclasses.replace(found.clock, times=array("d", found.clock.times))
    return dataclasses.replace(found, clock=clock)


def sampled(batch: Batch) -> Batch:
    """Clip rows with their frames."""
    return {**batch, **SampleFrames()(batch)}


def pictures(path: str, times: Sequence[float], height: int, width: int) -> list[str]:
    """The frames at ``times`` as JPEG in ``data:`` addresses, small."""
    scale = min(1.0, POSTER_WIDTH / width)
    size = max(2, round(height * scale)), max(2, round(width * scale))
    return [as_jpeg(frame) for frame in sample_frames(path, times, size=size, threads=2)]


def as_jpeg(frame: np.ndarray, *, tiny: bool = False) -> str:
    """A frame, uint8 [h, w, 3], as JPEG in a ``data:`` address."""
    image = small(frame) if tiny else Image.fromarray(np.ascontiguousarray(frame))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=72)
    return "data:image/jpeg;base64," + b64encode(data.getvalue()).decode()


def file_size(path: str) -> int:
    """Bytes of a regular file.

    Raises:
        VideoError: when it is a link, a folder or a device.
    """
    file = Path(path)
    if file.is_symlink() or not file.is_file():
        raise VideoError("The upload is not a regular file. Choose a video file.")
    return file.stat().st_size
