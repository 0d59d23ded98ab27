"""What is opened as a video, and what is refused with its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.errors import VideoError
from panda_hf.video import FrameReader, by_reference, probe, sample_frames
from tests.stages import write_film

BAD = {
    "empty.mp4": (b"", "empty"),
    "text.mp4": (b"this is no film at all, only words\n", "text"),
    "pointer.mp4": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_video_is_refused_by_name_and_cause(tmp_path: Path, name: str) -> None:
    content, cause = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=name) as caught:
        probe(tmp_path / name)
    assert cause in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="gone.mp4"):
        probe(tmp_path / "gone.mp4")


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{film}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{film}'\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.txt"])
def test_a_playlist_cannot_make_it_read_another_file(tmp_path: Path, kind: str, name: str) -> None:
    film = write_film(tmp_path / "film.ts", shots=1, seconds=1.0)
    (tmp_path / name).write_text(PLAYLISTS[kind].format(film=film.name), encoding="utf-8")
    assert probe(film).width == 160
    with pytest.raises(VideoError):
        probe(tmp_path / name)
    with pytest.raises(VideoError):
        probe((tmp_path / name).read_bytes())


@pytest.mark.parametrize("name", ["-dash.mp4", "a:b %d 'q' \"r\".mp4", "パンダ 🐼.mp4", "new\nline.mp4"])
def test_odd_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_film(tmp_path / "film.mp4", shots=1, seconds=1.0).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with FrameReader(name) as reader:
        assert len(list(reader)) == 12


def test_bytes_give_what_the_file_gives(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", shots=1, seconds=1.0)
    held = {"path": None, "bytes": film.read_bytes()}
    assert (sample_frames(held, [0.5]) == sample_frames(film, [0.5])).all()
    kept = by_reference(held)
    assert kept["bytes"] is None and Path(kept["path"]).read_bytes() == film.read_bytes()
    assert by_reference({"path": str(film), "bytes": None}) == {"path": str(film), "bytes": None}
