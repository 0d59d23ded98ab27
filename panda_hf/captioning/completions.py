"""What a server of chat completions says: the answer in a body, and how long it asks to wait."""

from __future__ import annotations

import email.utils
import json
import time
from typing import Any

from panda_hf.captioning.teachers.base import Answer, Reply
from panda_hf.stage import Failure

_UNFINISHED = ("length", "content_filter")
"""Reasons to end before the answer does."""


def read_completion(data: bytes) -> Reply:
    """The first choice of a chat completion.

    Args:
        data: the body of the answer, JSON.

    Raises:
        ValueError: when it is no chat completion; so may be ``LookupError``, ``TypeError``, ``AttributeError`` and
            ``RecursionError``, as whoever wrote it pleases.
    """
    answer = json.loads(data)
    choice = answer["choices"][0]
    text, reason = _text(choice["message"].get("content")), choice.get("finish_reason")
    if reason == "content_filter" and not text:
        return Failure("EndpointError", "the server withholds its answer: content filter")
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    asked, written = _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))
    return Answer(text, asked, written, cut=reason in _UNFINISHED)


def seconds_to_wait(retry_after: str | None) -> float:
    """What a header ``Retry-After`` asks for, a number or a date; 0 where it is missing or not understood."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return seconds if 0.0 < seconds < float("inf") else 0.0


def _text(content: Any) -> str:
    """The text of a message, plain or in parts; "" where it has none.

    Raises:
        TypeError: when it is something else.
    """
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(_text(part["text"]) for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        raise TypeError(f"content is of type {type(content).__name__}")
    return content


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None
