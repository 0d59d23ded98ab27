"""Fixtures of the download tests: a server that misbehaves on request, and small real films to serve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.download.server import Server, Web


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says about proxies does not concern a server on loopback."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    """An empty server, fresh for each test."""
    with Web() as running:
        yield running


@pytest.fixture(scope="session")
def film() -> bytes:
    """Four seconds of moving noise with a tone: mp4, H.264 and AAC, 64 x 48, 10 pictures a second, index in front."""
    return make_film()


@pytest.fixture(scope="session")
def silent_film() -> bytes:
    """The same without sound."""
    return make_film(sound=False)


def make_film(
    seconds: int = 4, fps: int = 10, *, picture: bool = True, sound: bool = True, format: str = "mp4", seed: int = 0
) -> bytes:
    """A film whose pictures are noise, so that it has some hundred thousand bytes."""
    options = {"movflags": "+faststart"} if format == "mp4" else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        _write(path, seconds, fps, picture, sound, format, options, seed)
        return path.read_bytes()


def _write(
    path: Path, seconds: int, fps: int, picture: bool, sound: bool, format: str, options: dict[str, str], seed: int
) -> None:
    with av.open(str(path), "w", format=format, options=options) as output:
        if picture:
            video = output.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "25", "g": "10"})
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if sound:
            audio = output.add_stream("aac", rate=16000, layout="mono")
        noise = np.random.default_rng(seed)
        if picture:
            for _ in range(seconds * fps):
                frame = av.VideoFrame.from_ndarray(noise.integers(0, 256, (48, 64, 3), dtype=np.uint8), format="rgb24")
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        if sound:
            time = np.arange(seconds * 16000) / 16000
            tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = 16000
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
