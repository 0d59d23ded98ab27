"""Reasons: what became of a video that was to be fetched, in one word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar, get_args

Error = TypeVar("Error", bound=BaseException)

Reason = Literal[
    "ok",  # fetched whole, checked, in place
    "removed",  # taken down by its owner, the platform or a claim; the account is gone
    "private",
    "geo-blocked",
    "age",  # asks to sign in because of the viewer's age
    "members-only",  # asks for payment, a membership or another account
    "live",  # a live event that has not ended, or not begun
    "rate-limited",  # 429, after waiting as told
    "bot-check",  # asks to prove that one is not a program
    "forbidden",  # 401 or 403 without a known cause
    "not-found",  # 404 or 410: there is nothing at this address
    "network",  # no connection, a broken connection, a server's own error
    "timeout",  # the server fell silent, or the time limit of the video passed
    "truncated",  # fewer bytes or pictures than were announced, and no way to get the rest
    "refused-address",  # leads to a private address or another protocol: not followed
    "unsupported",  # the address does not hold a video that can be read
    "no-format",  # a video, but not in a form that was asked for
    "too-large",
    "disk-full",
    "crashed",  # the worker process died over it
    "opted-out",  # the opt-out list names it: not asked for
    "error",  # none of these; ``detail`` says more
]
"""What became of a video."""

REASONS: tuple[Reason, ...] = get_args(Reason)

TEMPORARY: frozenset[Reason] = frozenset(
    {"rate-limited", "bot-check", "network", "timeout", "truncated", "disk-full", "crashed"}
)
"""Reasons that may pass: such a video is tried again in the next run without being asked for."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from, in every way that yt-dlp and urllib wrap one in another."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        exc_info = getattr(found, "exc_info", None)
        inner = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) > 1 else None
        waiting += [getattr(found, "cause", None), getattr(found, "reason", None), inner, found.__cause__]
        waiting += [found.__context__] if not found.__suppress_context__ else []


def cause_of(error: BaseException, kind: type[Error]) -> Error | None:
    """The first of the causes of an error that is of this class."""
    return next((found for found in causes(error) if isinstance(found, kind)), None)
