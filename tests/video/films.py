"""Small real video files whose every frame shows its own number as a bar code, so that tests can read it back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from panda_hf.video.h264 import SEI, units

BITS = 14
WIDTH, HEIGHT = 168, 96
BAR = WIDTH // BITS

X264 = {"preset": "ultrafast", "crf": "20"}
B_FRAMES = {**X264, "x264-params": "bframes=3:b-adapt=0:keyint=30:min-keyint=30:scenecut=0"}
OPEN_GOP = {**X264, "x264-params": "bframes=3:b-adapt=0:keyint=30:min-keyint=30:scenecut=0:open-gop=1"}
LONG_GOP = {**X264, "x264-params": "bframes=2:b-adapt=0:keyint=250:min-keyint=250:scenecut=0"}
ALL_INTRA = {**X264, "x264-params": "keyint=1"}
REFRESH = {**X264, "x264-params": "intra-refresh=1:keyint=30:bframes=0:scenecut=0"}


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A moving gradient; its upper half holds ``number`` as black and white bars, most significant bit first."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([(x + 3 * number) % 256, (2 * y + 5 * number) % 256, (x + y + number) % 256], -1).astype(np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        rgb[: height // 2, left:right] = 255 if number >> (BITS - 1 - bit) & 1 else 0
    return rgb


def number_of(rgb: NDArray[np.uint8]) -> int:
    """The number a picture made by :func:`picture` shows, whatever its size."""
    height, width = rgb.shape[:2]
    value = 0
    for bit in range(BITS):
        centre = int((bit + 0.5) * width / BITS)
        patch = rgb[height // 8 : max(height // 8 + 1, 3 * height // 8), max(0, centre - 1) : centre + 2]
        value = 2 * value + int(patch.mean() > 127)
    return value


def write_film(
    path: Path,
    count: int = 60,
    *,
    fps: Fraction | int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (HEIGHT, WIDTH),
    times: Iterable[Fraction] | None = None,
    format: str | None = None,
    tone: float | None = None,
    tone_codec: str = "aac",
    pictures: Iterable[NDArray[np.uint8]] | None = None,
) -> Path:
    """Encode ``count`` numbered pictures; frame ``i`` is shown at ``times[i]``, by default at ``i / fps`` seconds.

    ``tone`` adds that many seconds of a 440 Hz sound.
    """
    shown_at = list(times) if times is not None else [Fraction(i) / Fraction(fps) for i in range(count)]
    frames = list(pictures) if pictures is not None else [picture(i, *size) for i in range(len(shown_at))]
    with av.open(f"file:{path}", "w", format=format) as container:
        stream = container.add_stream(codec, rate=fps, options=X264 if options is None else options)
        stream.height, stream.width, stream.pix_fmt = size[0], size[1], pixel_format
        base = Fraction(1, 90000) if times is not None else 1 / Fraction(fps)
        stream.codec_context.time_base = base
        stream.codec_context.thread_count = 1
        sound = container.add_stream(tone_codec, rate=48000, layout="mono") if tone else None
        for at, rgb in zip(shown_at, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = frame.reformat(format=pixel_format)
            frame.pts, frame.time_base = round(at / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            for frame in tone_frames(tone or 0.0):
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def tone_frames(seconds: float, rate: int = 48000) -> Iterator[av.AudioFrame]:
    """A 440 Hz sine, mono."""
    total = round(seconds * rate)
    for start in range(0, total, 1024):
        samples = np.sin(2 * np.pi * 440 * np.arange(start, min(total, start + 1024)) / rate) * 0.5
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def sequential(path: Path, keep: set[int] | None = None) -> tuple[list[float], dict[int, NDArray[np.uint8]]]:
    """Times of all frames and pictures of those in ``keep`` (``None``: all), by a plain pass with PyAV alone.

    Every other way must agree with it. Times are timestamps less the container's start; files without
    timestamps count frames at the declared rate.
    """
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.thread_count = 1
        start = Fraction(container.start_time or 0, av.time_base)
        times: list[float] = []
        pictures: dict[int, NDArray[np.uint8]] = {}
        for frame in container.decode(stream):
            rate = stream.guessed_rate
            at = len(times) / rate if frame.pts is None else frame.pts * stream.time_base - start
            if keep is None or len(times) in keep:
                pictures[len(times)] = frame.to_ndarray(format="rgb24")
            times.append(float(at))
    if "avi" in path.suffix:
        times = [time - times[0] for time in times]
    return times, pictures


def set_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write the four values a b c d of the display matrix into the track header of an mp4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def without_notes(path: Path) -> Path:
    """The same film without what x264 wrote into it of its options."""
    out = path.with_name(f"without_{path.name}")
    with av.open(str(path)) as source, av.open(str(out), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                kept = [unit for unit in units(bytes(packet), 4) if unit[0] & 31 != SEI]
                new = av.Packet(b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept))
                new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                new.is_keyframe, new.stream = packet.is_keyframe, stream
                sink.mux(new)
    return out
