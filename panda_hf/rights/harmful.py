"""`MarkHarmful`: insults and obscenities in text, marked with the reason; nothing is dropped."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal, get_args

from datasets import Features, List, Value

from panda_hf.errors import PandaError
from panda_hf.rights.texts import OverText, texts_of
from panda_hf.stage import Batch, Row, Stage

Language = Literal[
    "arabic", "chinese", "czech", "danish", "dutch", "english", "esperanto", "finnish", "french", "german", "hindi",
    "hungarian", "italian", "japanese", "korean", "norwegian", "persian", "polish", "portuguese", "russian", "spanish",
    "swedish", "thai", "turkish",
]  # fmt: skip
"""The lists that glin-profanity has."""
MARK = {"column": Value("string"), "term": Value("string"), "match": Value("string")}
"""Where a word stands, the word as written, and whether the list holds it ``exact`` or only ``fuzzy``."""


@dataclass(frozen=True, kw_only=True)
class MarkHarmful(OverText, Stage):
    """Append `harmful`: which words of a list of insults and obscenities stand in the text of a row, and where.

    Whole words of glin-profanity's lists, with disguised spellings ("sh1t"); no model, no download. A word list knows
    no context: it misses harm in decent words and marks a rooster called a cock. So rows are marked, never dropped:
    filter on the column as you see fit. The released Panda-70M dropped text with such words.
    """

    languages: tuple[Language, ...] = ("english",)
    """Lists to use, at least one, by their English names."""

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a language without a list: it would mark nothing."""
        known = get_args(Language)
        unknown = [name for name in self.languages if name not in known]
        if unknown or not self.languages:
            raise ValueError(f"languages={self.languages!r}; give a tuple of {', '.join(known)}")

    @property
    def appends(self) -> Features:
        """The marks; an empty list where nothing was found."""
        return Features({"harmful": List(MARK)})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Go over each text."""
        rows = range(len(batch[self.columns[0]]))
        return {"harmful": [self._marks({name: batch[name][i] for name in self.columns}) for i in rows]}

    def _marks(self, row: Row) -> list[Row]:
        found = [
            {"column": name, "term": term, "match": match}
            for name, value in row.items()
            for text in texts_of(value)
            for term, match in harmful_terms(text, self.languages)
        ]
        return [mark for i, mark in enumerate(found) if mark not in found[:i]]


def harmful_terms(text: str, languages: tuple[Language, ...] = ("english",)) -> list[tuple[str, str]]:
    """Words of the lists in ``text``: as written, and ``exact`` or ``fuzzy``, in order, each place once."""
    places: dict[int, tuple[str, str]] = {}
    for match in _filter(languages).check_profanity(text).get("matches") or []:
        start = int(match["index"])
        word = str(match["word"])
        written = text[start : start + len(word)]
        places.setdefault(start, (written.casefold() or word, str(match["severity"].name).casefold()))
    return [places[start] for start in sorted(places)]


@functools.cache
def _filter(languages: tuple[Language, ...]) -> Any:
    try:
        from glin_profanity import Filter
    except ImportError as error:
        raise PandaError("MarkHarmful needs glin-profanity. Run pip install 'panda_hf[rights]'.") from error
    return Filter({"languages": list(languages), "severity_levels": True})
