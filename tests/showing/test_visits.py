"""A visitor's files: looked at before they are kept, unseen by others, deleted in time; and hostile uploads."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from panda_hf.errors import VideoError
from panda_hf.showing.limits import Limits
from panda_hf.showing.root import LOCK
from panda_hf.showing.visits import Visits, key_of, shown_name
from tests.video.films import write_film as write_numbers

HOSTILE_NAME = '../../<img src=x onerror="alert(1)">\u202egpj.mp4'


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def visits(clock: Clock) -> Iterator[Visits]:
    visits = Visits(Limits(max_megabytes=2, max_seconds=60, max_clip_seconds=2, at_once=1), now=clock)
    yield visits
    visits.close()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    return write_numbers(tmp_path / "upload.mp4", 10, fps=10)


def refusal(visits: Visits, path: Path, **options: bool) -> str:
    visit = visits.of("refused")
    with pytest.raises(VideoError) as told:
        visits.adopt(visit, str(path), HOSTILE_NAME, **{"one_clip": False, **options})
    assert not list(visit.folder.iterdir()) and str(visits.root) not in str(told.value)
    return str(told.value)


def test_an_upload_is_kept_under_a_name_of_ours_and_its_own_name_is_only_shown(visits: Visits, upload: Path) -> None:
    film = visits.adopt(visits.of("a"), str(upload), HOSTILE_NAME, one_clip=True)
    assert film.path.parent == visits.of("a").folder and film.path.suffix == ".mp4" and film.playable == film.path
    assert len(film.path.stem) == 32 and film.path.read_bytes() == upload.read_bytes()
    assert film.name == '<img src=x onerror="alert(1)">gpj.mp4'


def test_two_visitors_have_two_folders_that_others_on_the_machine_cannot_read(visits: Visits) -> None:
    one, other = visits.of("a").folder, visits.of("b").folder
    assert one != other and visits.of("a").folder == one
    assert (visits.root.stat().st_mode & 0o077, one.stat().st_mode & 0o077) == (0, 0)


def test_what_browsers_do_not_play_gets_a_copy_that_they_do(visits: Visits, tmp_path: Path) -> None:
    upload = write_numbers(tmp_path / "a.avi", 10, fps=10, codec="mpeg4", options={})
    film = visits.adopt(visits.of("a"), str(upload), "a.avi", one_clip=True)
    assert film.playable != film.path and film.playable.read_bytes()[4:8] == b"ftyp"


def test_leaving_deletes_at_once_or_as_soon_as_the_work_is_done(visits: Visits, upload: Path) -> None:
    with visits.of("leaver") as visit:
        film = visits.adopt(visit, str(upload), "a.mp4", one_clip=True)
        visits.leave("leaver")
        visits.sweep()
        assert film.path.is_file()
    visits.sweep()
    assert not visit.folder.exists() and not film.path.exists()
    idle = visits.of("idle").folder
    visits.leave("idle")
    assert not idle.exists()


def test_staying_away_deletes_and_clicking_keeps(visits: Visits, clock: Clock) -> None:
    old, new = visits.of("old").folder, visits.of("new").folder
    with visits.of("old"):
        pass  # work that is done counts as a sign of life, no longer
    clock.now += visits.limits.idle_seconds - 1
    visits.of("new")
    clock.now += 2
    visits.sweep()
    assert not old.exists() and new.exists()


def test_a_program_s_visit_ends_with_its_call(visits: Visits, upload: Path) -> None:
    with visits.passing() as visit:
        assert visits.adopt(visit, str(upload), None, one_clip=True).path.is_file()
    assert not visit.folder.exists()


def arrived(visits: Visits, door: str, film: Path) -> Path:
    """An upload as the route leaves it."""
    folder = visits.new_upload(door) / "0123abcd"
    folder.mkdir()
    return Path(shutil.copyfile(film, folder / "film.mp4"))


def test_an_upload_is_taken_over_by_its_own_door_alone_and_once(visits: Visits, upload: Path) -> None:
    anna, ben = visits.of(key_of("anna", "session")), visits.of(key_of("ben", "session"))
    path = arrived(visits, "anna", upload)
    for visit, wanted in ((ben, str(path)), (anna, str(upload)), (anna, "/etc/passwd"), (anna, str(path.parents[2]))):
        with pytest.raises(VideoError, match="no upload of yours"):
            visits.take_over(visit, wanted, one_clip=True)
    with pytest.raises(VideoError, match="no upload of yours"):
        visits.take_over(ben, f"{ben.folder.parent}/upload-x/../../{path.relative_to(visits.root)}", one_clip=True)
    assert path.is_file()
    film = visits.take_over(anna, str(path), one_clip=True)
    assert film.path.read_bytes() == upload.read_bytes() and not path.parents[1].exists()
    with pytest.raises(VideoError, match="no upload of yours"):
        visits.take_over(anna, str(path), one_clip=True)


def test_an_upload_that_is_refused_is_deleted_too(visits: Visits, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"0")
    path = arrived(visits, "anna", tmp_path / "bad.mp4")
    with pytest.raises(VideoError):
        visits.take_over(visits.of(key_of("anna", "session")), str(path), one_clip=True)
    assert not path.parents[1].exists()


def test_one_session_behind_two_doors_is_two_visits(visits: Visits) -> None:
    one, other = visits.of(key_of("anna", "session")), visits.of(key_of("ben", "session"))
    assert one is not other and one is visits.of(key_of("anna", "session"))
    assert (one.folder.parent.name, other.folder.parent.name) == ("anna", "ben")


def test_uploads_of_which_nothing_was_made_are_swept_and_young_ones_and_visits_are_kept(
    visits: Visits, upload: Path
) -> None:
    old, young, stray = arrived(visits, "carl", upload), arrived(visits, "carl", upload), visits.root / "stray"
    kept = visits.of(key_of("dora", "session")).folder
    stray.touch()
    long_ago = time.time() - visits.limits.idle_seconds - 60
    for path in (*old.parents[:2], old, stray, kept):
        os.utime(path, (long_ago, long_ago))
    visits.sweep()
    assert not old.parents[1].exists() and not stray.exists()
    assert young.is_file() and kept.is_dir() and (visits.root / LOCK).is_file()


def test_subtitles_stay_with_the_visit_and_go_with_it(visits: Visits, upload: Path) -> None:
    path = arrived(visits, "emil", upload)
    visit = visits.of(key_of("emil", "session"))
    visit.uploads.add(visits.uploaded(visit, str(path)))
    long_ago = time.time() - visits.limits.idle_seconds - 60
    for old in (path, *path.parents[:2]):
        os.utime(old, (long_ago, long_ago))
    visits.sweep()
    assert path.is_file()
    visits.leave(key_of("emil", "session"))
    assert not path.parents[1].exists()


def test_a_playlist_that_names_a_local_file_is_refused(visits: Visits, tmp_path: Path, upload: Path) -> None:
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{upload}\n#EXT-X-ENDLIST\n"
    for text in (hls, f"ffconcat version 1.0\nfile '{upload}'\n", "\n  " + hls, f"<MPD><BaseURL>{upload}</BaseURL>"):
        path = tmp_path / "list.mp4"
        path.write_text(text, encoding="utf-8")
        assert "playlist" in refusal(visits, path)


def test_a_link_is_refused_before_it_is_followed(visits: Visits, upload: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    os.symlink(upload, link)
    assert "not a regular file" in refusal(visits, link)
    assert "not a regular file" in refusal(visits, Path("/dev/zero"))


def test_what_is_too_large_or_too_long_is_refused_with_the_limit(visits: Visits, tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    with open(big, "wb") as file:
        file.truncate(2 * 10**9)
    assert "2,000 MB; 2 MB is the most" in refusal(visits, big)
    long = write_numbers(tmp_path / "long.mp4", 40, fps=10)
    assert "a clip has at most 2.0 s" in refusal(visits, long, one_clip=True)


def test_two_gigabytes_declared_inside_a_small_file_harm_nothing(visits: Visits, tmp_path: Path) -> None:
    path = tmp_path / "declared.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x7f\xff\xff\xffmdat" + b"\x00" * 5000)
    assert "cannot be read" in refusal(visits, path)


@pytest.mark.parametrize(
    "name", ["zero_bytes.mp4", "text_renamed.mp4", "audio_only.mp4", "trunc_moov_missing.mp4", "lfs_pointer.mp4"]
)
def test_bad_files_are_refused_in_words(visits: Visits, shared: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copyfile(shared / "data" / "hostile" / name, path)
    assert len(refusal(visits, path)) > 20


def test_names_are_shown_on_one_line_without_folders() -> None:
    assert shown_name("C:\\a\\b\n c.mp4") == "b c.mp4"
    assert shown_name("/etc/") == "video" and len(shown_name("x" * 500)) == 80
