"""The words put before a teacher: the paper's four-part prompt, safe against what users write in titles."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

ANNOUNCE = "Here is what is known about a video."
SPOKEN = 'Spoken: "{subtitle}"'
DESCRIBED = 'Described as: ["{title}", "{description}"]'
ASK = "Write one sentence that faithfully says what the video shows."
"""Four parts, own wording: announce, subtitles if any, title and description if any, ask (paper, appendix B.1)."""

TITLE_TOKENS = 32
DESCRIPTION_TOKENS = 64
SUBTITLE_TOKENS = 96
"""How much of each field a prompt keeps, in the tokens of the teacher's own tokenizer."""

_QUOTES = str.maketrans({c: "'" for c in '"“”„‟«»`´‘’′″'} | {"<": "(", ">": ")", "[": "(", "]": ")", "|": "/"})


def build_prompt(
    tokenizer: Any,
    *,
    title: str | None = None,
    description: str | None = None,
    subtitle: str | None = None,
) -> str:
    """The prompt of one clip; with no text at all it is only the closing request.

    Args:
        tokenizer: the teacher's tokenizer; fields are cut at its token borders, not at characters.
        title: untrusted, like the other two; quotes, line breaks, control characters and the brackets of special
            tokens are neutralised, so that a field can neither end its own quotation nor insert an image.
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
    return "\n".join([ANNOUNCE, *lines, ASK] if lines else [ASK])


def clean_text(tokenizer: Any, text: str | None, max_tokens: int) -> str:
    """``text`` on one line, without what could be read as markup, at most ``max_tokens`` long; "" for ``None``."""
    return cut_tokens(tokenizer, neutral(text or ""), max_tokens)


def neutral(text: str) -> str:
    """Untrusted text with no control characters, line breaks, double quotes, special-token brackets or ``###``."""
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(re.sub(r"#{2,}", "#", printable.translate(_QUOTES)).split())


def cut_tokens(tokenizer: Any, text: str, max_tokens: int) -> str:
    """The longest beginning of ``text`` of at most ``max_tokens`` tokens; whole characters, never half a token."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) <= max_tokens:
        return text
    if not getattr(tokenizer, "is_fast", False):
        return str(tokenizer.decode(ids[:max_tokens], skip_special_tokens=True)).strip()
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text[: offsets[max_tokens - 1][1]].rstrip()


def template_hash() -> str:
    """SHA-256 of the template and its limits: kept with the captions, so that it is known how they were asked for."""
    parts = [ANNOUNCE, SPOKEN, DESCRIBED, ASK, str((TITLE_TOKENS, DESCRIPTION_TOKENS, SUBTITLE_TOKENS))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
