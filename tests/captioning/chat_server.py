"""A small server of chat completions that can be told to misbehave; `python -m` runs it as a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Misbehaviour = Callable[["Handler", dict[str, Any]], bool]
"""Answers a request in its own way, and says whether it did."""


@dataclass
class Log:
    """What a server was asked."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


class Handler(BaseHTTPRequestHandler):
    """Answers with the title in the prompt and the number of pictures, or as it is told."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one request."""
        log, lock = self.server.log, self.server.lock
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            log.requests.append(body)
            log.headers.append(dict(self.headers))
            log.times.append(time.monotonic())
            log.at_once += 1
            log.most_at_once = max(log.most_at_once, log.at_once)
        time.sleep(self.server.seconds)
        try:
            if not any(misbehave(self, body) for misbehave in self.server.misbehaviour):
                self.answer(200, completion(self.path, body))
        finally:
            with lock:
                log.at_once -= 1

    def answer(self, status: int, body: Any, **headers: str) -> None:
        """Send a status and a body, bytes as they are and anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Listens on loopback, each request in a thread."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.log = Log()
        self.lock = threading.Lock()
        self.seconds = seconds
        self.misbehaviour: list[Misbehaviour] = []

    @property
    def url(self) -> str:
        """As an ``Endpoint`` takes it."""
        return f"http://127.0.0.1:{self.server_port}/v1"


def parts_of(body: dict[str, Any]) -> tuple[list[str], str]:
    """The addresses of the pictures in a request, and its words."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return [], content
    pictures = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    return pictures, "\n".join(part["text"] for part in content if part["type"] == "text")


def title_of(body: dict[str, Any]) -> str:
    """The title in the prompt."""
    found = re.search(r'Described as: \["([^"]*)"', parts_of(body)[1])
    return found[1] if found else "nothing"


def completion(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A well-formed answer."""
    assert path == "/v1/chat/completions"
    pictures, words = parts_of(body)
    text = f"Sure! Here is a caption: {title_of(body)} in {len(pictures)} pictures."
    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": len(words.split()), "completion_tokens": len(text.split()), "total_tokens": 0}
    return {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [message], "usage": usage}


def first(count: int, then: Misbehaviour) -> Misbehaviour:
    """Misbehave the first ``count`` times."""
    left = iter(range(count))
    return lambda handler, body: next(left, None) is not None and then(handler, body)


def status(code: int, body: Any = b"no", **headers: str) -> Misbehaviour:
    """Answer with this status."""

    def misbehave(handler: Handler, request: dict[str, Any]) -> bool:
        handler.answer(code, body, **headers)
        return True

    return misbehave


def about(title: str, then: Misbehaviour) -> Misbehaviour:
    """Misbehave only where the prompt has this title."""
    return lambda handler, body: title_of(body) == title and then(handler, body)


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[Server]:
    """A server in a thread of this process."""
    server = Server(**settings)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    process = Server(int(sys.argv[1]), float(sys.argv[2]))
    print(process.url, flush=True)
    process.serve_forever()
