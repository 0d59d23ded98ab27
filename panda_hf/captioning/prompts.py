"""The words put before a teacher: the paper's four-part prompt, safe against what users write in titles."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from typing import Any
from weakref import WeakKeyDictionary

from panda_hf.captioning.registry.card import Subject

ANNOUNCE = "Here is what is known about a video."
ANNOUNCE_IMAGE = "Here is what is known about a video of which one image is shown."
SPOKEN = 'Spoken: "{subtitle}"'
DESCRIBED = 'Described as: ["{title}", "{description}"]'
ASK = "Write one sentence that faithfully says what the video shows."
ASK_IMAGE = "Write one sentence that faithfully says what the image shows."
"""Four parts, own wording: announce, subtitles if any, title and description if any, ask (paper, appendix B.1). The
paper's first and last part speak of a frame to whom one frame is shown."""

TITLE_TOKENS = 32
DESCRIPTION_TOKENS = 64
SUBTITLE_TOKENS = 96
"""How much of each field a prompt keeps, in the tokens of the teacher's own tokenizer."""

CLEANING = 3
"""Counts the ways in which fields were cleaned so far; part of the template's hash."""
_CHARACTERS_PER_TOKEN = 64
"""No more of a field is looked at for each token that is kept: a description may be as long as a book."""

_QUOTES = str.maketrans({c: "'" for c in '"“”„‟«»`´‘’‚‛′″＂「」『』'})
_BRACKETS = str.maketrans("<>[]{}|\\‹›〈〉⟨⟩", "()()()//()()()")
_NEVER = frozenset('<>[]{}|\\"\n')
"""Characters that neutral text never holds."""
_SPECIAL: WeakKeyDictionary[Any, re.Pattern[str] | None] = WeakKeyDictionary()
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<[\d:. ]{1,40}>|\{\\[^{}]{0,100}\}")
"""Markup of HTML, the times inside WebVTT cues, the overrides of ASS."""
_LINK = re.compile(r"\[([^\[\]]{0,200})\]\([^()\s]{0,500}\)")
_ADDRESS = re.compile(
    r"\b(?:https?://|ftp://|www\.)\S+|\b(?:[\w-]{1,63}\.){1,5}[a-zA-Z]{2,24}/\S+"
    r"|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
)
_RUN = re.compile(r"([#=~-])\1+|[*_]{2,}|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
"""Rules, headings and emphasis; a ``###`` would begin the next turn of some conversations."""
_TURN = re.compile(
    r"\b(system|user|human|assistant|ai|gpt|bot|model|inst(?:ruction)?|response|answer|question)\s*(?:[:：]\s*)+",
    re.IGNORECASE,
)
"""What begins a turn of a conversation written as plain text."""
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w){{1,8}}|[^\s\w])")
"""About one token where there is no tokenizer: a word, eight letters of a longer one, a character of scripts that
write no spaces, a mark or an emoji."""


def build_prompt(
    tokenizer: Any,
    *,
    shown: Subject = "video",
    title: str | None = None,
    description: str | None = None,
    subtitle: str | None = None,
) -> str:
    """The prompt of one clip; with no text at all it is only the closing request.

    Args:
        tokenizer: the teacher's tokenizer; fields are cut at its token borders, not at characters. ``None`` where
            only a server knows it: fields are then cut by words.
        shown: what the prompt calls that which the teacher sees.
        title: untrusted, like the other two: addresses and markup are taken out, and a field can neither end its own
            quotation nor begin a turn or insert a special token or an image.
        description: see ``title``.
        subtitle: what is said in the clip.
    """
    title_words = clean_text(tokenizer, title, TITLE_TOKENS)
    description_words = clean_text(tokenizer, description, DESCRIPTION_TOKENS)
    subtitle_words = clean_text(tokenizer, subtitle, SUBTITLE_TOKENS)
    lines = []
    if subtitle_words:
        lines.append(SPOKEN.format(subtitle=subtitle_words))
    if title_words or description_words:
        lines.append(DESCRIBED.format(title=title_words, description=description_words))
    announce, ask = _outer(shown)
    return "\n".join([announce, *lines, ask] if lines else [ask])


def _outer(shown: Subject) -> tuple[str, str]:
    """The first part and the last."""
    return (ANNOUNCE, ASK) if shown == "video" else (ANNOUNCE_IMAGE, ASK_IMAGE)


def clean_text(tokenizer: Any, text: str | None, max_tokens: int) -> str:
    """``text`` on one line, without what could be read as markup, at most ``max_tokens`` long; "" for ``None``."""
    words = neutral((text or "")[: max_tokens * _CHARACTERS_PER_TOKEN])
    if tokenizer is None:
        return cut_words(words, max_tokens)
    return cut_tokens(tokenizer, without_special_tokens(tokenizer, words), max_tokens)


def neutral(text: str) -> str:
    """Untrusted text as plain words on one line.

    Addresses, mail addresses and markup are taken out; quotation marks become apostrophes and the brackets of special
    tokens round ones, also where they were written as entities or in full width; runs of ``#`` and the like become
    one, and the colon goes from ``Assistant:``.
    """
    plain = unicodedata.normalize("NFKC", html.unescape(text))
    plain = _ADDRESS.sub(" ", _LINK.sub(r"\1", _TAG.sub(" ", plain)))
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in plain)
    plain = plain.translate(_QUOTES).translate(_BRACKETS)
    return " ".join(_TURN.sub(r"\1 ", _RUN.sub(r"\1", plain)).split())


def without_special_tokens(tokenizer: Any, text: str) -> str:
    """``text`` without the strings that the tokenizer takes for special tokens, whatever they look like."""
    if tokenizer not in _SPECIAL:
        _SPECIAL[tokenizer] = _special_pattern(tokenizer)
    special, before = _SPECIAL[tokenizer], None
    while special and text != before:  # taking one out may put another together
        before = text
        text = " ".join(special.sub(" ", text).split())
    return text


def _special_pattern(tokenizer: Any) -> re.Pattern[str] | None:
    """The special tokens that neutral text can still hold: of thousands with brackets none is left to look for."""
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    strings = {str(token).strip() for token in added if getattr(token, "special", False)}
    strings |= {str(token).strip() for token in getattr(tokenizer, "all_special_tokens", ())}
    open_to_text = [text for text in strings if len(text) > 1 and not _NEVER.intersection(text)]
    ordered = sorted(open_to_text, key=len, reverse=True)  # of one that begins another the longer is taken
    return re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None


def cut_tokens(tokenizer: Any, text: str, max_tokens: int) -> str:
    """The longest beginning of ``text`` of at most ``max_tokens`` tokens; whole characters, never half a token."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) <= max_tokens:
        return text
    if not getattr(tokenizer, "is_fast", False):
        return str(tokenizer.decode(ids[:max_tokens], skip_special_tokens=True)).rstrip("\ufffd").strip()
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    kept = max_tokens
    while kept and offsets[kept][0] < offsets[kept - 1][1]:  # a character of several tokens
        kept -= 1
    return text[: offsets[kept - 1][1]].rstrip() if kept else ""


def cut_words(text: str, max_words: int) -> str:
    """The beginning of ``text`` of at most ``max_words`` words, or characters of scripts that write no spaces.

    Example:
        >>> cut_words("a cat sits", 2)
        'a cat'
    """
    end = 0
    for count, word in enumerate(_WORD.finditer(text)):
        if count == max_words:
            return text[:end].rstrip()
        end = word.end()
    return text


def template_hash(*more: str, shown: Subject = "video") -> str:
    """SHA-256 of the template and its limits: kept with the captions, so that it is known how they were asked for.

    Args:
        more: what else a teacher's prompt is made of, such as the turns of its conversation.
        shown: as for :func:`build_prompt`.
    """
    announce, ask = _outer(shown)
    parts = [announce, SPOKEN, DESCRIBED, ask, str((TITLE_TOKENS, DESCRIPTION_TOKENS, SUBTITLE_TOKENS, CLEANING))]
    return hashlib.sha256("\n".join([*parts, *more]).encode()).hexdigest()
