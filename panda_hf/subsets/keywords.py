"""Find whole words in captions: regardless of case, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_WORD = r"\p{L}\p{M}\p{N}_"
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han."""


def normalized(keyword: str) -> str:
    """A keyword in the form it is compared in: composed characters, single spaces.

    Raises:
        ValueError: when nothing is left of it.
    """
    words = " ".join(unicodedata.normalize("NFC", keyword).split())
    if not words:
        raise ValueError("a keyword is empty; leave it out, or give a word")
    return words


def matches(captions: pa.Array, keywords: Sequence[str], mode: Literal["any", "all"]) -> np.ndarray:
    """Which captions hold any, or all, of the keywords as whole words; a caption that is ``None`` holds none.

    Case is folded letter by letter, as Unicode's simple folding has it: ``É`` is ``é``, but ``ß`` is not ``SS``.
    A keyword of several words matches with any white space between them. Where a keyword begins or ends with a sign,
    or with a letter of a script without spaces between words, its neighbour may be a letter.
    """
    patterns = [_pattern(keywords)] if mode == "any" else [_pattern([keyword]) for keyword in keywords]
    found = np.ones(len(captions), bool)
    text = pc.utf8_normalize(captions.cast(pa.large_string()), "NFC")
    for pattern in patterns:
        hits = pc.fill_null(pc.match_substring_regex(text, pattern, ignore_case=True), False)
        found &= hits.to_numpy(zero_copy_only=False)
    return found


def _pattern(keywords: Sequence[str]) -> str:
    """A regular expression of RE2, whose own ``\\b`` knows ASCII letters only."""
    return "|".join(_bounded(normalized(keyword)) for keyword in keywords)


def _bounded(keyword: str) -> str:
    words = r"[\s\p{Z}]+".join(re.escape(word) for word in keyword.split(" "))
    before = f"(?:^|[^{_WORD}])" if _has_neighbours(keyword[0]) else ""
    after = f"(?:$|[^{_WORD}])" if _has_neighbours(keyword[-1]) else ""
    return f"(?:{before}{words}{after})"


def _has_neighbours(character: str) -> bool:
    """Whether a letter beside this one would make a longer word."""
    is_part = character == "_" or unicodedata.category(character)[0] in "LMN"
    return is_part and _UNSPACED.match(character) is None
