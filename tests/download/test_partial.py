"""Sections of a remote video: cut without fetching the rest, whole video where that cannot be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest

pytest.importorskip("yt_dlp")

from panda_hf.download import FetchOptions, Wanted, fetch
from tests.download.conftest import make_film
from tests.download.server import Server
from tests.download.test_fetch import MPD


@pytest.fixture(scope="module")
def long_film() -> bytes:
    return make_film(seconds=200)


@pytest.fixture
def options(server: Server) -> FetchOptions:
    return FetchOptions(allow_hosts=(server.host,), retries=2, back_off_seconds=0.05, socket_timeout=1.0)


def pictures(path: str | None) -> int:
    assert path is not None
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def bytes_asked_for(server: Server) -> int:
    """By the requests that came with a range."""
    spans = [seen.range.removeprefix("bytes=").split("-") for seen in server.requests if seen.range]
    return sum(int(end) + 1 - int(start) for start, end in spans)


SECTIONS = ((50.0, 52.0), (10.0, 11.0), (270.0, 272.0))


def test_only_the_sections_are_fetched_and_each_keeps_its_number(
    server: Server, options: FetchOptions, long_film: bytes, tmp_path: Path
) -> None:
    fetched = fetch(Wanted("a b", server.add("film.mp4", long_film), SECTIONS), options, tmp_path)
    assert (fetched.reason, fetched.path) == ("ok", None)
    first, second, third = fetched.section_paths
    assert (pictures(first), pictures(second), third) == (20, 10, None)
    assert str(first).endswith("a b.section-0.mp4")
    assert fetched.section_details[:2] == (None, None)
    assert "shows nothing from 270.000 s" in str(fetched.section_details[2])
    assert fetched.bytes == Path(str(first)).stat().st_size + Path(str(second)).stat().st_size
    assert 0 < bytes_asked_for(server) < 0.5 * len(long_film)


def test_sections_of_picture_and_sound_that_lie_apart(
    server: Server, options: FetchOptions, long_film: bytes, tmp_path: Path
) -> None:
    server.add("mid.mp4", long_film)
    server.add("tone.m4a", make_film(seconds=200, picture=False))
    url = server.add("film.mpd", MPD.replace("PT4S", "PT200S"))
    fetched = fetch(Wanted("v", url, SECTIONS[:2]), options, tmp_path)
    assert fetched.reason == "ok", fetched.detail
    assert [pictures(path) for path in fetched.section_paths] == [20, 10]
    with av.open(str(fetched.section_paths[0])) as container:
        assert len(container.streams.audio) == 1


def test_a_server_without_ranges_means_the_whole_video(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    fetched = fetch(Wanted("v", server.url("plain/film.mp4"), ((1.0, 2.0),)), options, tmp_path)
    assert (fetched.reason, fetched.section_paths) == ("ok", ())
    assert Path(fetched.path or "").read_bytes() == film
    assert "fetched whole" in str(fetched.detail)


def test_a_server_that_fails_on_the_way_is_told_of_and_leaves_no_section(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    fetched = fetch(
        Wanted("v", server.url("broken-ranges/film.mp4"), ((1.0, 2.0),)), replace(options, retries=1), tmp_path
    )
    assert (fetched.reason, fetched.section_paths) == ("truncated", ())
    assert not list(tmp_path.glob("*.mp4"))
