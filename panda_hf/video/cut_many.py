"""Cutting many clips out of one video in one forward pass: each frame is decoded once, gaps are jumped over."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av

from panda_hf.errors import VideoError
from panda_hf.video.audio import Sound
from panda_hf.video.cut import SLACK_SECONDS, CutClip, check_times
from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.encode import ClipWriter, Codec, encodable, encoder_of
from panda_hf.video.orientation import Orientation
from panda_hf.video.probe import first_frame
from panda_hf.video.source import Source, VideoLike

Task: TypeAlias = "tuple[float, float, str | os.PathLike[str]]"
"""Start and end in seconds, and the mp4 to write."""


def cut_clips(
    video: VideoLike | Source,
    clips: Sequence[Task],
    *,
    sound: VideoLike | Source | None = None,
    codec: Codec = "h264",
    crf: int | None = None,
    preset: str | None = None,
    threads: int | None = None,
) -> list[CutClip | VideoError]:
    """Write clips as mp4 files of their own, each just as :func:`cut_clip` would, in one pass over the video.

    Clips may overlap and stand in any order. One that cannot be cut, such as one beyond the end of the video, is an
    error in its place and costs the others nothing. Files appear whole or not at all.

    Args:
        video: what to cut from.
        clips: start, end and file of each.
        sound: where the sound is, when it is not in ``video``.
        codec: what the pictures become.
        crf: the encoder's constant quality; ``None``: 20 of x264, 30 of AV1.
        preset: the encoder's speed; ``None``: ``veryfast`` of x264, 10 of SVT-AV1.
        threads: for decoding and encoding; ``None`` uses every core.

    Returns:
        What was written, or why not, for each of ``clips``.

    Raises:
        VideoError: nothing of the video can be read.
        OutputError: this PyAV cannot encode ``codec``.
        ValueError: a clip does not end after it starts.
    """
    for start, end, _ in clips:
        check_times(start, end)
    source = Source.of(video)
    heard = source if sound is None else Source.of(sound)
    encoder_of(codec)
    settings = _Settings(heard, codec, crf, preset, threads)
    pending = [_Clip(i, start, end, Path(path), settings) for i, (start, end, path) in enumerate(clips)]
    results: dict[int, CutClip | VideoError] = {}
    with Decoder(source, threads) as decoder:
        try:
            _pass(decoder, sorted(pending, key=lambda clip: (clip.start, clip.end)), results)
        finally:
            for clip in pending:
                clip.give_up()
    return [results[i] for i in range(len(clips))]


@dataclass(frozen=True)
class _Settings:
    sound: Source
    codec: Codec
    crf: int | None
    preset: str | None
    threads: int | None


class _Clip:
    """One clip on its way: takes frames from the one shown at its start to its end."""

    def __init__(self, index: int, start: float, end: float, path: Path, settings: _Settings) -> None:
        self.index, self.start, self.end, self.path = index, start, end, path
        self._settings = settings
        self._new = path.with_name(f".{uuid.uuid4().hex}.tmp")
        self._held: Decoded | None = None
        self._writer: ClipWriter | None = None
        self._sound: Sound | None = None

    def begin(self, before: Decoded | None, shape: tuple[int, int], orientation: Orientation) -> None:
        """The pass has reached the start; ``before`` is the frame on the screen until now."""
        self._held, self._shape, self._orientation = before, shape, orientation
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sound = Sound(self._settings.sound, self.start, self.end)
        settings = self._settings
        self._writer = ClipWriter(
            str(self._new), self._sound, codec=settings.codec, crf=settings.crf, preset=settings.preset,
            threads=settings.threads,
        )  # fmt: skip

    def take(self, decoded: Decoded) -> bool:
        """The next frame of the video; whether the clip is over with it."""
        if self._held is not None and decoded.time > self.start + SLACK_SECONDS:
            self._write(self._held, min(decoded.time, self.end))
        self._held = decoded
        return decoded.time >= self.end - SLACK_SECONDS

    def finish(self, name: str, last_step: float | None) -> CutClip | VideoError:
        """Close the file. ``last_step``: the video is over, its last frame is shown so many seconds."""
        if last_step is not None and self._held is not None:
            goes = min(self.end, self._held.time + (self._held.duration or last_step))
            if goes > self.start:
                self._write(self._held, goes)
        if self._writer is None or self._sound is None or not self._writer.frames:
            return VideoError(f"{name} shows nothing from {self.start:.3f} s to {self.end:.3f} s. Check the times.")
        self._writer.finish()
        os.replace(self._new, self.path)
        writer, note = self._writer, self._sound.note
        self.give_up()
        return CutClip(str(self.path), writer.seconds, writer.frames, writer.has_audio, note)

    def give_up(self) -> None:
        """Close what is open and delete what is not complete; harmless when all is done."""
        if self._writer is not None:
            self._writer.close()
        if self._sound is not None:
            self._sound.close()
        self._writer = self._sound = None
        with suppress(FileNotFoundError):
            self._new.unlink()

    def _write(self, held: Decoded, goes: float) -> None:
        assert self._writer is not None
        appears = held.time - self.start if self._writer.frames else 0.0
        self._writer.write(encodable(held.frame, self._shape, self._orientation), appears, goes - self.start)


def _pass(decoder: Decoder, waiting: list[_Clip], results: dict[int, CutClip | VideoError]) -> None:
    first = first_frame(decoder, decoder.frames())
    shape, orientation = (first.frame.height, first.frame.width), Orientation.of(first.frame)
    active: list[_Clip] = []
    frames: Iterator[Decoded] | None = None
    before: Decoded | None = None
    sought: _Clip | None = None  # one jump a clip: the key frame found may still be far before its start

    def settle(clip: _Clip, last_step: float | None) -> None:
        try:
            results[clip.index] = clip.finish(decoder.source.name, last_step)
        except (av.FFmpegError, OSError) as error:
            results[clip.index] = VideoError(f"{decoder.source.name}: {clip.path.name} cannot be written: {error}")

    while active or waiting:
        if not active and waiting[0] is not sought:
            sought = waiting[0]
            if before is None or _worth_a_jump(decoder, before.time, sought.start):
                frames, before = decoder.frames_from(sought.start), None
        assert frames is not None
        decoded = next(frames, None)
        if decoded is None:
            break
        while waiting and decoded.time > waiting[0].start + SLACK_SECONDS:
            clip = waiting.pop(0)
            clip.begin(before, shape, orientation)
            active.append(clip)
        over = [clip for clip in active if clip.take(decoded)]
        for clip in over:
            settle(clip, None)
        active = [clip for clip in active if clip not in over]
        before = decoded
    for clip in waiting:
        clip.begin(before, shape, orientation)
    for clip in [*active, *waiting]:
        settle(clip, decoder.timeline.step)


def _worth_a_jump(decoder: Decoder, now: float, start: float) -> bool:
    """Whether a key frame before ``start`` is far enough ahead that seeking is cheaper than decoding up to it."""
    if not decoder.may_seek or start - now <= decoder.patience:
        return False
    key = decoder.key_frame_before(start)
    return key is None or key > now
