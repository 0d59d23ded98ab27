"""The Penn-Treebank tokenizer of the COCO caption evaluation: lower case, punctuation dropped, no Java.

It gives the tokens of Stanford CoreNLP 3.4.1's `PTBTokenizer -preserveLines -lowerCase` less the punctuation that
pycocoevalcap drops. The same files lie in every metric that needs them, since each metric runs alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from .longest_match import Lexer
from .ptb_grammar import RULES, sets

DROPPED = frozenset("'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split())
"""What pycocoevalcap drops. It looks after lower-casing: brackets stay, as `-lrb-` and `-rrb-`."""

_HALVES = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3}
_BREAKS = re.compile("[\n\r\u2028\u2029\x0b\x0c\x85]")
_NOT_PLAIN = re.compile(r"[^a-z\n ]")
_WORDS = re.compile(r"(?:[A-Za-z]++(?=[ \n]) *+)+")
_OUTSIDE = re.compile("[\U00010000-\U0010ffff]")
_QUOTES = str.maketrans(
    {**dict.fromkeys("\u0091\u2018\u201b\u2039", "`"), **dict.fromkeys("\u0092\u2019\u203a", "'")}
    | {**dict.fromkeys("\u0093\u201c\u00ab", "``"), **dict.fromkeys("\u0094\u201d\u00bb", "''"), '"': "''"}
)
_BRACKETS = {"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"}
_ROUND = str.maketrans({"(": "-LRB-", ")": "-RRB-"})
_FRACTIONS = {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
_MONEY = {"\u00a2": "cents", "\u00a3": "#", **dict.fromkeys("\u0080\u00a4\u20a0\u20ac", "$")}
_AMPERSAND = re.compile("&amp;", re.IGNORECASE)
_APOSTROPHE = re.compile("&apos;")


def tokenize(captions: Sequence[str]) -> list[list[str]]:
    """The tokens of each caption; `split()` would divide one with a no-break space in it (`1 1/2`)."""
    return [line.split(" ") if line else [] for line in tokenized(captions)]


def tokenized(captions: Sequence[str]) -> list[str]:
    """Each caption as its tokens with blanks between them.

    A line break inside a caption counts as a blank. As in the official scripts captions follow each other as lines of
    one text, so that a final abbreviation or initial looks at how the next caption begins.
    """
    lines = list(captions)
    if _BREAKS.search("".join(lines)):
        lines = [_BREAKS.sub(" ", caption) for caption in lines]
    found = "\n".join(lines).lower().split("\n") if lines else []
    for number in _odd(found):
        found[number] = " ".join(_tokens(lines, number))
    return found


def _odd(lowered: Sequence[str]) -> list[int]:
    """Which lines are more than plain words with single blanks between them."""
    text = "\n".join(["", *lowered, ""])
    hits = {hit.start() for hit in _NOT_PLAIN.finditer(text)}
    for marked in (*_HALVES, "  ", "\n ", " \n"):
        place = text.find(marked)
        while place >= 0:
            hits.add(place + (marked == "\n "))
            place = text.find(marked, place + 1)
    starts = list(accumulate((len(line) + 1 for line in lowered), initial=1))
    return sorted({bisect_right(starts, hit) - 1 for hit in hits})


def _tokens(lines: Sequence[str], number: int) -> list[str]:
    """The tokens of any caption; the two that follow may decide how it ends."""
    found = _lexed(_in_surrogates("\n".join([*lines[number : number + 3], ""])))
    # The official scripts strip a line before they divide it; an address may end in a no-break space.
    return [token for token in [*found[:-1], *(last.rstrip() for last in found[-1:])] if token not in DROPPED]


def _divided(words: list[str]) -> list[str]:
    if _HALVES.keys().isdisjoint(words):
        return words
    places = ((word, _HALVES.get(word, len(word))) for word in words)
    return [part for word, place in places for part in (word[:place], word[place:]) if part]


def _lexed(text: str) -> list[str]:
    """The lower-case tokens of the first line of a text."""
    found: list[str] = []
    at, stop = 0, text.index("\n")
    while at < stop:
        plain = _WORDS.match(text, at)
        if plain is not None:
            found += _divided(plain[0].lower().split())
            at = plain.end()
            continue
        token, at = _next(text, at, stop)
        if token:
            found.append(_whole(token).lower())
    return found


def _next(text: str, start: int, stop: int) -> tuple[str, int]:
    """The token at a place, empty for what is left out, and where the next one begins."""
    whole, heads = _lexers()
    number, end = whole.match(text, start, len(text))
    if number < 0:
        return "", start + 1
    if number in heads:
        end = heads[number].match(text, start, end)[1]
    return _written(text[start : min(end, stop)], RULES[number].then, start)


def _written(token: str, then: str, start: int) -> tuple[str, int]:
    end = start + len(token)
    if then.startswith("give back"):
        back = int(then[-1])
        return token[:-back], end - back
    if then == "stop again":
        return token, end - 1
    if then == "initials":
        return (token[:-1] if len(token) == 2 else token), end - 1
    return _spelled(token, then), end


def _spelled(token: str, then: str) -> str:
    match then:
        case "leave out":
            return ""
        case "open quote":
            return "`"
        case "ellipsis":
            return "..."
        case "no soft hyphen":
            return token.replace("\u00ad", "") or "-"
        case "quote":
            return _APOSTROPHE.sub("'", token.replace("&quot;", "''")).translate(_QUOTES)
        case "ampersand":
            return _AMPERSAND.sub("&", token)
        case "bracket":
            return _BRACKETS[token]
        case "brackets":
            return token.translate(_ROUND)
        case "no-break":
            return token.replace(" ", "\u00a0")
        case "phone":
            return token.replace(" ", "\u00a0").translate(_ROUND)
        case "dash":
            return "--"
        case "hyphens":
            return "--" if len(token) in (3, 4) else token
        case "fraction":
            return _FRACTIONS.get(token, token)
        case "currency":
            return _MONEY.get(token, token)
        case "less":
            return "<"
        case "greater":
            return ">"
    return token


@cache
def _lexers() -> tuple[Lexer, dict[int, Lexer]]:
    """All rules with what must follow them, and alone those after which something must follow."""
    whole = Lexer(
        [rule.pattern if rule.before is None else f"({rule.pattern})({rule.before})" for rule in RULES], sets()
    )
    heads = {number: Lexer([rule.pattern], sets()) for number, rule in enumerate(RULES) if rule.before is not None}
    return whole, heads


def _in_surrogates(text: str) -> str:
    """Characters outside the basic plane as pairs, the way the lexer in Java sees them."""
    return _OUTSIDE.sub(lambda found: _pair(found[0]), text)


def _pair(character: str) -> str:
    high, low = divmod(ord(character) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _whole(token: str) -> str:
    if not any("\ud800" <= character < "\ue000" for character in token):
        return token
    return token.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
