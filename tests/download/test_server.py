"""The test server itself: does it misbehave as it says?"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest

from tests.download.server import Server


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as response:
        return response.status, response.read(), dict(response.headers)


def test_files_are_served_whole_and_in_ranges(server: Server) -> None:
    url = server.add("a.mp4", b"0123456789")
    assert get(url)[:2] == (200, b"0123456789")
    status, data, headers = get(url, Range="bytes=2-4")
    assert (status, data, headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert get(url, Range="bytes=7-")[1] == b"789"
    assert get(url, **{"Range": "bytes=2-4", "If-Range": '"other"'})[:2] == (200, b"0123456789")
    assert [seen.range for seen in server.asked("a.mp4")] == [None, "bytes=2-4", "bytes=7-", "bytes=2-4"]


def test_lengths_lie_when_they_are_meant_to(server: Server) -> None:
    server.add("a.mp4", b"0123456789")
    assert get(server.url("short/a.mp4"))[1] == b"01234"
    for manner in ("long", "cut", "cut-always"):
        with pytest.raises(http.client.IncompleteRead):
            get(server.url(manner, "a.mp4"))
    assert get(server.url("cut/a.mp4"), Range="bytes=5-")[1] == b"56789"


def test_statuses_come_as_often_as_asked(server: Server) -> None:
    server.add("a.mp4", b"0123456789")
    for path, times, status in (("limited/2/7/a.mp4", 2, 429), ("busy/1/503/a.mp4", 1, 503)):
        for _ in range(times):
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(server.url(path))
            assert refused.value.code == status
        assert get(server.url(path))[1] == b"0123456789"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(server.url("ok/b.mp4"))
