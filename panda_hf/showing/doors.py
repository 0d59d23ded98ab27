"""Whose file is whose: a browser is known by a cookie, and is handed out nothing but its own files."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

COOKIE = "panda_visitor"
OPEN = "open"
"""The door of all who bring no cookie. What lies behind it is told apart by names of 128 random bits alone."""
_VALUE = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"/gradio_api/file[=/](.*)", re.DOTALL)
_GREETED = ("/", "/config")
"""What a browser and a program ask for first."""


def door_of(cookie: str | None) -> str:
    """The name of the folder that holds everything of one browser: it does not tell the cookie.

    Args:
        cookie: the value of :data:`COOKIE`; ``None`` where there is none.
    """
    if cookie is None or not _VALUE.fullmatch(cookie):
        return OPEN
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]


def cookie_of(scope: Any) -> str | None:
    """The cookie that a request brings."""
    headers = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        found = SimpleCookie(headers.decode("latin-1")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


class Doors:
    """An ASGI middleware: gives each browser its cookie, and refuses every file but its own and the shared ones.

    Args:
        app: what comes after it.
        root: the folder of all visitors; below it one folder for each door.
        shared: folders whose files everybody may have.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], root: Path, shared: Sequence[Path] = ()) -> None:
        self._app, self._root, self._shared = app, root, tuple(shared)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on what may pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cookie = cookie_of(scope)
        asked = _FILE.search(scope["path"])
        if asked is not None and not self.lets_in(asked[1], door_of(cookie)):
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"There is no such file of yours."})
            return
        greets = scope["path"] in _GREETED and door_of(cookie) == OPEN
        await self._app(scope, receive, _greeting(scope, send) if greets else send)

    def lets_in(self, path: str, door: str) -> bool:
        """Whether a file may be handed out behind a door."""
        try:
            real = Path(path).resolve()
        except (OSError, ValueError):
            return False
        if any(real.is_relative_to(folder) for folder in self._shared):
            return True
        return real.is_relative_to(self._root / door) and real != self._root / door


def _greeting(scope: Any, send: Any) -> Any:
    value = f"{COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly; "
    # The Hub shows a Space inside a page of its own: only such a cookie is kept there, and for that page alone.
    value += "SameSite=None; Secure; Partitioned" if _is_secure(scope) else "SameSite=Lax"

    async def greet(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"set-cookie", value.encode()), (b"cache-control", b"no-store")]
            message = {**message, "headers": headers}
        await send(message)

    return greet


def _is_secure(scope: Any) -> bool:
    forwarded = dict(scope["headers"]).get(b"x-forwarded-proto", b"").decode("latin-1")
    return (forwarded.split(",")[0].strip() or scope.get("scheme")) == "https"
