"""Names made from untrusted text: video ids that are unique and safe to print, file names valid on every system."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

MAX_NAME_BYTES = 120
"""UTF-8 bytes of a name; leaves room for a clip index and a suffix within the 255 bytes of common file systems."""

_FORBIDDEN = frozenset('<>:"/\\|?*')  # on Windows; the slash everywhere
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))})


def clean_name(text: str) -> str:
    """``text`` as a name: characters that file systems or terminals take amiss become ``_``, long text is cut.

    Letters of any script, spaces, dashes and dots stay. The result is never empty; other texts may give the same name.
    """
    text = unicodedata.normalize("NFC", text)
    name = "".join("_" if _is_unsafe(character) else character for character in text).strip(" ").rstrip(". ")
    if name.split(".")[0].casefold() in _DEVICES or name.strip(".") == "":
        name = "_" + name
    return _shortened(name, text)


def safe_file_name(text: str) -> str:
    """The name, without suffix, of a file that belongs to ``text``: ``text`` itself where every system takes that.

    Otherwise the cleaned name and a piece of the hash of ``text``, so that other texts get other names.
    """
    name = clean_name(text)
    return name if name == text else f"{name}~{_digest(text)}"


def unique_names(choices: Sequence[Sequence[str]]) -> list[str]:
    """One name for each item, all different even when letter case is ignored.

    Args:
        choices: for each item its possible names, shortest first, the same number for all. An item takes the first
            that no other item could take too; when all clash, the first one with a number.
    """
    names: list[str | None] = [None] * len(choices)
    taken: set[str] = set()
    for level in range(len(choices[0]) if choices else 0):
        open_items = [i for i, name in enumerate(names) if name is None]
        counts = Counter(choices[i][level].casefold() for i in open_items)
        for i in open_items:
            key = choices[i][level].casefold()
            if counts[key] == 1 and key not in taken:
                names[i] = choices[i][level]
        taken |= {name.casefold() for name in names if name is not None}
    return [name if name is not None else numbered(choices[i][0], taken) for i, name in enumerate(names)]


def numbered(name: str, taken: set[str]) -> str:
    """``name``, or ``name-2``, ``name-3`` …: the first that is not in ``taken``, and is added to it (case-folded)."""
    free = next(candidate for candidate in _with_numbers(name) if candidate.casefold() not in taken)
    taken.add(free.casefold())
    return free


def _with_numbers(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _is_unsafe(character: str) -> bool:
    return character in _FORBIDDEN or unicodedata.category(character)[0] == "C" or character in "\u2028\u2029"


def _shortened(name: str, text: str) -> str:
    encoded = name.encode("utf-8")
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    return f"{encoded[: MAX_NAME_BYTES - 9].decode('utf-8', 'ignore').rstrip('. ')}~{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
