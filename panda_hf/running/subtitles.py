"""Subtitle files to timed plain text: any encoding, markup stripped, rolling captions unrolled."""

from __future__ import annotations

import codecs
import html
import logging
import re
from collections.abc import Iterable

import charset_normalizer
import pysubs2

from panda_hf.stage import Row

log = logging.getLogger(__name__)

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = re.compile(r"cp125\d|iso8859_\d+|latin_1|mac_\w+")
_TIME = r"(?:\d+:)?\d+:\d+[.,]\d+"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_ARROW = re.compile(r"-{1,3}>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_TOUCHING_SECONDS = 0.05


def decode_text(data: bytes) -> str:
    """The text of a file of unknown encoding; characters that cannot be read become U+FFFD.

    Byte order marks first, then UTF-8, then what charset-normalizer finds. Among the single-byte encodings of
    Latin script, which short texts cannot tell apart, the commonest, cp1252, is taken.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        if b"\0" not in data:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    best = charset_normalizer.from_bytes(data).best()
    return _decoded(data, best.encoding if best else "cp1252")


def _decoded(data: bytes, encoding: str) -> str:
    text = data.decode(encoding, "replace")
    mostly_latin = sum(c.isascii() for c in text) > 0.5 * len(text) and not re.search(
        "[\u0370-\u1cff\u3040-\uffef]", text
    )
    return data.decode("cp1252", "replace") if _WESTERN.fullmatch(encoding) and mostly_latin else text


def whole_text(text: str) -> str:
    """``text`` with halves of characters, which JSON can hold and Arrow cannot, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def parse_subtitles(text: str, name: str) -> list[Row]:
    """The cues of an SRT, WebVTT, ASS or similar file as ``{start, end, text}``, seconds, in order of time.

    Args:
        text: the whole file.
        name: the file's name, for warnings about cues that are left out.

    Raises:
        ValueError: when no subtitle format is recognised.
    """
    lines = _whole_blocks(text.replace("\r\n", "\n").replace("\r", "\n"), name)
    try:
        events = pysubs2.SSAFile.from_string(lines).events
    except pysubs2.exceptions.Pysubs2Error as error:
        raise ValueError(f"{name} is not a subtitle file: {error}") from error
    cues = [(event.start / 1000, event.end / 1000, event.text) for event in events if not event.is_comment]
    return clean_cues(({"start": start, "end": end, "text": text} for start, end, text in cues), name)


def clean_cues(cues: Iterable[Row], name: str) -> list[Row]:
    """Cues without markup, without those that last no time or say nothing, unrolled, in order of time."""
    whole, backwards = [], 0
    for cue in cues:
        lines = _lines(cue["text"])
        backwards += not cue["end"] > cue["start"]
        if lines and cue["end"] > cue["start"]:
            whole.append((float(cue["start"]), float(cue["end"]), lines))
    if backwards:
        log.warning("%s: left out %d subtitle(s) that end before they start", name, backwards)
    return _unrolled(sorted(whole, key=lambda cue: cue[:2]))


def _unrolled(cues: list[tuple[float, float, list[str]]]) -> list[Row]:
    """Drop lines that are still on screen from the cue before, as automatic captions of YouTube repeat them."""
    out: list[Row] = []
    shown: list[str] = []
    shown_until = float("-inf")
    for start, end, lines in cues:
        if start > shown_until + _TOUCHING_SECONDS:
            shown = []
        repeated = max(n for n in range(len(lines) + 1) if shown[len(shown) - n :] == lines[:n] and n <= len(shown))
        if new := lines[repeated:]:
            out.append({"start": start, "end": end, "text": " ".join(new)})
        elif out:
            out[-1]["end"] = max(out[-1]["end"], end)
        shown, shown_until = lines, end
    return out


def _lines(text: str) -> list[str]:
    """The lines that say something, without tags of any kind."""
    text = html.unescape(_TAG.sub("", text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")))
    return [line for line in (" ".join(raw.split()) for raw in whole_text(text).split("\n")) if line]


def _whole_blocks(text: str, name: str) -> str:
    """Leave out blocks whose timing line cannot be read: pysubs2 would add their lines to the cue before."""
    if "-->" not in text:
        return text
    blocks = re.split(r"\n[ \t]*\n", text)
    good = [block for block in blocks if not _is_malformed(block)]
    if len(good) < len(blocks):
        log.warning("%s: left out %d subtitle(s) whose times cannot be read", name, len(blocks) - len(good))
    return "\n\n".join(good) + "\n"


def _is_malformed(block: str) -> bool:
    head = block.strip("\n").split("\n")[:2]
    return any(_ARROW.search(line) for line in head) and not any(_TIMING.match(line) for line in head)
