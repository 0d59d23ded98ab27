"""What programs give, looked at before any work: a message names the argument, the value and what is expected."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from panda_hf.errors import SourceError
from panda_hf.publishing.wording import clean
from panda_hf.showing.long_video import SLIDERS

TITLE_LETTERS = 300
TEXT_LETTERS = 2000
"""The most that a title, and any other text, may have; on the page too."""
_SHOWN = 60
_LINES = "\t\n\r"


def text_of(name: str, value: Any, most: int = TEXT_LETTERS) -> str:
    """A text; ``None`` is an empty one.

    Raises:
        SourceError: for anything else, for too long a text, and for characters that no text has (NUL, half a letter).
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(name, value, "text")
    if len(value) > most:
        raise wrong(name, value, f"at most {most:,} characters, these are {len(value):,}")
    odd = next((c for c in value if unicodedata.category(c) in ("Cc", "Cs") and c not in _LINES), None)
    if odd is not None:
        raise wrong(name, value, f"text without the character U+{ord(odd):04X}")
    return value


def number_of(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, whole: bool = False
) -> float | None:
    """A finite number from ``low`` to ``high``; ``None`` where none is given.

    Raises:
        SourceError: for anything else.
    """
    if value is None:
        return None
    kind = "a whole number" if whole else "a number"
    bounds = (
        "" if math.isinf(low) else f" from {low:g} to {high:g}" if math.isfinite(high) else f" of at least {low:g}"
    )
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not abs(value) <= 1e300 or not low <= value <= high or (whole and value != int(value)):
        raise wrong(name, value, kind + bounds)
    return float(value)


def in_order(low_name: str, low: float | None, high_name: str, high: float | None) -> None:
    """Raise ``SourceError`` for a lower bound above the upper one."""
    if low is not None and high is not None and low > high:
        raise wrong(low_name, low, f"at most {high_name}={high:g}")


def thresholds_of(name: str, value: Any) -> dict[str, float]:
    """Thresholds by their names; ``None``: none is changed.

    Raises:
        SourceError: for anything but a mapping of names of sliders to numbers.
    """
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise wrong(name, value, 'a mapping such as {"min_seconds": 2.0}')
    unknown = next((key for key in value if key not in SLIDERS), None)
    if unknown is not None:
        raise wrong(name, unknown, f"names among {', '.join(SLIDERS)}")
    found = {}
    for key, one in value.items():
        number = number_of(f"{name}[{key!r}]", one)
        if number is None:
            raise wrong(f"{name}[{key!r}]", one, "a number; leave it out for the default")
        found[key] = number
    return found


def path_of(name: str, value: Any) -> str:
    """The path of an uploaded file, as Gradio's clients say it.

    Raises:
        SourceError: for anything else.
    """
    path = value.get("path") if isinstance(value, Mapping) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise wrong(name, value, "one uploaded file: handle_file(PATH) of gradio_client")
    return path


def wrong(name: str, value: Any, expected: str) -> SourceError:
    """What is told of an argument that cannot be taken."""
    said = repr(clean(value, _SHOWN)) if isinstance(value, str) else clean(repr(value), _SHOWN)
    return SourceError(f"{name}={said}: expected {expected}.")
