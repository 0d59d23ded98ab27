"""From what went wrong to a reason: exceptions, HTTP status codes, and the words of sites.

The words are those that YouTube sends and yt-dlp passes on or adds (release 2026.10); they could not be tried against
YouTube itself here. Words that are not known lead to the reason ``error`` with the words in ``detail``.
"""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, NoSupportingHandlers, RequestError, TransportError
from yt_dlp.utils import ContentTooShortError, ExtractorError, GeoRestrictedError, UnsupportedError

from panda_hf.download.guard import RefusedAddress
from panda_hf.download.reasons import Reason, causes
from panda_hf.download.waits import OutOfTime, retry_after_seconds
from panda_hf.errors import NO_ROOM, VideoError
from panda_hf.publishing import wording

_SERVER_ERRORS = 500
_STATUS: dict[int, Reason] = {
    401: "forbidden",
    402: "members-only",
    403: "forbidden",
    404: "not-found",
    407: "network",
    408: "timeout",
    410: "not-found",
    416: "truncated",
    425: "network",
    429: "rate-limited",
    451: "geo-blocked",
}
_WORDS: tuple[tuple[Reason, str], ...] = (
    # "Sign in" says five things: what follows it decides.
    ("bot-check", r"confirm (that )?you.re not a (ro)?bot|captcha challenge|^please sign in\b"),
    ("age", r"confirm your age|age.restricted|inappropriate for some users|requiring account age"),
    ("private", r"\bprivate video\b|video is private|set to private"),
    (
        "members-only",
        r"members.only|channel's members|join this channel|requires payment|premium members|"
        r"only available (for|to) (registered users|music premium|subscribers)|purchase|rental",
    ),
    ("rate-limited", r"content isn.t available, try again later|rate.limited|too many requests"),
    (
        "geo-blocked",
        r"(not|n.t) (made this video )?available (in your country|in your region|from your location)|"
        r"blocked it in your country|geo.?restrict",
    ),
    (
        "live",
        r"live event (will begin|has ended)|premieres? (in|will begin)|live stream is offline|begin in a few moments|"
        r"offline\.? *$",
    ),
    (
        "removed",
        r"has been (removed|deleted|terminated)|account (associated with this video )?(has been )?(closed|terminated)|"
        r"closed their youtube account|copyright (claim|grounds)|video (is )?(unavailable|deleted|removed)|"
        r"video (is no longer|is not|isn.t) available|no longer available|does not exist|"
        r"recording is not available|violat(ing|es) youtube",
    ),
    ("not-found", r"incomplete youtube id|looks truncated"),
    ("no-format", r"drm protected|requested format is not available|no video formats found"),
    ("unsupported", r"unsupported url|is not a valid url|no suitable extractor"),
    ("truncated", r"did not get any data blocks|downloaded file is empty"),
)
_PATTERNS = tuple((reason, re.compile(words, re.IGNORECASE)) for reason, words in _WORDS)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ADVICE = re.compile(
    r";? *please report this issue on .*|\(caused by .*|;? *see +https://github\.com/yt-dlp.*|"
    r"\.? *use --(cookies|username|list-formats|enable-file).*|\.? *you might want to use a vpn.*",
    re.IGNORECASE | re.DOTALL,
)
_PREFIX = re.compile(r"^(ERROR:)?\s*(\[[A-Za-z0-9:_+.-]+\]\s+([^\s:]+:\s+)?)?(\[download\] Got error:\s*)?")
_PATH = re.compile(r"(?<![\w/:.])(?:/[\w.~ -]+){2,}|\b[A-Za-z]:\\[^\s'\"]+")


class NotWhole(Exception):
    """Fewer bytes or pictures than were announced."""


class NotAVideo(Exception):
    """What came is something else than a video that can be read."""


class NoFormat(Exception):
    """None of the forms that a site offers is of use."""


class TooLarge(Exception):
    """More bytes than the options allow."""


class StillLive(Exception):
    """An event that goes on or has not begun."""


_CLASSES: tuple[tuple[type[BaseException], Reason], ...] = (
    (RefusedAddress, "refused-address"),
    (TooLarge, "too-large"),
    (NotWhole, "truncated"),
    (NotAVideo, "unsupported"),
    (NoFormat, "no-format"),
    (StillLive, "live"),
    (OutOfTime, "rate-limited"),
    (GeoRestrictedError, "geo-blocked"),
    (UnsupportedError, "unsupported"),
)
_LAST_CLASSES: tuple[tuple[type[BaseException], Reason], ...] = (
    (TimeoutError, "timeout"),
    (socket.timeout, "timeout"),
    (NoSupportingHandlers, "refused-address"),
    (IncompleteRead, "truncated"),
    (http.client.IncompleteRead, "truncated"),
    (ContentTooShortError, "truncated"),
    (TransportError, "network"),
    (socket.gaierror, "network"),
    (ConnectionError, "network"),
    (http.client.HTTPException, "network"),
    (RequestError, "network"),
    (VideoError, "unsupported"),
)


@dataclass(frozen=True)
class Verdict:
    """What an error means for the video."""

    reason: Reason
    detail: str
    http_status: int | None = None
    retry_after: float | None = None  # seconds


def verdict_of(error: BaseException) -> Verdict:
    """The reason that an error of yt-dlp, urllib, the file system or this package stands for."""
    chain = list(causes(error))
    answer = next((found for found in chain if isinstance(found, HTTPError)), None)
    reason = (
        _by_class(chain, _CLASSES) or _by_disk(chain) or _by_words(chain) or _by_status(answer)
        or _by_class(chain, _LAST_CLASSES)
    )  # fmt: skip
    after = retry_after_seconds(answer.response.headers.get("Retry-After")) if answer is not None else None
    return Verdict(reason or "error", _detail(chain), None if answer is None else answer.status, after)


def reason_of_words(text: str) -> Reason | None:
    """The reason that a site's own words give; ``None``: they are not known."""
    text = _without_prefix(text)
    return next((reason for reason, pattern in _PATTERNS if pattern.search(text)), None)


def clean_detail(text: str) -> str:
    """One line without colours, advice for a command line that nobody typed, and paths of this machine."""
    text = _ADVICE.sub("", _without_prefix(text))
    return wording.clean(_PATH.sub(lambda found: Path(found[0]).name if " " not in found[0] else "…", text), 300)


def _without_prefix(text: str) -> str:
    return _PREFIX.sub("", _ANSI.sub("", text).strip())


def _by_class(chain: list[BaseException], table: tuple[tuple[type[BaseException], Reason], ...]) -> Reason | None:
    """The table's order decides, not the chain's: a refusal is a refusal however deep it lies."""
    return next((reason for kind, reason in table if any(isinstance(found, kind) for found in chain)), None)


def _by_disk(chain: list[BaseException]) -> Reason | None:
    full = any(isinstance(found, OSError) and found.errno in NO_ROOM for found in chain)
    return "disk-full" if full or any("No space left on device" in str(found) for found in chain[:1]) else None


def _by_words(chain: list[BaseException]) -> Reason | None:
    """By what an extractor or downloader says; its words around an HTTP status say less than the status."""
    texts = [found.orig_msg for found in chain if isinstance(found, ExtractorError)] + [_ADVICE.sub("", str(chain[0]))]
    return next((r for text in texts if "HTTP Error" not in text and (r := reason_of_words(text))), None)


def _by_status(answer: HTTPError | None) -> Reason | None:
    if answer is None:
        return None
    if answer.redirect_loop:
        return "unsupported"
    return _STATUS.get(answer.status) or ("network" if answer.status >= _SERVER_ERRORS else "error")


def _detail(chain: list[BaseException]) -> str:
    refused = next((found for found in chain if isinstance(found, RefusedAddress)), None)
    answer = next((found for found in chain if isinstance(found, HTTPError)), None)
    if refused is not None:
        return clean_detail(str(refused))
    said = clean_detail(str(chain[0]))
    if answer is not None and ("HTTP Error" in said or not reason_of_words(said)):
        return _of_status(answer)
    first = chain[0]
    return clean_detail(getattr(first, "orig_msg", None) or str(first) or type(first).__name__)


def _of_status(answer: HTTPError) -> str:
    if answer.redirect_loop:
        return "the server redirects in a circle"
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "a status of its own"
    return f"the server answered {answer.status} ({phrase})"
