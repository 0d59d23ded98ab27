"""Fetching from a server that behaves, and from one that does not: every outcome has its reason, nothing hangs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from panda_hf.download import Fetched, FetchOptions, Wanted, fetch_all
from tests.download.conftest import make_film
from tests.download.server import Server

pytest.importorskip("yt_dlp")

from panda_hf.download.guard import Guard
from panda_hf.download.opener import Opener
from panda_hf.download.visit import fetch_here

Get = Callable[..., list[Fetched]]


@pytest.fixture
def options(server: Server) -> FetchOptions:
    return FetchOptions(
        allow_hosts=(server.host,), retries=2, back_off_seconds=0.05, max_back_off_seconds=1.0, socket_timeout=0.6
    )


@pytest.fixture
def get(server: Server, options: FetchOptions, tmp_path: Path) -> Get:
    """Fetch addresses of the server in one run; the results in the order of the addresses."""

    def run(*urls: str, time_limit: float = 20.0, workers: int = 2, **changes: object) -> list[Fetched]:
        wanted = [Wanted(f"v{i}", url) for i, url in enumerate(urls)]
        results = fetch_all(
            wanted, replace(options, **changes), tmp_path / "out", workers=workers, time_limit=time_limit
        )
        return sorted(results, key=lambda fetched: fetched.video_id)

    return run


@pytest.fixture
def get_here(server: Server, options: FetchOptions, tmp_path: Path) -> Get:
    """The same in this process, where that makes no difference: sockets unguarded, no time limit, but quicker."""

    def run(*urls: str, time_limit: float | None = None, **changes: object) -> list[Fetched]:
        chosen = replace(options, **changes)
        opener = Opener(chosen, Guard(chosen.allow_hosts), tmp_path / "out" / ".part" / "cache")
        return [
            fetch_here(opener, Wanted(f"v{i}", url), chosen, tmp_path / "out", time_limit=time_limit)
            for i, url in enumerate(urls)
        ]

    return run


def pictures(path: str | None) -> int:
    assert path is not None
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def sounds(path: str | None) -> list[str]:
    assert path is not None
    with av.open(path) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_video_arrives_byte_for_byte_and_nothing_else_is_left(
    get: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    (fetched,) = get(server.add("my film.mp4".replace(" ", "-"), film))
    assert (fetched.reason, fetched.detail, fetched.attempts, fetched.http_status) == ("ok", None, 1, None)
    assert fetched.path == str(tmp_path / "out" / "v0.mp4")
    assert Path(fetched.path).read_bytes() == film
    assert fetched.bytes == len(film)
    assert (fetched.info["width"], fetched.info["height"], fetched.info["duration"]) == (64, 48, 4.0)
    assert fetched.info["title"] == "my-film"
    assert files_in(tmp_path) == {"out/v0.mp4"}


def test_ids_that_are_no_file_names_become_some(
    server: Server, options: FetchOptions, film: bytes, tmp_path: Path
) -> None:
    wanted = Wanted("../../etc/pass wd", server.add("a.mp4", film))
    (fetched,) = fetch_all([wanted], options, tmp_path / "out", workers=1)
    assert fetched.video_id == "../../etc/pass wd"
    assert Path(fetched.path or "").parent == tmp_path / "out"


def test_each_way_a_server_can_fail_has_its_reason(get: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    server.add("text.mp4", "I am not a film, whatever my name says. " * 40)
    expected = {
        "status/404/a.mp4": ("not-found", 404, 1),
        "status/410/a.mp4": ("not-found", 410, 1),
        "status/401/a.mp4": ("forbidden", 401, 2),
        "status/403/a.mp4": ("forbidden", 403, 2),
        "status/451/a.mp4": ("geo-blocked", 451, 1),
        "busy/99/500/film.mp4": ("network", 500, 3),
        "busy/99/503/film.mp4": ("network", 503, 3),
        "stalled/film.mp4": ("timeout", None, 3),
        "hanging/film.mp4": ("timeout", None, 3),
        "cut-always/film.mp4": ("truncated", None, 3),
        "long/film.mp4": ("truncated", None, 3),
        "short/film.mp4": ("truncated", None, 3),
        "empty/film.mp4": ("truncated", None, 3),
        "html/film.mp4": ("unsupported", None, 1),
        "ok/text.mp4": ("unsupported", None, 1),
        "loop/film.mp4": ("unsupported", 302, 1),
        "endless-page/film.mp4": ("too-large", None, 1),
    }
    results = get(*(server.url(path) for path in expected), workers=3)
    by_path = {fetched.url.removeprefix(f"http://{server.host}/"): fetched for fetched in results}
    found = {path: (by_path[path].reason, by_path[path].http_status, by_path[path].attempts) for path in expected}
    assert found == expected
    assert all(fetched.path is None and fetched.detail for fetched in results)


def test_details_name_no_path_of_this_machine(get_here: Get, server: Server, tmp_path: Path, film: bytes) -> None:
    server.add("text.mp4", "no film " * 99)
    server.add("film.mp4", film)
    results = get_here(server.url("ok/text.mp4"), server.url("short/film.mp4"), server.url("to?file:///etc/passwd"))
    assert all(str(tmp_path) not in str(r.detail) and "/etc" not in str(r.detail) for r in results)
    assert all("\x1b" not in str(r.detail) and "\n" not in str(r.detail) for r in results)


def test_errors_that_pass_are_outwaited(get: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    paths = (
        "busy/1/503/film.mp4",
        "limited/1/0/film.mp4",
        "stalled-middle/film.mp4",
        "cut/film.mp4",
        "expired/film.mp4",
    )
    results = get(*(server.url(path) for path in paths))
    assert [(fetched.reason, fetched.attempts) for fetched in results] == [("ok", 2)] * len(paths)
    assert all(Path(fetched.path or "").read_bytes() == film for fetched in results)


def test_the_rest_of_a_broken_download_is_asked_for_by_range(get_here: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    get_here(server.url("cut/film.mp4"))
    assert [seen.range for seen in server.requests] == [None, None, f"bytes={len(film) // 2}-"]


def test_a_killed_download_goes_on_where_it_stopped(get: Get, server: Server, film: bytes, tmp_path: Path) -> None:
    server.add("film.mp4", film)
    url = server.url("stalled-middle/film.mp4")
    (killed,) = get(url, socket_timeout=30.0, time_limit=0.7)
    assert killed.reason == "timeout"
    assert "time limit" in str(killed.detail)
    part = tmp_path / "out" / ".part" / "v0" / "mp4.mp4.part"
    kept = part.stat().st_size
    assert 0 < kept <= len(film) // 2
    (again,) = get(url)
    assert again.reason == "ok"
    assert server.requests[-1].range == f"bytes={kept}-"
    assert Path(again.path or "").read_bytes() == film


def test_two_versions_of_a_file_are_never_glued_together(
    get: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", make_film(seed=7))
    url = server.url("stalled-middle/film.mp4")
    get(url, socket_timeout=30.0, time_limit=0.7)
    server.add("film.mp4", film)
    (fetched,) = get(url)
    assert fetched.reason == "ok"
    assert Path(fetched.path or "").read_bytes() == film


def test_a_part_of_unknown_version_is_not_gone_on_with(
    get_here: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    part = tmp_path / "out" / ".part" / "v0" / "mp4.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(make_film(seed=7)[:50_000])
    (fetched,) = get_here(server.add("film.mp4", film))
    assert Path(fetched.path or "").read_bytes() == film


def test_a_slow_video_ends_at_its_time_limit_and_the_run_goes_on(get: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    slow, good = get(server.url("slow/film.mp4"), server.url("ok/film.mp4"), workers=1, time_limit=2.5)
    assert (slow.reason, good.reason) == ("timeout", "ok")
    assert 2.4 < slow.seconds < 8


def test_retry_after_is_waited_for(get: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    (fetched,) = get(server.url("limited-date/1/2/film.mp4"), max_back_off_seconds=10.0)
    first, second = (seen.time for seen in server.requests[:2])
    assert fetched.reason == "ok"
    assert 0.9 < second - first < 4  # a date knows whole seconds only


def test_all_workers_wait_when_one_is_told_to(get: Get, server: Server, film: bytes) -> None:
    server.add("film.mp4", film)
    urls = [server.url("limited/1/1/film.mp4")] + [server.url(f"ok/film.mp4?{i}") for i in range(6)]
    server.files.update({f"film.mp4?{i}": film for i in range(6)})
    results = get(*urls, max_back_off_seconds=10.0)
    assert {fetched.reason for fetched in results} == {"ok"}
    told = server.requests[[seen.path.startswith("/limited") for seen in server.requests].index(True)].time
    during = [seen for seen in server.requests if told + 0.2 < seen.time < told + 0.95]
    assert during == []


def test_a_server_that_never_relents_is_left_after_some_tries(get_here: Get, server: Server) -> None:
    (fetched,) = get_here(server.url("limited/99/30/film.mp4"), max_back_off_seconds=0.2)
    assert (fetched.reason, fetched.attempts, fetched.http_status) == ("rate-limited", 3, 429)
    assert fetched.retry_after == 30.0
    assert len(server.requests) == 3


def test_a_wait_longer_than_the_time_limit_is_not_begun(get_here: Get, server: Server) -> None:
    (fetched,) = get_here(server.url("limited/99/60/film.mp4"), max_back_off_seconds=100.0, time_limit=5.0)
    assert (fetched.reason, fetched.retry_after) == ("rate-limited", 60.0)
    assert fetched.seconds < 4


def test_redirects_to_private_places_are_refused(get: Get, server: Server) -> None:
    targets = [
        "file:///etc/passwd", "ftp://127.0.0.1/film.mp4", "gopher://127.0.0.1/", "http://127.0.0.2/", "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/", "http://0.0.0.0/",
        "http://192.168.1.1/", "http://2130706433/", "http://localhost:1/", "//127.0.0.2/film.mp4",
    ]  # fmt: skip
    results = get(*map(server.sent_to, targets))
    outcomes = {fetched.url: (fetched.reason, fetched.attempts) for fetched in results}
    assert outcomes == dict.fromkeys(map(server.sent_to, targets), ("refused-address", 1))
    assert len(server.requests) == len(targets)


def test_private_addresses_are_refused_before_anything_is_sent(get: Get, server: Server, film: bytes) -> None:
    url = server.add("film.mp4", film)
    direct, named, local, text = get(
        url, "file:///etc/passwd", "http://localhost:1/a.mp4", "abcdefghijk", allow_hosts=()
    )
    assert [f.reason for f in (direct, named, local, text)] == ["refused-address"] * 3 + ["unsupported"]
    assert server.requests == []


def test_playlists_cannot_reach_files_or_private_addresses(get: Get, server: Server) -> None:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n"
    secret = server.add("file.m3u8", f"{head}file:///etc/passwd\n#EXT-X-ENDLIST\n")
    inside = server.add("inside.m3u8", f"{head}http://127.0.0.2:9/a.ts\n#EXT-X-ENDLIST\n")
    key = server.add(
        "key.m3u8",
        f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="http://169.254.169.254/key"\n{head[8:]}{server.url("ok/film.ts")}\n#EXT-X-ENDLIST\n',
    )
    server.add("film.ts", make_film(format="mpegts"))
    assert [fetched.reason for fetched in get(secret, inside, key)] == ["refused-address"] * 3


def test_a_streamed_video_becomes_an_mp4_with_all_its_pictures_or_is_not_ok(get_here: Get, server: Server) -> None:
    server.add("film.ts", make_film(format="mpegts"))
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfilm.ts\n"
    good, bad = get_here(
        server.add("whole.m3u8", f"{head}#EXT-X-ENDLIST\n"),
        server.add("gap.m3u8", f"{head}#EXTINF:4,\ngone.ts\n#EXT-X-ENDLIST\n"),
    )
    assert good.reason == "ok", good.detail
    assert str(good.path).endswith("v0.mp4")
    assert (pictures(good.path), sounds(good.path)) == (40, ["aac"])
    assert (bad.reason, bad.path) == ("not-found", None)


MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S"><Period>
<AdaptationSet mimeType="video/mp4">
<Representation id="low" codecs="avc1.42c00b" width="256" height="144" bandwidth="1000">
<BaseURL>low.mp4</BaseURL></Representation>
<Representation id="mid" codecs="avc1.42c00b" width="640" height="360" bandwidth="2000">
<BaseURL>mid.mp4</BaseURL></Representation>
<Representation id="high" codecs="avc1.42c00b" width="1280" height="720" bandwidth="3000">
<BaseURL>high.mp4</BaseURL></Representation>
</AdaptationSet>
<AdaptationSet mimeType="audio/mp4">
<Representation id="tone" codecs="mp4a.40.2" bandwidth="64"><BaseURL>tone.m4a</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""


def dash(server: Server, silent_film: bytes) -> str:
    for name in ("low.mp4", "mid.mp4", "high.mp4"):
        server.add(name, silent_film)
    server.add("tone.m4a", make_film(picture=False))
    return server.add("film.mpd", MPD)


def test_picture_at_or_under_the_height_and_sound_are_joined(
    get_here: Get, server: Server, silent_film: bytes
) -> None:
    url = dash(server, silent_film)
    (fetched,) = get_here(url, height=480)
    assert fetched.reason == "ok", fetched.detail
    assert [bool(server.asked(name)) for name in ("low.mp4", "mid.mp4", "high.mp4", "tone.m4a")] == [0, 1, 0, 1]
    assert (pictures(fetched.path), sounds(fetched.path)) == (40, ["aac"])
    assert fetched.info["height"] == 360


def test_without_audio_no_sound_is_fetched(get_here: Get, server: Server, silent_film: bytes, film: bytes) -> None:
    url = dash(server, silent_film)
    one, other = get_here(url, server.add("film.mp4", film), audio=False)
    assert not server.asked("tone.m4a")
    assert (sounds(one.path), sounds(other.path)) == ([], [])
    assert pictures(other.path) == 40


def test_the_smallest_above_is_taken_when_nothing_is_small_enough(
    get_here: Get, server: Server, silent_film: bytes
) -> None:
    (fetched,) = get_here(dash(server, silent_film), height=100)
    assert fetched.reason == "ok"
    assert "the smallest above it has 144" in str(fetched.detail)


VTT = """WEBVTT

00:00.000 --> 00:02.000
Hello.

00:02.000 --> 00:03.500
Hello.
A ball rolls.
"""


def page(server: Server, captions: str) -> str:
    return server.add(
        f"page-of-{captions}.html",
        f'<!DOCTYPE html><html><head><title>A page</title></head><body><video src="film.mp4">'
        f'<track kind="subtitles" srclang="en" src="{captions}"></video></body></html>',
    )


def test_subtitles_come_as_cues_and_lost_ones_do_not_cost_the_video(
    get_here: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    server.add("film.mp4", film)
    server.add("words.vtt", VTT)
    fetched, without = get_here(page(server, "words.vtt"), page(server, "gone.vtt"))
    assert fetched.reason == "ok", fetched.detail
    assert fetched.subtitle_kind == "manual"
    assert fetched.subtitles == [
        {"start": 0.0, "end": 2.0, "text": "Hello."},
        {"start": 2.0, "end": 3.5, "text": "A ball rolls."},
    ]
    assert (without.reason, without.subtitles) == ("ok", None)
    assert "no subtitles (not-found" in str(without.detail)
    assert files_in(tmp_path) == {"out/v0.mp4", "out/v1.mp4"}


def test_a_video_of_more_bytes_than_allowed_is_left(
    get_here: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    (fetched,) = get_here(server.add("film.mp4", film), max_bytes=10_000)
    assert fetched.reason == "too-large"
    assert files_in(tmp_path / "out") == set()


def test_cookies_are_sent_and_their_file_stays_as_it_is(
    get_here: Get, server: Server, film: bytes, tmp_path: Path
) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tkey\tvalue\n")
    before = (cookies.read_text(), cookies.stat().st_mtime_ns)
    (fetched,) = get_here(server.add("film.mp4", film), cookies=str(cookies))
    assert fetched.reason == "ok"
    assert all("key=value" in seen.headers["Cookie"] for seen in server.requests)
    assert (cookies.read_text(), cookies.stat().st_mtime_ns) == before


def test_a_rate_limit_is_kept(get_here: Get, server: Server, film: bytes) -> None:
    (fetched,) = get_here(server.add("film.mp4", film), rate_limit=200_000)
    assert fetched.reason == "ok"
    assert fetched.seconds > 0.8 * len(film) / 200_000


def test_a_private_proxy_that_is_named_is_used_but_private_addresses_behind_it_are_not(
    get: Get, server: Server, film: bytes
) -> None:
    server.add("film.mp4", film)
    proxy = f"http://{server.host}"
    good, bad = get(
        "http://films.example/ok/film.mp4",
        "http://films.example/to?http://127.0.0.2/film.mp4",
        proxy=proxy,
        allow_hosts=(),
    )
    assert (good.reason, bad.reason) == ("ok", "refused-address")
    assert [seen.path for seen in server.requests if "127.0.0.2/" in seen.path] == [bad.url]


def test_nothing_is_written_outside_the_folder(
    get: Get, server: Server, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(here)
    server.add("film.mp4", film)
    server.add("words.vtt", VTT)
    good, bad = get(page(server, "words.vtt"), server.url("cut-always/film.mp4"))
    assert (good.reason, bad.reason) == ("ok", "truncated")
    assert [*home.rglob("*"), *here.rglob("*")] == []
    assert files_in(tmp_path / "out") == {"v0.mp4", ".part/v1/mp4.mp4.part"}


@pytest.mark.slow
def test_settings_and_plug_ins_of_the_user_are_not_read(
    get: Get, server: Server, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config" / "yt-dlp"
    plugin = config / "plugins" / "evil" / "yt_dlp_plugins" / "extractor" / "evil.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    (config / "config").write_text(f"--write-description --exec 'touch {tmp_path / 'ran'}'")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (fetched,) = get(server.add("film.mp4", film))
    assert fetched.reason == "ok"
    assert not (tmp_path / "ran").exists()
    assert files_in(tmp_path / "out") == {"v0.mp4"}


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="limits the size of files as POSIX does")
def test_a_full_disk_is_a_reason_of_its_own(get: Get, server: Server, film: bytes) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        (fetched,) = get(server.add("film.mp4", film))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (fetched.reason, fetched.path) == ("disk-full", None)
