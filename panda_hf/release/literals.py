"""One cell that the fast grammar does not cover: `ast.literal_eval`, checked. What it refuses is a ``ValueError``."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

MAX_BYTES = 2**20
"""A longer cell is refused: the parser needs some hundred times the memory of its text."""
_ITEM = re.compile(r"""'(?:[^'\\\n\r\0]|\\[^\n\r\0])*'|"(?:[^"\\\n\r\0]|\\[^\n\r\0])*\"""")
"""One string as ``repr`` writes it."""
_OBJECT = re.compile(r"<ast\.(\w+) object at 0x[0-9A-Fa-f]+>")
_TIME = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)(?:\.(\d{1,3}))?", re.ASCII)


def string(item: bytes) -> str:
    """One string with its quotes.

    Raises:
        ValueError: when it is something else, or more than one.
    """
    text = item.decode("utf-8")
    if _ITEM.fullmatch(text) is None:
        raise ValueError("not one string")
    try:
        value = ast.literal_eval(text)
        value.encode("utf-8")
    except (ValueError, SyntaxError, MemoryError) as error:
        raise ValueError(f"broken literal: {_said(error)}") from None
    return value


def strings(cell: bytes) -> list[str]:
    """A list of texts.

    Raises:
        ValueError: when it is something else.
    """
    values = _list(cell)
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"expected texts, found {_kind(value)}")
    try:
        "".join(values).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half a character") from None
    return values


def scores(cell: bytes) -> list[float]:
    """A list of finite numbers.

    Raises:
        ValueError: when it is something else.
    """
    values = _list(cell)
    for value in values:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"expected numbers, found {_kind(value)}")
        if not math.isfinite(value):
            raise ValueError(f"the score {value} is not a finite number")
    return [float(value) for value in values]


def spans(cell: bytes) -> list[tuple[int, int]]:
    """A list of pairs of times, in milliseconds.

    Raises:
        ValueError: when it is something else.
    """
    return [_span(value) for value in _list(cell)]


def span_lists(cell: bytes) -> list[list[tuple[int, int]]]:
    """A list of lists of pairs of times, in milliseconds.

    Raises:
        ValueError: when it is something else.
    """
    found = []
    for value in _list(cell):
        if not isinstance(value, list):
            raise ValueError(f"expected lists of pairs of times, found {_kind(value)}")
        found.append([_span(pair) for pair in value])
    return found


def _list(cell: bytes) -> list[Any]:
    if len(cell) > MAX_BYTES:
        raise ValueError(f"an unusual literal of {len(cell):,} bytes is not parsed")
    try:
        value = ast.literal_eval(cell.decode("utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"broken literal: {_said(error)}") from None
    if not isinstance(value, list):
        raise ValueError(f"expected a list, found {_kind(value)}")
    return value


def _said(error: Exception) -> str:
    """What Python says of a literal; without addresses in memory, so that the same file has the same causes."""
    said = getattr(error, "msg", None) or str(error).split("\n")[0] or type(error).__name__
    return _OBJECT.sub(r"\1", said)[:80]


def _span(value: Any) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"expected [start, end], found {repr(value)[:60]}")
    return _milliseconds(value[0]), _milliseconds(value[1])


def _milliseconds(value: Any) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"bad time {repr(value)[:40]}, expected H:MM:SS.mmm")
    hours, minutes, seconds, fraction = match.groups()
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1000 + int((fraction or "0").ljust(3, "0"))


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {repr(value)[:40]}"
