"""A web server on loopback that serves real videos, and misbehaves when the path asks for it.

``server.add("film.mp4", data)`` puts a file on it; ``server.url("ok", "film.mp4")`` is its address, well served, with
ranges. Other first parts of a path are manners: see :data:`MANNERS`. ``server.requests`` tells what was asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "m4a": "audio/mp4",
    "ts": "video/mp2t",
    "m3u8": "application/vnd.apple.mpegurl",
    "html": "text/html",
    "vtt": "text/vtt",
    "mpd": "application/dash+xml",
}
RANGE = re.compile(r"bytes=(\d+)-(\d*)$")

MANNERS = {
    "ok": "whole, with ranges",
    "plain": "whole, ranges ignored",
    "status": "/status/CODE/NAME: that status",
    "limited": "/limited/TIMES/SECONDS/NAME: 429 with Retry-After so many times, then well",
    "limited-date": "the same, Retry-After as a date",
    "busy": "/busy/TIMES/CODE/NAME: that status so many times, then well",
    "expired": "/expired/NAME: the first request well, the second 403, then well: an address that grew old",
    "stalled": "headers, then silence",
    "stalled-middle": "half, then silence; each request with a range gets the rest",
    "hanging": "half, then silence, always",
    "cut": "half, then the connection closes; ranges are served",
    "cut-always": "half of what is asked for, never the rest, no ranges",
    "broken-ranges": "well without a range; half of each range, then the connection closes",
    "slow": "a piece every 0.2 s",
    "long": "announces 5,000 bytes more than there are",
    "short": "announces half of the bytes",
    "to": "/to?URL: redirect there",
    "loop": "redirects to itself",
    "html": "a page that calls itself a video",
    "empty": "no bytes",
    "endless-page": "a page that never ends, as fast as it is read",
}


@dataclass(frozen=True)
class Seen:
    """One request that reached the server."""

    method: str
    path: str
    range: str | None
    time: float  # of time.monotonic()
    headers: dict[str, str]


@dataclass
class Server:
    """The server while it runs; ``port`` is its own."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        """What ``allow_hosts`` must name."""
        return f"127.0.0.1:{self.port}"

    def add(self, name: str, data: bytes | str) -> str:
        """Put a file on the server and return the address where it is served well."""
        self.files[name] = data.encode() if isinstance(data, str) else data
        return self.url("ok", name)

    def url(self, *parts: object) -> str:
        """The address of a path."""
        return f"http://{self.host}/" + "/".join(map(str, parts))

    def asked(self, name: str) -> list[Seen]:
        """Requests for paths that end in ``name``."""
        return [seen for seen in self.requests if seen.path.endswith(name)]

    def sent_to(self, url: str) -> str:
        """An address that redirects to ``url``."""
        return self.url(f"to?{url}")


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:  # noqa: N802  the name is the library's
        seen = Seen(self.command, self.path, self.headers["Range"], time.monotonic(), dict(self.headers))
        self.state.requests.append(seen)
        here = re.sub(r"^http://[^/]+", "", self.path)  # asked as a proxy
        manner, rest = re.findall(r"^/*([^/?]*)[/?]?(.*)", here)[0]
        self.state.counts[self.path] += 1
        try:
            getattr(self, "serve_" + manner.replace("-", "_"), self.unknown)(rest)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def unknown(self, _: str) -> None:
        self.status(404)

    def serve_ok(self, name: str) -> None:
        data = self.data(name)
        if data is None:
            return self.status(404)
        span = self.span(len(data))
        if self.headers["If-Range"] not in (None, tag_of(data)):
            span = None
        if span is None:
            self.head(200, name, len(data), ranges=True)
            return self.send(data)
        start, end = span
        if start >= len(data):
            return self.status(416)
        self.head(206, name, end - start, ranges=True, extra={"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})
        return self.send(data[start:end])

    def serve_plain(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data))
        self.send(data)

    def serve_status(self, rest: str) -> None:
        self.status(int(rest.split("/")[0]))

    def serve_limited(self, rest: str) -> None:
        times, seconds, name = rest.split("/")
        if self.nth() <= int(times):
            return self.status(429, {"Retry-After": seconds})
        return self.serve_ok(name)

    def serve_limited_date(self, rest: str) -> None:
        times, seconds, name = rest.split("/")
        if self.nth() <= int(times):
            return self.status(429, {"Retry-After": self.date_time_string(int(time.time() + float(seconds)))})
        return self.serve_ok(name)

    def serve_busy(self, rest: str) -> None:
        times, code, name = rest.split("/")
        return self.status(int(code)) if self.nth() <= int(times) else self.serve_ok(name)

    def serve_expired(self, name: str) -> None:
        return self.status(403) if self.nth() == 2 else self.serve_ok(name)

    def serve_stalled(self, name: str) -> None:
        self.head(200, name, 100_000)
        self.silence()

    def serve_stalled_middle(self, name: str) -> None:
        if self.headers["Range"]:
            return self.serve_ok(name)
        return self.serve_hanging(name)

    def serve_hanging(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data), ranges=True)
        self.send(data[: len(data) // 2])
        self.silence()

    def serve_cut(self, name: str) -> None:
        if self.headers["Range"]:
            return self.serve_ok(name)
        data = self.data(name) or b""
        self.head(200, name, len(data), ranges=True)
        self.send(data[: len(data) // 2])
        return self.hang_up()

    def serve_cut_always(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data))
        self.send(data[: len(data) // 2])
        self.hang_up()

    def serve_broken_ranges(self, name: str) -> None:
        data = self.data(name) or b""
        span = self.span(len(data))
        if span is None:
            return self.serve_ok(name)
        start, end = span
        self.head(206, name, end - start, extra={"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})
        self.send(data[start : (start + end) // 2])
        return self.hang_up()

    def serve_slow(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data))
        for start in range(0, len(data), max(1, len(data) // 200)):
            if self.state.closing.wait(0.2):
                return
            self.send(data[start : start + max(1, len(data) // 200)])

    def serve_long(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data) + 5000)
        self.send(data)
        self.hang_up()

    def serve_short(self, name: str) -> None:
        data = self.data(name) or b""
        self.head(200, name, len(data) // 2)
        self.send(data[: len(data) // 2])

    def serve_to(self, url: str) -> None:
        self.status(302, {"Location": url})

    def serve_loop(self, rest: str) -> None:
        self.status(302, {"Location": self.path})

    def serve_html(self, name: str) -> None:
        page = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>" + b"Sign in first. " * 50
        self.head(200, "page.mp4", len(page))
        self.send(page)

    def serve_empty(self, name: str) -> None:
        self.head(200, name, 0)

    def serve_endless_page(self, name: str) -> None:
        self.head(200, "page.html", 10**12)
        self.send(b"<!DOCTYPE html><html><body>")
        while not self.state.closing.is_set():
            self.send(b"and so on " * 100_000)

    def data(self, name: str) -> bytes | None:
        return self.state.files.get(name)

    def nth(self) -> int:
        return self.state.counts[self.path]

    def span(self, size: int) -> tuple[int, int] | None:
        found = RANGE.match(self.headers["Range"] or "")
        if found is None:
            return None
        return int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)

    def head(
        self, code: int, name: str, length: int, *, ranges: bool = False, extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(code)
        self.send_header("Content-Type", TYPES.get(name.rpartition(".")[2], "application/octet-stream"))
        self.send_header("Content-Length", str(length))
        if ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", tag_of(self.data(name) or b""))
        for key, value in (extra or {}).items():
            self.send_header(key, value)
        self.end_headers()

    def status(self, code: int, headers: dict[str, str] | None = None) -> None:
        body = json.dumps({"status": code}).encode()
        self.head(code, "status.json", len(body), extra=headers)
        self.send(body)

    def send(self, data: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(data)
            self.wfile.flush()

    def silence(self) -> None:
        self.state.closing.wait(60)
        self.close_connection = True

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def tag_of(data: bytes) -> str:
    """What the server calls this version of a file."""
    return f'"{hashlib.sha256(data).hexdigest()[:16]}"'


class Web:
    """``with Web() as server``: a server on a free port of 127.0.0.1."""

    def __enter__(self) -> Server:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._server = Server(self._http.server_address[1])
        self._http.RequestHandlerClass = type("Handler", (Handler,), {"state": self._server})
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
