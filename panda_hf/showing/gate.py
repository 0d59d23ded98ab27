"""Requests that declare too large a body are refused before a byte of it is read."""

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
        if scope["type"] == "http" and _declared(scope) > self._most:
            text = f"The file is too large: at most {self._most / 1e6:,.0f} MB are taken.".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": text})
            return
        await self._app(scope, receive, send)


def _declared(scope: Any) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0
