"""Write a film as a real encoded file, by PyAV."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from panda_hf.mini.film import Encoding, Film
from panda_hf.mini.render import render_film

SAMPLE_RATE = 48_000
BEEP_SECONDS = 0.4
REPEATABLE = "threads=1" + (":asm=SSE4.2" if platform.machine() in ("x86_64", "AMD64") else "")
"""Parameters of x264 with which the same pictures give the same bytes: in several threads they depend on how busy the
machine is, with AVX-512 on what x264's memory held before."""


def encode_film(film: Film, path: Path) -> None:
    """Encode ``film`` at ``path``: H.264 (VP9 in webm), with a quiet beep at each scene where it has sound.

    The file appears under its name only when it is complete. The same film gives the same bytes.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _encode(film, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _encode(film: Film, path: Path) -> None:
    # Nothing drawn by lot or told by the clock goes into the file.
    with av.open(str(path), "w", format=_format(film.encoding), options={"fflags": "+bitexact"}) as container:
        video = _add_video(container, film)
        audio = _add_audio(container, film.encoding) if film.encoding.audio else None
        sounds = _sounds(film, audio.codec_context.frame_size or 960) if audio else iter(())
        for i, image in enumerate(render_film(film)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            _encode_sound(container, audio, sounds, (i + 1) / film.fps)
        container.mux(video.encode())
        if audio is not None:
            container.mux(audio.encode())


def _format(encoding: Encoding) -> str:
    return {"mp4": "mp4", "mkv": "matroska", "webm": "webm"}[encoding.container]


def _add_video(container: OutputContainer, film: Film) -> VideoStream:
    encoding = film.encoding
    rate = Fraction(film.fps).limit_denominator(1001)
    if encoding.container == "webm":
        speed = {"deadline": "realtime", "cpu-used": "8", "crf": str(encoding.quality + 8), "b": "0"}
        stream = container.add_stream("libvpx-vp9", rate, options=speed)
    else:
        quality = {"preset": "veryfast", "crf": str(encoding.quality), "bf": str(encoding.b_frames)}
        options = {**quality, "x264-params": REPEATABLE}
        stream = container.add_stream("libx264", rate, options=options)
    stream.height, stream.width = film.size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = encoding.key_frame_distance
    stream.codec_context.thread_count = 1
    return stream


def _add_audio(container: OutputContainer, encoding: Encoding) -> AudioStream:
    codec = "libopus" if encoding.container == "webm" else "aac"
    stream = container.add_stream(codec, SAMPLE_RATE, layout="mono", bit_rate=32_000)
    assert isinstance(stream, AudioStream)
    return stream


def _encode_sound(
    container: OutputContainer, audio: AudioStream | None, sounds: Iterator[av.AudioFrame], until: float
) -> None:
    """Take sounds up to ``until`` seconds, so that picture and sound lie side by side in the file."""
    for sound in sounds:
        assert audio is not None and sound.pts is not None
        container.mux(audio.encode(sound))
        if (sound.pts + 2 * sound.samples) / SAMPLE_RATE > until:
            return


def _sounds(film: Film, frame_size: int) -> Iterator[av.AudioFrame]:
    wave = np.zeros(math.ceil(film.duration * SAMPLE_RATE / frame_size) * frame_size, np.float32)
    for i, scene in enumerate(film.scenes):
        start, length = round(scene.start * SAMPLE_RATE), round(BEEP_SECONDS * SAMPLE_RATE)
        seconds = np.arange(min(length, len(wave) - start)) / SAMPLE_RATE
        wave[start : start + length] = 0.05 * np.sin(2 * math.pi * (330 + 55 * i) * seconds)
    for first in range(0, len(wave), frame_size):
        sound = av.AudioFrame.from_ndarray(wave[None, first : first + frame_size], format="fltp", layout="mono")
        sound.sample_rate, sound.pts = SAMPLE_RATE, first
        sound.time_base = Fraction(1, SAMPLE_RATE)
        yield sound
