"""yt-dlp as a worker uses it: no files of its own, one guarded way to the network, waits shared with the others."""

from __future__ import annotations

import io
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from yt_dlp import YoutubeDL
from yt_dlp.downloader.common import FileDownloader
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.common import Request, RequestDirector, Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError

from panda_hf.download.guard import Guard, RefusedAddress
from panda_hf.download.options import FetchOptions
from panda_hf.download.reasons import cause_of
from panda_hf.download.verdict import TooLarge
from panda_hf.download.waits import OutOfTime, Patience, retry_after_seconds

_BROWSER = re.compile(r"(?P<name>[^+:]+)(?:\+(?P<keyring>[^:]+))?(?::(?!:)(?P<profile>.+?))?(?:::(?P<container>.+))?")
MAX_PAGE_BYTES = 64 * 2**20
"""Of a page, playlist or other answer that is read into memory."""
_TOO_MANY_REQUESTS = 429
_BUSY = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 524})


class Opener(YoutubeDL):
    """yt-dlp with guarded requests. Use in a worker process only, after the guard was armed.

    ``patience`` is set for each video: it decides about new tries and knows until when a host wants to be left alone.
    """

    patience: Patience
    guard: Guard
    on_response: Callable[[Response], None] | None = None
    """Called with each response before it is read."""

    def __init__(self, options: FetchOptions, guard: Guard, cache: Path) -> None:
        """Read the cookies and set everything up; nothing is asked for yet.

        Args:
            options: of the run.
            guard: says which addresses may be asked.
            cache: folder for what yt-dlp likes to remember about sites.
        """
        self.guard = guard
        FileDownloader.report_retry = _raise_cause  # type: ignore[method-assign]
        super().__init__(_parameters(options, cache))
        self.cookiejar  # noqa: B018  a browser's cookies are read now, before the guard is armed

    def limit_bytes(self, most: int | None, before: int = 0) -> None:
        """From now on stop a download that brings more than ``most`` bytes, ``before`` it included."""

        def watch(status: dict[str, Any]) -> None:
            size = before + max(status.get("total_bytes") or 0, status.get("downloaded_bytes") or 0)
            if most is not None and size > most:
                raise TooLarge(f"{size:,} bytes or more; max_bytes is {most:,}")

        self._progress_hooks[:] = [watch]

    def build_request_director(self, *_: Any) -> RequestDirector:
        """One handler instead of all that are installed: others follow redirects on their own, one even in C."""
        director = super().build_request_director([GuardedRH])
        for handler in director.handlers.values():
            handler.opener = self  # type: ignore[attr-defined]
        return director


class GuardedRH(UrllibRH):
    """Requests by urllib, each hop of them checked, with new tries where these may help."""

    opener: Opener
    _SUPPORTED_URL_SCHEMES = ("http", "https", "data")

    def _check_url_scheme(self, request: Request) -> str:
        if urlsplit(request.url).scheme.lower() != "data":
            self._check(request.url)
        return str(super()._check_url_scheme(request))

    def _create_instance(self, *arguments: Any, **named: Any) -> urllib.request.OpenerDirector:
        director: urllib.request.OpenerDirector = super()._create_instance(*arguments, **named)
        director.add_handler(_Watch(self.opener.guard))
        return director

    def _send(self, request: Request) -> Response:
        """Send, and send again while patience allows: told to wait, a server's error, no connection."""
        patience, host = self.opener.patience, host_of(request.url)
        while True:
            try:
                patience.wait_for(host)
                response = _bounded(super()._send(request), request.method)
                if self.opener.on_response is not None:
                    self.opener.on_response(response)
                return response
            except OutOfTime as error:
                raise TransportError(cause=error) from error
            except HTTPError as error:
                if error.redirect_loop or not self._again_after_status(error):
                    raise
            except TransportError as error:
                if cause_of(error, RefusedAddress) or not self._again(host):
                    raise

    def _again_after_status(self, error: HTTPError) -> bool:
        after = retry_after_seconds(error.response.headers.get("Retry-After"))
        if error.status == _TOO_MANY_REQUESTS:
            return self._again(host_of(error.response.url), after, tell=True)
        return error.status in _BUSY and self._again(host_of(error.response.url), after, tell=after is not None)

    def _again(self, host: str, after: float | None = None, *, tell: bool = False) -> bool:
        try:
            return self.opener.patience.may_try_again(host, after, tell=tell)
        except OutOfTime:
            return False

    def _check(self, url: str) -> None:
        try:
            self.opener.guard.check_url(url)
        except RefusedAddress as error:
            raise TransportError(cause=error) from error


def _bounded(response: Response, method: str | None) -> Response:
    """Let nobody read a page without end into memory; downloads read piece by piece and are not concerned."""
    read, seen = response.read, 0
    length = response.headers.get("Content-Length") or ""
    told = method != "HEAD" and not response.headers.get("Content-Encoding") and length.isdigit()

    def bounded_read(amount: int | None = None) -> bytes:
        nonlocal seen
        data = bytes(read(MAX_PAGE_BYTES + 1 if amount is None else amount))
        seen += len(data)
        if amount is None and len(data) > MAX_PAGE_BYTES:
            raise TransportError(cause=TooLarge(f"a page or playlist of more than {MAX_PAGE_BYTES:,} bytes"))
        if amount is None and told and seen < int(length):
            raise IncompleteRead(seen, int(length) - seen)
        return data

    response.read = bounded_read  # type: ignore[method-assign]
    return response


class _Watch(urllib.request.BaseHandler):
    """Looks at every request before it is made, the ones after a redirect too."""

    handler_order = 50

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def default_open(self, request: urllib.request.Request) -> None:
        """Let a request through, or refuse its address."""
        if request.type != "data":
            self._guard.check_url(request.full_url)

    def http_error_302(self, request: urllib.request.Request, fp: Any, code: int, message: str, headers: Any) -> None:
        """Refuse a redirect to another protocol, which urllib would report as an error of the server."""
        target = headers.get("location") or headers.get("uri") or ""
        if urlsplit(target).scheme:
            self._guard.check_url(target)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _raise_cause(_: FileDownloader, error: Exception, *__: Any, **___: Any) -> None:
    """Takes the place of yt-dlp's report of a failed try, which would keep the words of the error and lose itself."""
    raise error


class _Quiet:
    """Takes what yt-dlp has to say; what matters comes as an exception."""

    def debug(self, message: str) -> None:
        """Ignore."""

    info = warning = error = debug


def _parameters(options: FetchOptions, cache: Path) -> dict[str, Any]:
    """The settings of yt-dlp. Nothing comes from its configuration files: only its command line reads those."""
    return {
        "logger": _Quiet(),
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "cachedir": str(cache),
        "cookiefile": _cookies(options.cookies),
        "cookiesfrombrowser": _browser(options.cookies_from_browser),
        "proxy": options.proxy,
        "ratelimit": options.rate_limit,
        "socket_timeout": options.socket_timeout,
        "sleep_interval_requests": options.sleep_seconds or None,
        "geo_bypass": False,
        "js_runtimes": {name: {} for name in options.javascript},
        "retries": 0,
        "fragment_retries": 0,
        "extractor_retries": min(1, options.retries),
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "hls_prefer_native": True,
        "external_downloader": "native",
        "ffmpeg_location": str(cache / "no-ffmpeg"),
        "noplaylist": True,
        "playlistend": 1,
        "updatetime": False,
        "enable_file_urls": False,
        "noresizebuffer": False,
        "format": _every_format,
        "check_formats": False,
        "fixup": "never",
    }


def _every_format(context: dict[str, Any]) -> list[dict[str, Any]]:
    """A format selector that only says that there is something: the choice is made in ``formats``."""
    return context["formats"][-1:]


def _cookies(path: str | None) -> io.StringIO | None:
    """A copy in memory: yt-dlp writes the jar back when it ends."""
    return None if path is None else io.StringIO(Path(path).read_text(encoding="utf-8-sig"))


def _browser(text: str | None) -> tuple[str | None, ...] | None:
    if text is None:
        return None
    found = _BROWSER.fullmatch(text)
    parts = found.groupdict() if found else {"name": text}
    keyring = parts.get("keyring")
    return (parts["name"].lower(), parts.get("profile"), keyring.upper() if keyring else None, parts.get("container"))


def host_of(url: str) -> str:
    """Host and port of an address, as waits are kept for them."""
    return (urlsplit(url).netloc.rpartition("@")[2] or "").lower()
