"""Small films of known content for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from panda_hf.mini.encode import REPEATABLE

Picture = np.ndarray
Join = Callable[[list[Picture], list[Picture]], list[Picture]]


def textured(seed: int, height: int = 96, width: int = 160) -> Picture:
    """A picture of coloured blocks, different for each seed; uint8 [h, w, 3]."""
    blocks = np.random.default_rng(seed).integers(40, 220, (6, 10, 3))
    return np.kron(blocks, np.ones((height // 6, width // 10, 1))).astype(np.uint8)


def moving(seed: int, frames: int) -> Iterator[Picture]:
    """A shot: a white square crosses a textured ground."""
    ground = textured(seed)
    for i in range(frames):
        picture = ground.copy()
        x = 5 + i * 110 // max(1, frames - 1)
        picture[30:66, x : x + 36] = 250
        yield picture


def still(seed: int, frames: int) -> Iterator[Picture]:
    """A shot in which nothing happens."""
    yield from [textured(seed)] * frames


def black(frames: int) -> Iterator[Picture]:
    yield from [np.zeros((96, 160, 3), np.uint8)] * frames


def blended(one: list[Picture], two: list[Picture]) -> list[Picture]:
    """Frame ``i`` of ``n`` shows the second shot by ``(i + 1) / (n + 1)``."""
    n = len(one)
    return [
        ((n - i) / (n + 1) * a + (i + 1) / (n + 1) * b).astype(np.uint8)
        for i, (a, b) in enumerate(zip(one, two, strict=True))
    ]


def joined(join: Join, *shots: list[Picture], frames: int) -> list[Picture]:
    """Shots joined by transitions of so many frames, for which both go on."""
    film = shots[0]
    for following in shots[1:]:
        film = [*film[:-frames], *join(film[-frames:], following[:frames]), *following[frames:]]
    return film


def write(path: Path, shots: Sequence[Iterator[Picture]], fps: int = 10, times: Sequence[int] | None = None) -> Path:
    """Encode shots one after the other; ``times``: when each frame is shown, in milliseconds, for a varying rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "x264-params": REPEATABLE})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(picture for shot in shots for picture in shot):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[i], stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
