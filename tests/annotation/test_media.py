"""Clips become files that browsers play, whatever the dataset holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.annotation.media import Media
from panda_hf.annotation.tasks import Tasks
from panda_hf.errors import VideoError
from panda_hf.video import probe, sample_frames
from tests.annotation.curated import captions, clip_row, curated, write_rows
from tests.video.films import number_of, write_film


def media_of(out: Path, *rows: dict, clip: bool = False) -> Media:
    return Media(Tasks.open(str(write_rows(out, list(rows), clip=clip))), out / "playable")


def first_number(path: Path) -> int:
    return number_of(sample_frames(str(path), [0.0])[0])


def test_an_exported_clip_is_linked_not_copied(tmp_path: Path) -> None:
    out = curated(tmp_path, 2)
    media = Media(Tasks.open(str(out)), tmp_path / "playable")
    file = media.file("film_0.1")
    assert file.samefile(out / "media" / "000000" / "1.mp4") and file.parent == tmp_path / "playable"
    assert media.file("film_0.1") == file


def test_a_clip_without_a_file_of_its_own_is_cut_out_of_its_video(tmp_path: Path) -> None:
    film = write_film(tmp_path / "long.webm", 60, fps=20, codec="libvpx-vp9", options={"cpu-used": "8"})
    video = {"path": str(film), "bytes": None}
    media = media_of(tmp_path, clip_row(0, captions(0), video=video, start=1.0, end=2.0))
    file = media.file("film_0.0")
    assert (probe(file).codec, first_number(file)) == ("h264", 20)
    assert probe(file).duration == pytest.approx(1.0, abs=0.06)


def test_bytes_of_a_clip_become_a_file(tmp_path: Path) -> None:
    data = write_film(tmp_path / "a.mp4", 10, fps=10).read_bytes()
    clip = {"path": "a.mp4", "bytes": data}
    media = media_of(tmp_path, clip_row(0, captions(0), clip=clip, start=70.0, end=71.0), clip=True)
    assert media.file("film_0.0").read_bytes() == data


def test_what_browsers_do_not_play_is_encoded_anew(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mkv", 10, fps=10)
    write_film(tmp_path / "b.mp4", 10, fps=10, codec="mpeg4", options={})
    media = media_of(
        tmp_path, clip_row(0, captions(0), clip_path="a.mkv"), clip_row(1, captions(1), clip_path="b.mp4")
    )
    for clip in media.tasks.clip_ids:
        file = media.file(clip)
        assert (probe(file).codec, file.suffix, probe(file).duration) == ("h264", ".mp4", pytest.approx(1.0, abs=0.1))


def test_media_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    media = media_of(tmp_path, clip_row(0, captions(0), clip_path="a.mp4"))
    with pytest.raises(VideoError, match="a.mp4"):
        media.file("film_0.0")
    assert not list((tmp_path / "playable").iterdir())


def test_nothing_of_a_clip_id_reaches_the_file_system(tmp_path: Path) -> None:
    out = curated(tmp_path / "in", 1)
    row = clip_row(0, captions(0), clip_id="../../evil/<b>", clip_path="media/000000/0.mp4")
    media = media_of(out, row)
    assert media.file("../../evil/<b>").parent == out / "playable"
