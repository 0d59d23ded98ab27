"""Read the facts out of any text that uses words of the closed language; other words are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from panda_hf.mini import wording, world
from panda_hf.mini.facts import Fact

MAX_WORDS = 200
"""Longer texts are read up to here: no caption of this world has more than 30 words."""

Phrase = tuple[str, ...]
ROLES = ("", "second_", "third_", "extra_")


def words_of(text: str) -> list[str]:
    """The lower-case words of ``text``, punctuation left out."""
    return re.findall(r"[a-z0-9]+", text.lower())


def parse_caption(caption: str) -> frozenset[Fact]:
    """The facts that ``caption`` states, right or wrong. Never raises; text without a known word gives no fact."""
    reading = _Reading()
    for kind, value in _phrases(words_of(caption)[:MAX_WORDS]):
        reading.take(kind, value)
    return reading.finish()


def meaning_of(word: str) -> tuple[str, str] | None:
    """What a single word says, as (kind, value); ``None`` for a word that says nothing alone."""
    return _table()[0].get((word,))


@dataclass
class _Reading:
    """Where the reader stands: which adjectives wait for a noun and which object was named last."""

    facts: set[Fact] = field(default_factory=set)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    relation: str | None = None
    subject_seen: bool = False
    others: int = 0
    role: str = ""

    def take(self, kind: str, value: str) -> None:
        if kind in ("colour", "size", "texture"):
            self.waiting.append((kind, value))
        elif kind == "tail":
            self.facts.add(Fact(self.role + "texture", value))
        elif kind == "relation":
            self.relation = value
        elif kind == "shape":
            self._take_object(value)
        else:
            if kind == "background":
                self.waiting, self.relation = [], None
            self.facts.add(Fact(kind, value))

    def _take_object(self, shape: str) -> None:
        if self.relation is None and not self.subject_seen:
            self.role, self.subject_seen = "", True
        else:
            self.others = min(self.others + 1, len(ROLES) - 1)
            self.role = ROLES[self.others]
        if self.relation is not None:
            self.facts.add(Fact("relation", self.relation))
        self.facts.add(Fact(self.role + "shape", shape))
        self.facts.update(Fact(self.role + kind, value) for kind, value in self.waiting)
        self.waiting, self.relation = [], None

    def finish(self) -> frozenset[Fact]:
        # Adjectives that no noun followed ("the ball is red") belong to the object named last.
        self.facts.update(Fact(self.role + kind, value) for kind, value in self.waiting)
        return frozenset(self.facts)


def _phrases(words: list[str]) -> Iterator[tuple[str, str]]:
    table, longest = _table()
    i = 0
    while i < len(words):
        for length in range(min(longest, len(words) - i), 0, -1):
            meaning = table.get(tuple(words[i : i + length]))
            if meaning is not None:
                yield meaning
                i += length
                break
        else:
            i += 1


@cache
def _table() -> tuple[dict[Phrase, tuple[str, str]], int]:
    """Every phrase with its meaning, and the length of the longest; longer phrases are tried first."""
    table: dict[Phrase, tuple[str, str]] = {}
    groups: dict[str, Mapping[str, Sequence[str]]] = {
        "shape": wording.SHAPE_WORDS,
        "colour": wording.COLOUR_WORDS,
        "size": wording.SIZE_WORDS,
        "texture": wording.TEXTURE_WORDS,
        "tail": {texture: (phrase,) for texture, phrase in wording.TEXTURE_TAILS.items()},
        "action": {verb: [form for pair in forms for form in pair] for verb, forms in wording.ACTION_WORDS.items()},
        "direction": wording.DIRECTION_WORDS,
        "background": wording.BACKGROUND_CUES,
        "relation": wording.RELATION_WORDS,
        "camera": wording.CAMERA_WORDS,
        "name": {name: (name,) for name in world.NAMES},
        "place": {place: (place,) for place in world.PLACES},
    }
    for kind, group in groups.items():
        for value, phrases in group.items():
            table.update({tuple(phrase.split()): (kind, value) for phrase in phrases})
    return table, max(map(len, table))
