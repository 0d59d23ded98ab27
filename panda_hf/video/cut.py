"""Cutting one clip out of a video as its own mp4, accurate to the frame."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from panda_hf.errors import VideoError
from panda_hf.video.audio import Sound
from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.encode import ClipWriter, encodable
from panda_hf.video.orientation import Orientation
from panda_hf.video.probe import first_frame
from panda_hf.video.source import Source, VideoLike

SLACK_SECONDS = 0.0006  # a bound rounded to milliseconds still means its frame

Way: TypeAlias = Literal["encode", "copy", "smart"]
"""How a clip's pictures come into its file: encoded again; as the packets of the video, with an edit list; or as those
packets, with only the frames before the first and after the last usable key frame encoded again."""


@dataclass(frozen=True)
class CutClip:
    """What was written."""

    path: str
    duration: float  # seconds
    frames: int
    has_audio: bool
    note: str | None  # e.g. why the audio is missing
    way: Way = "encode"  # how its pictures came into the file
    why: str | None = None  # why its pictures were encoded though another way was asked for


def cut_clip(
    video: VideoLike,
    start: float,
    end: float,
    path: str | os.PathLike[str],
    *,
    crf: int = 20,
    preset: str = "veryfast",
    threads: int | None = None,
) -> CutClip:
    """Write what a player shows from ``start`` to ``end`` as an mp4 of its own: H.264, and AAC where there is audio.

    The first frame is the one shown at ``start``, at time 0; the others keep their distances (variable frame rate
    stays variable); the last one ends at ``end``, or where the video ends. Rotation is baked in; odd sizes are padded
    to even by repeating the last row or column. Audio is trimmed to the sample; audio that cannot be decoded never
    fails the clip. The file appears under ``path`` whole or not at all.

    Args:
        video: what to cut from.
        start: seconds on the player's timeline.
        end: seconds, greater than ``start``.
        path: the mp4 to write; its folder is made, an old file replaced.
        crf: x264's constant quality, 0 lossless to 51.
        preset: x264's speed, ``ultrafast`` to ``veryslow``.
        threads: for decoding and encoding; ``None`` uses every core.

    Raises:
        VideoError: the video cannot be read or shows nothing in that stretch.
        ValueError: ``end`` does not lie after ``start``.
    """
    check_times(start, end)
    source, target = Source.of(video), Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with Decoder(source, threads) as decoder, closing(Sound(source, start, end)) as sound:
            with closing(ClipWriter(str(new), sound, crf=crf, preset=preset, threads=threads)) as writer:
                _copy(decoder, start, end, writer)
        os.replace(new, target)
    finally:
        with suppress(FileNotFoundError):
            new.unlink()
    return CutClip(str(target), writer.seconds, writer.frames, writer.has_audio, sound.note)


def check_times(start: float, end: float) -> None:
    """Raise ``ValueError`` unless the clip ends after it starts."""
    if not (math.isfinite(start) and math.isfinite(end) and end > start):
        raise ValueError(f"a clip needs start < end in seconds, got start={start}, end={end}")


class _Shown(NamedTuple):
    """A frame and when it is on the screen, in seconds after the start of the clip."""

    decoded: Decoded
    appears: float
    goes: float


def _copy(decoder: Decoder, start: float, end: float, writer: ClipWriter) -> None:
    first = first_frame(decoder, decoder.frames())
    shape, orientation = (first.frame.height, first.frame.width), Orientation.of(first.frame)
    for shown in _shown_between(decoder, start, end):
        appears = shown.appears if writer.frames else 0.0
        writer.write(encodable(shown.decoded.frame, shape, orientation), appears, shown.goes)
    if not writer.frames:
        raise VideoError(f"{decoder.source.name} shows nothing from {start:.3f} s to {end:.3f} s. Check the times.")
    writer.finish()


def _shown_between(decoder: Decoder, start: float, end: float) -> Iterator[_Shown]:
    held: Decoded | None = None
    for decoded in decoder.frames_from(start):
        if held is not None and decoded.time > start + SLACK_SECONDS:
            yield _Shown(held, held.time - start, min(decoded.time, end) - start)
        held = decoded
        if decoded.time >= end - SLACK_SECONDS:
            return
    if held is not None:
        goes = min(end, held.time + (held.duration or decoder.timeline.step))
        if goes > start:
            yield _Shown(held, held.time - start, goes - start)
