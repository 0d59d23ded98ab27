"""The words around a video and the captions of it, as a student reads and writes them."""

from __future__ import annotations

import re
import unicodedata

ANNOUNCE = "Here is what is known about a video."
SPOKEN = 'Spoken: "{subtitle}"'
DESCRIBED = 'Described as: ["{title}", "{description}"]'
ASK = "Write one sentence that faithfully says what the video shows."
"""Own wording of the official four parts: announce, subtitles if any, title and description if any, ask; the same as
in the teachers' prompts."""

_CAPTION_WORDS = 50
_UNWANTED = re.compile(r"[.!\"()*#:;~]")
_ADDRESS = re.compile(r"\b(?:https?://|ftp://|www\.)\S+|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_MARKS = str.maketrans({**{c: "'" for c in '"“”„‟«»'}, **dict(zip("<>[]{}|", "()()()/", strict=True))})


def plain(text: str | None, characters: int) -> str:
    """What a stranger wrote as words on one line: no addresses, control characters, quotation marks or brackets.

    Args:
        text: ``None`` for nothing.
        characters: how much is kept; cut at a space where there is one near.
    """
    words = unicodedata.normalize("NFKC", (text or "")[: 8 * characters])
    words = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in _ADDRESS.sub(" ", words))
    words = " ".join(words.translate(_MARKS).split())
    if len(words) <= characters:
        return words
    cut = words[: characters + 1].rpartition(" ")[0]
    return cut if len(cut) > characters // 2 else words[:characters]


def filled(template: str, **words: str) -> str:
    """``template`` with each ``{name}`` replaced; braces in the words are left alone.

    Example:
        >>> filled("{title}: {text}", title="{text}", text="hello")
        '{text}: hello'
    """
    return re.sub(r"\{(\w+)\}", lambda place: words.get(place[1], place[0]), template)


def normal_caption(caption: str) -> str:
    r"""Lower case, without ``. ! " ( ) * # : ; ~``, single blanks, at most 50 words (LAVIS's captions).

    Example:
        >>> normal_caption("A man's dog, running: fast.")
        "a man's dog, running fast"
    """
    return " ".join(_UNWANTED.sub(" ", caption.lower()).split()[:_CAPTION_WORDS])
