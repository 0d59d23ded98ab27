"""Writing an mp4: H.264 or AV1 pictures with their own timestamps, and AAC sound interleaved with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Literal, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from panda_hf.errors import OutputError
from panda_hf.video.audio import Sound
from panda_hf.video.orientation import Orientation

_TICKS = 120_000  # per second; exact for 24, 25, 30, 50, 60 and their 1000/1001 relatives
_AUDIO_BITS_PER_SECOND = 128_000
_FULL_RANGE, _LIMITED_RANGE = 2, 1

Codec: TypeAlias = Literal["h264", "av1"]
"""What pictures that are encoded become."""


@dataclass(frozen=True)
class Encoder:
    """An encoder of libav with what it does where nothing else is asked for."""

    name: str
    crf: int
    preset: str
    options: tuple[tuple[str, str], ...] = ()


_ENCODERS: dict[Codec, tuple[Encoder, ...]] = {
    "h264": (Encoder("libx264", 20, "veryfast", (("bf", "0"),)),),
    # no B-frames: no edit list, and durations that every reader agrees on
    "av1": (Encoder("libsvtav1", 30, "10"), Encoder("libaom-av1", 30, "8")),
}


def encoder_of(codec: Codec) -> Encoder:
    """The encoder in use for a codec.

    Raises:
        OutputError: this PyAV has none.
    """
    for encoder in _ENCODERS[codec]:
        if encoder.name in av.codecs_available:
            return encoder
    names = " or ".join(encoder.name for encoder in _ENCODERS[codec])
    raise OutputError(
        f"clips cannot be encoded as {codec}: PyAV {av.__version__} was built without {names}. Install its wheel "
        f"(`pip install --force-reinstall av`) or ask for another codec."
    )


class SoundTrack:
    """The sound of a clip as a track of AAC, written a little ahead of the pictures.

    Attributes:
        has_audio: whether there is any.
    """

    def __init__(self, sound: Sound) -> None:
        chunks = sound.chunks()
        first = next(chunks, None)
        self.has_audio = first is not None
        self._sound = sound
        self._chunks: Iterator[NDArray[np.float32]] = iter(()) if first is None else chain([first], chunks)
        self._next_chunk: NDArray[np.float32] | None = next(self._chunks, None)
        self._samples = 0
        self._stream: AudioStream | None = None

    def open(self, container: OutputContainer) -> None:
        """Add the track to a file, after its pictures."""
        if self.has_audio:
            layout = "mono" if self._sound.channels == 1 else "stereo"
            self._stream = container.add_stream("aac", rate=self._sound.rate, layout=layout)
            self._stream.bit_rate = _AUDIO_BITS_PER_SECOND
            self._container = container

    def write(self, until: float) -> None:
        """Write what is heard up to so many seconds."""
        while self._stream is not None and self._next_chunk is not None and self._samples <= until * self._sound.rate:
            chunk = np.ascontiguousarray(self._next_chunk)
            frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=self._stream.layout.name)
            frame.rate, frame.pts, frame.time_base = self._sound.rate, self._samples, Fraction(1, self._sound.rate)
            self._container.mux(self._stream.encode(frame))
            self._samples += chunk.shape[1]
            self._next_chunk = next(self._chunks, None)

    def finish(self) -> None:
        """Write the rest."""
        self.write(until=float("inf"))
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


class ClipWriter:
    """One mp4 being written. Call :meth:`write` per picture, :meth:`finish` once, :meth:`close` always.

    Attributes:
        frames: pictures written so far.
        seconds: when the last one of them goes.
        has_audio: whether there is a sound track.
    """

    def __init__(
        self,
        path: str,
        sound: Sound,
        *,
        codec: Codec = "h264",
        crf: int | None = None,
        preset: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.frames = 0
        self.seconds = 0.0
        self._encoder = encoder_of(codec)
        self._quality = str(self._encoder.crf if crf is None else crf)
        self._preset = preset or self._encoder.preset
        self._threads = threads
        self._last_tick = -1
        self._durations: dict[int | None, int] = {}  # of frames inside the encoder, in ticks, by timestamp
        self._sound = SoundTrack(sound)
        self.has_audio = self._sound.has_audio
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(f"file:{path}", "w", format="mp4", options=options)
        self._video: VideoStream | None = None

    def write(self, picture: VideoFrame, appears: float, goes: float) -> None:
        """Show ``picture`` (from :func:`encodable`) from ``appears`` to ``goes`` seconds."""
        if self._video is None:
            self._add_streams(picture)
        assert self._video is not None
        tick = max(round(appears * _TICKS), self._last_tick + 1)
        picture.pts, picture.time_base, picture.pict_type = tick, Fraction(1, _TICKS), 0
        self._last_tick = tick
        self._durations[tick] = max(1, round(goes * _TICKS) - tick)
        self._sound.write(until=appears)
        self._write_packets(self._video.encode(picture))
        self.frames, self.seconds = self.frames + 1, goes

    def finish(self) -> None:
        """Write what is still held back, and the index."""
        if self._video is not None:
            self._write_packets(self._video.encode(None))
        self._sound.finish()
        self._container.close()

    def close(self) -> None:
        """Close the file; without :meth:`finish` it stays incomplete."""
        self._container.close()

    def _settings(self) -> dict[str, str]:
        speed = "cpu-used" if self._encoder.name == "libaom-av1" else "preset"
        settings = {"crf": self._quality, speed: self._preset, **dict(self._encoder.options)}
        if self._encoder.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only; else it tells of itself on standard error
            settings["svtav1-params"] = f"lp={self._threads or 0}"
        return settings

    def _write_packets(self, packets: list[Packet]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)  # encoders would give the nominal one
            self._container.mux(packet)

    def _add_streams(self, picture: VideoFrame) -> None:
        video = self._container.add_stream(self._encoder.name, rate=30, options=self._settings())
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = picture.width, picture.height, "yuv420p"
        context = video.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.thread_count = self._threads or 0
        context.colorspace, context.color_range = picture.colorspace, picture.color_range
        context.color_primaries, context.color_trc = picture.color_primaries, picture.color_trc
        self._video = video
        self._sound.open(self._container)


def encodable(frame: VideoFrame, shape: tuple[int, int], orientation: Orientation) -> VideoFrame:
    """A decoded frame as H.264 wants it: upright, 4:2:0 in 8 bits, of even height and width.

    Args:
        frame: as decoded.
        shape: (height, width) of the first decoded frame, to which others are scaled.
        orientation: how the video is turned.
    """
    height, width = shape
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    ranges = (_FULL_RANGE, _LIMITED_RANGE) if full else (None, None)
    plain = frame.reformat(width, height, "yuv420p", src_color_range=ranges[0], dst_color_range=ranges[1])
    if orientation.is_upright and height % 2 == 0 and width % 2 == 0:
        return plain
    turned = [orientation.apply(pixels(plain, index)) for index in range(3)]
    turned[0] = np.pad(turned[0], [(0, length % 2) for length in turned[0].shape], mode="edge")
    flat = np.concatenate([plane.ravel() for plane in turned])
    even = VideoFrame.from_ndarray(flat.reshape(-1, turned[0].shape[1]), format="yuv420p")
    for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(even, name, getattr(plain, name))
    return even


def pixels(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    """A plane of a decoded frame of 8 bits, uint8 [h, w]; a view that lives as long as the frame."""
    plane = frame.planes[index]
    return np.ndarray((plane.height, plane.width), np.uint8, memoryview(plane), 0, (plane.line_size, 1))
