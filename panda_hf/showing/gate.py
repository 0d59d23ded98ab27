"""Requests with too large a body: refused before a byte is read where they say so, else when the limit is passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

SLACK_BYTES = 10**6
"""Around a file: names, boundaries, other fields."""


class BodyLimit:
    """An ASGI middleware.

    Args:
        app: what comes after it.
        max_bytes: of a file.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], max_bytes: int) -> None:
        self._app, self._most = app, max_bytes + SLACK_BYTES

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 413 to what is too large, and pass the rest on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._most)
        try:
            if _declared(scope) > self._most:
                raise _TooLarge
            await self._app(scope, body.receive, body.send)
        except _TooLarge:
            if body.answered:
                raise
            text = f"The file is too large: at most {self._most / 1e6:,.0f} MB are taken.".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": text})


class _TooLarge(Exception):
    """More has come than is taken."""


class _Body:
    """What comes in one request, counted."""

    def __init__(self, receive: Any, send: Any, most: int) -> None:
        self._receive, self._send, self._left = receive, send, most
        self.answered = False

    async def receive(self) -> Any:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _TooLarge
        return message

    async def send(self, message: Any) -> None:
        self.answered = True
        await self._send(message)


def _declared(scope: Any) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0
