"""A video behind an address whose server stumbles is read all the same; one that is not there fails at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from panda_hf.errors import VideoError
from panda_hf.video import probe, source
from tests.stages import write_film


class Stumbling(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked += 1
        body = b"" if self.server.asked in self.server.stumbles else self.server.content
        code = 500 if self.server.asked in self.server.stumbles else 200
        if self.path != "/film.mp4":
            code, body = 404, b""
        first, last = 0, len(body) - 1
        if code == 200 and (asked := self.headers.get("Range")):
            code, (begin, end) = 206, asked.removeprefix("bytes=").split("-")
            first, last = int(begin), min(int(end or last), last)
        self.send_response(code)
        if code == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[first : last + 1])

    do_HEAD = do_GET


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    write_film(tmp_path / "film.mp4")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stumbling)
    server.content, server.asked, server.stumbles = (tmp_path / "film.mp4").read_bytes(), 0, set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize("stumbles", [{1}, {2}, {2, 3}, {3, 4, 5}])
def test_a_store_that_stumbles_is_asked_again(server, stumbles, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(source, "STUMBLE_WAITS_SECONDS", (0.0, 0.0, 0.0))
    server.stumbles = stumbles
    there, here = probe(f"http://127.0.0.1:{server.server_port}/film.mp4"), probe(str(tmp_path / "film.mp4"))
    assert replace(there, name="") == replace(here, name="")
    assert server.asked > max(stumbles)


def test_a_file_that_is_not_there_fails_at_once(server, monkeypatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(VideoError, match="none.mp4"):
        probe(f"http://127.0.0.1:{server.server_port}/none.mp4")
    assert waits == []


def test_a_store_that_stays_broken_is_given_up(server, monkeypatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(source.time, "sleep", waits.append)
    server.stumbles = set(range(1000))
    with pytest.raises(VideoError, match="film.mp4"):
        probe(f"http://127.0.0.1:{server.server_port}/film.mp4")
    assert [wait for wait in waits if wait >= 0.5] == [0.5, 2.0, 5.0]
