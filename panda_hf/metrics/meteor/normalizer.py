"""METEOR's `-norm` for English: the tokenisation that the scorer applies to lines it is given, punctuation kept.

The rules are those of METEOR 1.5: apostrophes are split to the right ("it 's"), dashes between words fall away, dots
stay with abbreviations. They run on text that is tokenised already as well, as pycocoevalcap runs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LETTERS = (
    "A-Za-z\u0160\u017d\u0161\u017e\u0178\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e"
    "\u0400-\u04ff\u0500-\u0527\ua640-\ua66e\ua67e-\ua697\u1d00-\u1d7f"
)
_BLANK = " \t\n\x0b\f\r"
_SPACES = re.compile("[ \u2000-\u200a\u202f\u205f\u3000\u00a0]+")
_SYMBOL = re.compile(f"([^0-9{_LETTERS}{_BLANK}.'`,\\-\u2018\u2019])")
_DOTS = re.compile(r"\.(\.+)")
_DOT_MARK = re.compile(r"DOTMULTI\.([^.])")
# A comma and the characters beside it, unless both are digits. Each rule takes the neighbours with it, so that every
# other one of adjacent commas stays: the scorer's own behaviour.
_COMMAS = [re.compile(rule) for rule in ("([^0-9]),([^0-9])", "([0-9]),([^0-9])", "([^0-9]),([0-9])")]
_SINGLE_QUOTE = re.compile("[`\u2018\u2019]")
_DOUBLE_QUOTE = re.compile("[\u201c\u201d]|''")
_INNER_DASH = re.compile(f"([0-9{_LETTERS}.])-([0-9{_LETTERS}])")
_APOSTROPHES = [
    (re.compile(f"([^{_LETTERS}])'([^{_LETTERS}])"), r"\1 ' \2"),
    (re.compile(f"([^{_LETTERS}0-9])'([{_LETTERS}])"), r"\1 ' \2"),
    (re.compile(f"([{_LETTERS}])'([^{_LETTERS}])"), r"\1 ' \2"),
    (re.compile(f"([{_LETTERS}])'([{_LETTERS}])"), r"\1 '\2"),
    (re.compile("([0-9])'(s)"), r"\1 '\2"),
]
_LETTER = re.compile(f"[{_LETTERS}]")
_WORDS = re.compile("[^ \t\n\r\f]+")
ANYWHERE = 1
"""The kind of an abbreviation that keeps its dot wherever it stands."""
BEFORE_NUMBERS = 2
"""The kind of an abbreviation that keeps its dot before a number only."""
LOWER_CASE = {"v": ANYWHERE, "vs": ANYWHERE, "rev": ANYWHERE, "pp": BEFORE_NUMBERS}
"""Abbreviations that METEOR knows in lower case: those that text from the tokenizer can have."""


def words(line: str, abbreviations: Mapping[str, int]) -> list[str]:
    """The words that METEOR compares: the line normalised, lower-cased and divided."""
    if line.isascii() and line.replace(" ", "").isalnum() and "DOTMULTI" not in line:
        return line.lower().split(" ") if "  " not in line and line[0] != " " != line[-1] else line.lower().split()
    line = _apostrophes(_dashes(_quotes(_commas(_mark_dots(_SYMBOL.sub(r" \1 ", f" {line} "))))))
    line = _unmark_dots(_final_dots(_WORDS.findall(line), abbreviations))
    return _WORDS.findall(_SPACES.sub(" ", line).lower())


def _mark_dots(line: str) -> str:
    line = _DOTS.sub(r" DOTMULTI\1", line)
    while "DOTMULTI." in line:
        line = _DOT_MARK.sub(r"DOTDOTMULTI \1", line).replace("DOTMULTI.", "DOTDOTMULTI")
    return line


def _unmark_dots(line: str) -> str:
    while "DOTDOTMULTI" in line:
        line = line.replace("DOTDOTMULTI", "DOTMULTI.")
    return line.replace("DOTMULTI", ".")


def _commas(line: str) -> str:
    for rule in _COMMAS:
        line = rule.sub(r"\1 , \2", line)
    return line


def _quotes(line: str) -> str:
    return _DOUBLE_QUOTE.sub(' " ', _SINGLE_QUOTE.sub("'", line))


def _dashes(line: str) -> str:
    return _INNER_DASH.sub(r"\1 \2", line.replace("\u2013", "-").replace("--", "-"))


def _apostrophes(line: str) -> str:
    for rule, new in _APOSTROPHES:
        line = rule.sub(new, line)
    return line


def _final_dots(found: list[str], abbreviations: Mapping[str, int]) -> str:
    """Split a dot from the end of a word unless the word is an abbreviation or the text goes on in lower case."""
    out = []
    for place, word in enumerate(found):
        start = word[:-1]
        following = found[place + 1] if place + 1 < len(found) else ""
        kind = abbreviations.get(start)
        if not word.endswith(".") or not start:
            out.append(word)
        elif "." in start and _LETTER.search(start):
            out.append(word.replace(".", ""))
        elif kind == ANYWHERE or "a" <= following[:1] <= "z":
            out.append(word)
        elif kind == BEFORE_NUMBERS and "0" <= following[:1] <= "9":
            out.append(word)
        else:
            out.append(f"{start} .")
    return " ".join(out)
