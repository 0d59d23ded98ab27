"""Numbers, times and untrusted text in the words of a page or a card."""

from __future__ import annotations

import re
import unicodedata

_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Embeddings, overrides and isolates of writing direction: an unbalanced one would turn the words around it."""


def clean(text: object, limit: int = 600) -> str:
    """Untrusted text on one line: control characters gone, white space collapsed, cut at ``limit`` characters.

    Escaping for HTML or Markdown is not done here.
    """
    words = re.sub(r"\s+", " ", str(text)[: 8 * limit].translate(_TURNS))
    words = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in words).strip()
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def clock(seconds: float | None) -> str:
    """A time in a video: ``0:07.5``, ``1:02:03.0``; a dash when it is not known."""
    if seconds is None:
        return "–"
    tenths = round(max(seconds, 0.0) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def length(seconds: float | None) -> str:
    """How long something lasts: ``7.5 s``, ``3 min 20 s``, ``2 h 05 min``; a dash when it is not known."""
    if seconds is None:
        return "–"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def moment(time: str) -> str:
    """A moment of the manifest, ``2026-11-20T10:05:00Z``, as ``2026-11-20 10:05 UTC``."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ$", r"\1 \2 UTC", time)


def share(part: float, whole: float) -> str:
    """A share in per cent; a dash of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def score(value: float | None) -> str:
    """A matching score with three decimals; a dash when there is none."""
    return "–" if value is None else f"{value:.3f}"


def plural(count: int, noun: str) -> str:
    """``1 clip``, ``1,200 clips``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def reason(name: str) -> str:
    """A reason of the splitting in words: ``too_short`` becomes ``too short``."""
    return clean(name.replace("_", " "), 60)


def markdown(value: object, limit: int = 600) -> str:
    """Untrusted text for running Markdown: nothing in it is markup, a link, a table border or HTML."""
    words = clean(value, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$#!])", r"\\\1", words).replace("://", ":\u200b//")


def code(value: object, limit: int = 200) -> str:
    """Untrusted text as Markdown code, also in a table; look-alikes stand for backticks and table borders."""
    words = clean(value, limit).replace("`", "ˋ").replace("|", "¦")
    return f"`{words}`" if words else ""


def fence(text: str) -> str:
    """A row of backticks longer than any in ``text``: what opens and closes it as a block of code."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
