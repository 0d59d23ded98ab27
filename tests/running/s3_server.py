"""As much of S3 as s3fs asks for, in memory, on loopback; answers 500 or nothing at all when told to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    "AWS_MAX_ATTEMPTS": "1",
    "NO_PROXY": "127.0.0.1",
}
"""Environment of whoever asks the server."""


class S3(BaseHTTPRequestHandler):
    """One bucket per first part of the path; objects live in ``server.objects``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self) -> None:
        path, query = unquote(urlsplit(self.path).path).lstrip("/"), parse_qs(urlsplit(self.path).query, True)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked += 1
        trouble = self.server.trouble()
        if trouble == "silence":
            time.sleep(0.5)
            self.close_connection = True
            return
        if trouble:
            self._send(500, b"<Error><Code>InternalError</Code><Message>try later</Message></Error>")
            return
        with self.server.lock:
            self._do(path, query, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer

    def _do(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        objects = self.server.objects
        if self.command == "PUT":
            source = self.headers.get("x-amz-copy-source")
            if source is not None and unquote(source).lstrip("/") not in objects:
                self._missing()
                return
            objects[path] = body if source is None else objects[unquote(source).lstrip("/")]
            self._send(200, b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>" if source else b"")
        elif self.command == "DELETE":
            objects.pop(path, None)
            self._send(204, b"")
        elif self.command == "POST" and "delete" in query:
            for key in re.findall(rb"<Key>(.*?)</Key>", body):
                objects.pop(f"{path.rstrip('/')}/{key.decode()}", None)
            self._send(200, b"<DeleteResult></DeleteResult>")
        elif "list-type" in query or "/" not in path.rstrip("/"):
            self._send(200, self._listing(path.rstrip("/"), query))
        elif path not in objects:
            self._missing()
        else:
            self._send_part(objects[path])

    def _missing(self) -> None:
        self._send(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")

    def _send_part(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not asked:
            self._send(200, content)
            return
        part = content[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None]
        self._send(206, part, {"Content-Range": f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(content)}"})

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        everything = [name for name in sorted(self.server.objects) if name.startswith(f"{bucket}/{prefix}")]
        names = [name.removeprefix(f"{bucket}/") for name in everything]
        inside = [name for name in names if not delimiter or delimiter not in name[len(prefix) :]]
        folders = {prefix + name[len(prefix) :].split(delimiter)[0] + delimiter for name in set(names) - set(inside)}
        files = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.server.objects[f'{bucket}/{name}'])}</Size><ETag>e</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
            for name in inside
        )
        below = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)
        )
        head = f"<Name>{bucket}</Name><IsTruncated>false</IsTruncated><KeyCount>{len(inside)}</KeyCount>"
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f"<ListBucketResult {space}>{head}{files}{below}</ListBucketResult>".encode()

    def _send(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {
            "ETag": '"e"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves :class:`S3`; ``trouble`` says before each answer whether to give ``error`` or ``silence`` instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), S3)
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.asked = 0
        self.trouble: Callable[[], str | None] = lambda: None

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
