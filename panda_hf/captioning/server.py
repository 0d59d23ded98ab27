"""A server of chat completions: many requests at once, tried again with patience, never with a key in what is said."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from panda_hf.captioning.completions import read_completion, seconds_to_wait
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.teachers.base import Reply
from panda_hf.errors import EndpointError
from panda_hf.models.release import kept
from panda_hf.stage import Failure

MAX_ANSWER_BYTES = 4 << 20
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
TRIES = 4
"""So often a request is tried to which the server, being there, answers 500 or nonsense."""

REFUSALS = 16
"""So many requests may fail before the first answer; more than that, and it is not the clips' fault."""

_HERE = ("localhost", "127.0.0.1", "::1")
_AWAY = frozenset({408, 425, 429, 502, 503, 504, 529})
"""The server is overloaded or not there: patience helps."""
_REFUSED = frozenset({401, 402, 403, 404, 405})
"""The key, the account, the model or the address is wrong: every other request would be refused too."""

log = logging.getLogger(__name__)


class _Unanswered(Exception):
    """One try that came to nothing."""

    def __init__(self, why: str, *, away: bool = False, final: bool = False, wait: float = 0.0) -> None:
        """Say what happened.

        Args:
            why: in words, without the key.
            away: the server is not there or has no time, so the request may be tried as long as patience lasts.
            final: trying again does not help.
            wait: seconds that the server asked to wait.
        """
        super().__init__(why)
        self.away, self.final, self.wait = away, final, wait


class Server:
    """A server as this process knows it: connections, the key, and since when it has been away.

    Requests are coroutines on one thread of its own, so that each can be left at any moment, whatever it waits for.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Read the key from its environment variable; nothing is asked yet.

        Raises:
            EndpointError: when that variable is not set.
        """
        self.endpoint = endpoint
        self._key = _key(endpoint.key_variable)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        url = httpx.URL(endpoint.url)
        if self._key and url.scheme == "http" and url.host not in _HERE:
            log.warning("the key in %s is sent unencrypted to %s; use https", endpoint.key_variable, url.host)
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=min(endpoint.timeout_seconds, 10.0)),
            limits=httpx.Limits(max_connections=endpoint.concurrency),
            trust_env=url.host not in _HERE,  # no proxy leads back to this machine
        )
        self._loop = _loop_of(self, self._client)
        self._turns = asyncio.Semaphore(endpoint.concurrency)
        self._address = endpoint.url.rstrip("/") + "/chat/completions"
        self._secrets = _secrets(self._key, url)
        self._away_since: float | None = None
        self._has_answered = False
        self._refused = 0

    def ask_all(self, requests: Sequence[Callable[[], dict[str, Any]]]) -> list[Reply]:
        """Send all requests, ``concurrency`` of them at once.

        Args:
            requests: each makes the JSON to send; called in threads.

        Returns:
            One reply per request; a ``Failure`` says what went wrong with it.

        Raises:
            EndpointError: when the server refuses every request.
        """
        replies = asyncio.run_coroutine_threadsafe(self._ask_all(requests), self._loop)
        try:
            return replies.result()
        finally:
            replies.cancel()  # after Ctrl-C; nothing to cancel otherwise

    async def _ask_all(self, requests: Sequence[Callable[[], dict[str, Any]]]) -> list[Reply]:
        tasks = [asyncio.create_task(self._ask(make)) for make in requests]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, make: Callable[[], dict[str, Any]]) -> Reply:
        async with self._turns:
            try:
                body = await asyncio.to_thread(lambda: json.dumps(make()).encode())
            except Exception as error:  # the clip goes without this candidate
                return Failure.of(error)
            began = time.monotonic()
            tries = 0
            while True:
                try:
                    return await self._try(body)
                except _Unanswered as error:
                    tries += 1
                    pause = max(error.wait, _pause(tries))
                    if error.final or not self._has_patience(error, began, tries, pause):
                        self._count_refusal(error)
                        return Failure("EndpointError", f"{error}; tried {tries} time{'s' if tries > 1 else ''}")
                    log.info("%s; again in %.1f s", error, pause)
                await asyncio.sleep(pause)

    def _count_refusal(self, error: _Unanswered) -> None:
        """A server that never answered any request refuses them all, whatever number it gives for that."""
        if self._has_answered or error.away:
            return
        self._refused += 1
        if self._refused >= REFUSALS:
            said = f"{self.endpoint.url}: {error}"
            raise EndpointError(f"{said}. It has answered none of {REFUSALS} requests; see what it lacks") from error

    def _has_patience(self, error: _Unanswered, began: float, tries: int, pause: float) -> bool:
        if not error.away:
            return tries < TRIES
        since = began if self._away_since is None else min(began, self._away_since)
        return time.monotonic() + pause - since <= self.endpoint.patience_seconds

    async def _try(self, body: bytes) -> Reply:
        try:
            status, headers, data = await self._post(body)
        except httpx.TransportError as error:
            self._note(away=True)
            raise _Unanswered(f"the server does not answer: {self._said(error)}", away=True) from error
        except httpx.HTTPError as error:
            raise _Unanswered(f"the server answers unreadably: {self._said(error)}") from error
        away = status in _AWAY or (status == 404 and self._has_answered)  # as a proxy says while its server restarts
        self._note(away=away)
        if status == 200:
            reply = self._reply(data)
            self._has_answered = True
            return reply
        why = f"the server answers {status}: {self._complaint(data)}"
        if away or status >= 500:
            raise _Unanswered(why, away=away, wait=seconds_to_wait(headers.get("retry-after")))
        if 300 <= status < 400 or status in _REFUSED and (not self._has_answered or status in (401, 402)):
            raise EndpointError(f"{self.endpoint.url}: {why}. {_advice(status, self.endpoint)}")
        raise _Unanswered(why, final=True)

    def _note(self, *, away: bool) -> None:
        self._away_since = (self._away_since or time.monotonic()) if away else None

    async def _post(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        try:
            async with asyncio.timeout(self.endpoint.timeout_seconds):
                return await self._whole_answer(body)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no whole answer in {self.endpoint.timeout_seconds:g} s") from error

    async def _whole_answer(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        kind = {"Content-Type": "application/json"}
        async with self._client.stream("POST", self._address, content=body, headers=kind) as response:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > MAX_ANSWER_BYTES:
                    raise httpx.DecodingError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
            return response.status_code, response.headers, bytes(data)

    def _reply(self, data: bytes) -> Reply:
        try:
            return read_completion(data)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            start = self._said(data.decode(errors="replace"))[:80]
            raise _Unanswered(f"the server answers with no chat completion: {start!r}") from error

    def _complaint(self, data: bytes) -> str:
        """What the body of an error says."""
        try:
            error = json.loads(data)
            while isinstance(error, dict):
                error = next((error[name] for name in ("error", "message", "detail") if error.get(name)), str(error))
            return self._said(error)
        except (ValueError, RecursionError):
            return self._said(data.decode(errors="replace"))

    def _said(self, what: Any) -> str:
        """A few words on one line, the key and the address blotted out: they may be published with the rows."""
        text = str(what) or (type(what).__name__ if isinstance(what, Exception) else "nothing")
        for secret in self._secrets:  # before anything is cut, or part of one would be left
            text = text.replace(secret, "***")
        return " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())[:200]


def _loop_of(owner: object, client: httpx.AsyncClient) -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own; when ``owner`` is gone, it closes the connections and ends."""
    loop = asyncio.new_event_loop()

    def run() -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    async def end() -> None:
        await client.aclose()
        loop.stop()

    threading.Thread(target=run, name="endpoint", daemon=True).start()
    weakref.finalize(owner, lambda: asyncio.run_coroutine_threadsafe(end(), loop))
    return loop


@kept
def _server(endpoint: Endpoint, process: int) -> Server:
    return Server(endpoint)


def server_of(endpoint: Endpoint) -> Server:
    """The server, one per process: connections must not be shared with a forked child.

    Raises:
        EndpointError: when the variable that should hold the key is not set.
    """
    return _server(endpoint, os.getpid())


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EndpointError(f"the environment variable {variable} should hold the key of the server; it is not set")
    if not (key.isascii() and key.isprintable()):
        raise EndpointError(f"the key in the environment variable {variable} has characters that no header can carry")
    return key


def _secrets(key: str | None, url: httpx.URL) -> list[str]:
    """What must not be repeated, the longest first; a gateway's path may hold a token of its own."""
    path = url.path.strip("/")
    found = [key, str(url).rstrip("/"), url.netloc.decode(), url.host, path if path != "v1" else None]
    return sorted(filter(None, found), key=len, reverse=True)


def _pause(tries: int) -> float:
    """Exponential, each time between half and the whole of it, so that many clients do not come back at once."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 16)) * random.uniform(0.5, 1.0)


def _advice(status: int, endpoint: Endpoint) -> str:
    if status in (401, 402, 403):
        where = f"in the environment variable {endpoint.key_variable}" if endpoint.key_variable else "(none is sent)"
        return f"Check the key {where} and what it may use"
    if status in (404, 405):
        return "Check that url ends in /v1 and that checkpoint is a model's name there (GET /v1/models lists them)"
    return "Give the address it redirects to; a key is not sent on"
