"""What may be opened as a video: never a file that names others, whatever it is called; and every odd file name."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from panda_hf.errors import VideoError
from panda_hf.video import FrameReader, by_reference, cut_clip, probe, sample_frames, source
from tests.video.films import B_FRAMES

HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile {}\n"
SCRIPTS = {"hls": HLS, "concat": CONCAT}
WAYS = {
    "probe": probe,
    "FrameReader": FrameReader,
    "sample_frames": lambda video: sample_frames(video, [0.0]),
    "cut_clip": lambda video: cut_clip(video, 0.0, 1.0, f"{video}.cut.mp4"),
}
ODD_NAMES = [
    "-dash.mp4",
    "a:b %d 'q' \"r\".mp4",
    "%03d.mp4",
    "concat:x.mp4",
    "http:x.mp4",
    "*[0-9]?.mp4",
    "熊猫 película Ωмега 🐼.mp4",
    "line\nbreak.mp4",
    "no_suffix",
    "picture.jpg",
]


@pytest.fixture
def other(film, tmp_path: Path) -> Path:
    """A healthy local file for scripts to name."""
    path = tmp_path / "other.ts"
    path.write_bytes(film("other.ts", options=B_FRAMES).read_bytes())
    return path


def script(kind: str, named: Path, name: str = "film.mp4") -> Path:
    path = named.with_name(name)
    path.write_text(SCRIPTS[kind].format(named.name))
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_playlist_called_mp4_is_refused_though_libav_would_follow_it(other, kind, way):
    path = script(kind, other)
    with av.open(str(path), format=kind) as container:
        assert next(container.decode(video=0)), "the playlist of this test is not a real one"
    with pytest.raises(VideoError, match="is a playlist or script that names other files"):
        WAYS[way](path)


@pytest.mark.parametrize("name", ["list.m3u8", "list.txt", "list"])
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_playlist_under_its_own_name_is_refused(other, kind, name):
    with pytest.raises(VideoError, match="is a playlist or script that names other files"):
        probe(script(kind, other, name))


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_playlist_held_as_bytes_is_refused(other, kind):
    with pytest.raises(VideoError, match="playlist or script"):
        probe(script(kind, other).read_bytes())


@pytest.mark.parametrize("kind", SCRIPTS)
def test_libav_itself_is_barred_from_playlists_that_the_first_look_misses(other, kind, monkeypatch):
    monkeypatch.setattr(source, "_check_head", lambda name, head: None)
    with pytest.raises(VideoError):
        probe(script(kind, other))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("first_look", [True, False])
@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_file_that_a_playlist_names_is_not_read(tmp_path, kind, first_look, monkeypatch):
    if not first_look:
        monkeypatch.setattr(source, "_check_head", lambda name, head: None)
    secret = tmp_path / "other.ts"
    os.mkfifo(secret)
    pipe = os.open(secret, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(pipe, b"secret")
        with pytest.raises(VideoError):
            probe(script(kind, secret))
        assert os.read(pipe, 100) == b"secret", "somebody has read from the pipe"
    finally:
        os.close(pipe)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty (0 bytes)"),
        (b"Once upon a time there was a panda.\n" * 9, "it is text. Give a video file."),
        ("大熊猫\n".encode() * 999, "it is text. Give a video file."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a Git LFS pointer"),
    ],
)
def test_a_file_that_is_no_video_is_called_what_it_is(tmp_path, content, message):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    for video in (path, content):
        with pytest.raises(VideoError) as caught:
            probe(video)
        assert message in str(caught.value)
    with pytest.raises(VideoError, match="film.mp4"):
        probe(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(VideoError, match="gone.mp4.*No such file"):
        probe(tmp_path / "gone.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        probe(tmp_path)


def test_an_mp4_without_its_index_is_said_to_be_cut_short(film, tmp_path):
    path = tmp_path / "short.mp4"
    path.write_bytes(film("whole.mp4", options=B_FRAMES).read_bytes()[:5000])
    with pytest.raises(VideoError, match="cut short"):
        probe(path)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_file_name_will_do(film, tmp_path, name, monkeypatch):
    whole = film("whole.mp4", options=B_FRAMES)
    (tmp_path / name).write_bytes(whole.read_bytes())
    monkeypatch.chdir(tmp_path)
    expected = sample_frames(whole, [1.0])
    for video in (name, tmp_path / name):
        assert np.array_equal(sample_frames(video, [1.0]), expected)
        assert cut_clip(video, 0.0, 0.4, tmp_path / f"cut {name}", threads=1).frames == 10


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_bytes_and_rows_of_a_dataset_read_like_the_path(film, suffix):
    path = film(f"whole.{suffix}", options=B_FRAMES)
    data = path.read_bytes()
    expected = pictures(str(path))
    for video in (path, data, {"path": str(path), "bytes": None}, {"path": "elsewhere.mp4", "bytes": data}):
        assert np.array_equal(pictures(video), expected)
        assert probe(video).codec == "h264"


def test_bytes_become_a_file_of_the_cache_and_a_path_stays_one(film):
    path = film("whole.mp4", options=B_FRAMES)
    kept = by_reference({"path": "elsewhere.mp4", "bytes": path.read_bytes()})
    assert kept["bytes"] is None and Path(kept["path"]).read_bytes() == path.read_bytes()
    assert by_reference({"path": str(path), "bytes": None}) == {"path": str(path), "bytes": None}


@pytest.mark.parametrize("video", [None, 7, {}, {"path": None, "bytes": None}])
def test_nothing_is_no_video(video):
    with pytest.raises(VideoError, match="no video"):
        probe(video)


def pictures(video) -> np.ndarray:
    with FrameReader(video, threads=1) as reader:
        return np.stack([frame.rgb() for frame in reader])
