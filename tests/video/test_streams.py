"""Which stream is the video, what is read of it, and when seeking is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from panda_hf.errors import VideoError
from panda_hf.video import FrameReader
from panda_hf.video.source import Source
from panda_hf.video.streams import read_packets, steady_key_timestamps
from tests.video.films import HEIGHT, WIDTH, number_of, picture


def with_cover(path: Path, *, film: int = 0) -> Path:
    """Sound with a large cover picture, and after it a film of so many frames."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        moving = container.add_stream("libx264", rate=25) if film else None
        if moving is not None:
            moving.width, moving.height, moving.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.full((480, 640, 3), 90, np.uint8))))
        for i in range(film):
            assert moving is not None
            container.mux(moving.encode(av.VideoFrame.from_ndarray(picture(i))))
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        heard.sample_rate = 44100
        container.mux(sound.encode(heard))
        for stream in filter(None, (cover, moving, sound)):
            container.mux(stream.encode())
    return path


def test_a_cover_picture_is_not_the_video(tmp_path: Path):
    path = with_cover(tmp_path / "film.mp4", film=30)
    with av.open(str(path)) as container:
        assert sorted(bool(each.disposition & Disposition.attached_pic) for each in container.streams.video) == [0, 1]
    with FrameReader(path) as reader:
        assert [number_of(frame.rgb()) for frame in reader] == list(range(30))


def test_sound_with_a_cover_is_told_from_a_video(tmp_path: Path):
    with pytest.raises(VideoError, match=r"song\.mp4' has no video, only a cover picture"):
        FrameReader(with_cover(tmp_path / "song.mp4"))


@pytest.mark.parametrize(("most", "is_read"), [(WIDTH * HEIGHT, True), (WIDTH * HEIGHT - 1, False)])
def test_pictures_may_have_so_many_pixels(film, monkeypatch: pytest.MonkeyPatch, most: int, is_read: bool):
    path = film("film.mp4", 5)
    monkeypatch.setattr("panda_hf.video.streams.MAX_PIXELS", most)
    if is_read:
        FrameReader(path).close()
        return
    with pytest.raises(VideoError, match=f"claims pictures of {WIDTH}x{HEIGHT} pixels; the limit is {most}"):
        FrameReader(path)


def test_reading_goes_on_after_packets_of_a_stream_that_was_not_declared():
    parts = iter([["one", "two"], ["three"], []])

    def demux(*streams: str) -> Iterator[str]:
        assert streams == ("video",)
        yield from (part := next(parts))
        if part:
            raise IndexError

    container: Any = SimpleNamespace(demux=demux)
    stream: Any = "video"
    assert list(read_packets(container, stream)) == ["one", "two", "three"]


def packet(pts: int | None, dts: int | None, **rest: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"pts": pts, "dts": dts, "size": 100, "is_corrupt": False, "is_keyframe": False, **rest})


STEADY = [packet(0, 0, is_keyframe=True), packet(3, 1), packet(None, None, size=0), packet(5, 2, is_keyframe=True)]


@pytest.mark.parametrize(
    ("last", "is_steady"),
    [
        (packet(4, 3), True),
        (packet(4, 2), False),
        (packet(4, 1), False),
        (packet(None, 3), False),
        (packet(4, None), False),
        (packet(4, 3, is_corrupt=True), False),
    ],
    ids=["steady", "repeated", "back", "not shown", "not decoded", "damaged"],
)
def test_seeking_is_safe_where_timestamps_are_steady(
    film, monkeypatch: pytest.MonkeyPatch, last: SimpleNamespace, is_steady: bool
):
    source = Source.of(film("film.mp4", 5))
    monkeypatch.setattr("panda_hf.video.streams.read_packets", lambda *_: iter([*STEADY, last]))
    assert steady_key_timestamps(source, 0) == (frozenset({0, 5}) if is_steady else None)
