"""Which words and phrases of a prediction METEOR may match with which of a reference, and in what order it lists them.

The order matters: the search keeps the first of equal alignments. For a place in a reference it is exact, stem and
synonym matches, each by the place in the prediction, then paraphrases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .english_stemmer import stem
from .meteor_data import WordLists
from .paraphrases import Paraphrases

EXACT, STEM, SYNONYM, PARAPHRASE = range(4)
WEIGHTS = (1.0, 0.6, 0.8, 0.6)
"""What a matched word counts, by how it was matched."""
_LONGEST = 7


class Match(NamedTuple):
    """Words `start` to `end` of the prediction (bits of `mask`) with `length` words of the reference.

    `gain` is what the search counts: both lengths times 1 for exact matches and 0.5 for others, each rounded down.
    """

    gain: int
    start: int
    end: int
    length: int
    module: int
    mask: int


class Found(NamedTuple):
    """Matches from one place of a reference, with bits for words of the prediction: those in any match, in several, in
    exact and in synonym matches; the largest weight of a match; and the largest number of words of the reference."""

    matches: Sequence[Match]
    seen: int
    several: int
    exact: int
    synonym: int
    weight: float
    reach: int


NOTHING = Found((), 0, 0, 0, 0, 0.0, 1)


@dataclass(frozen=True)
class Lexicon:
    """All that scoring needs to know of the words at hand.

    `related[word of a reference][word of a prediction]` are the modules that match the two.
    """

    related: dict[str, dict[str, tuple[int, ...]]]
    function_words: frozenset[str]
    paraphrases: Paraphrases | None = None


def relate(predicted: Iterable[str], wanted: Iterable[str], lists: WordLists) -> dict[str, dict[str, tuple[int, ...]]]:
    """Relations of all words of references with all words of predictions."""
    tables: list[dict[object, list[str]]] = [{}, {}, {}]
    for word in predicted:
        for table, keys in zip(tables, _keys(word, lists), strict=True):
            for key in keys:
                table.setdefault(key, []).append(word)
    related = {}
    for word in wanted:
        own: dict[str, list[int]] = {}
        for module, (table, keys) in enumerate(zip(tables, _keys(word, lists), strict=True)):
            equal = tables[EXACT].get(java_hash(word), ()) if module else ()
            for other in {other for key in keys for other in table.get(key, ())}.difference(equal):
                own.setdefault(other, []).append(module)
        if own:
            related[word] = {other: tuple(modules) for other, modules in own.items()}
    return related


def _keys(word: str, lists: WordLists) -> tuple[Iterable[object], ...]:
    return (java_hash(word),), (java_hash(stem(word)),), lists.meanings(word) if lists.synsets else ()


def java_hash(word: str) -> int:
    """The 32-bit hash by which METEOR compares words: unequal words with one hash are equal to it."""
    if word.isascii():
        units: Iterable[int] = word.encode("ascii")
    else:
        data = word.encode("utf-16-le", "surrogatepass")
        units = (data[place] | data[place + 1] << 8 for place in range(0, len(data), 2))
    value = 0
    for unit in units:
        value = (31 * value + unit) & 0xFFFFFFFF
    return value


class Prediction:
    """A prediction with what its words and phrases match, looked up once for all of its references."""

    def __init__(self, words: Sequence[str], lexicon: Lexicon, vocabulary: set[str]) -> None:
        self.words = words
        self._related = lexicon.related
        self._singles: dict[str, Found] = {}
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            self._places.setdefault(word, []).append(place)
        self._phrases: dict[str, list[tuple[Sequence[str], Match]]] = {}
        if lexicon.paraphrases:
            self._phrases = _phrases(words, lexicon.paraphrases, vocabulary)

    def equals(self, reference: Sequence[str]) -> bool:
        """Whether the reference has the same words (to METEOR's hashes): then only exact matches count."""
        return len(reference) == len(self.words) and all(
            own == word or EXACT in self._related.get(word, {}).get(own, ())
            for own, word in zip(self.words, reference, strict=True)
        )

    def matches(self, reference: Sequence[str]) -> list[Found]:
        """What may be matched from each place of the reference on."""
        singles = self._singles
        found = [singles.get(word) or self._single(word) for word in reference]
        if self._phrases:
            for place, word in enumerate(reference):
                if word in self._phrases:
                    found[place] = self._with_phrases(found[place], reference, place, self._phrases[word])
        return found

    def exact_matches(self, reference: Sequence[str]) -> list[Found]:
        """The same for a reference that equals the prediction."""
        return [
            _found([match for match in own.matches if match.module == EXACT]) for own in map(self._single, reference)
        ]

    def _single(self, word: str) -> Found:
        related = self._related.get(word, {})
        several = [
            (module, place)
            for own in related
            if own in self._places
            for module in related[own]
            for place in self._places[own]
        ]
        found = _found(
            [
                Match(2 if module == EXACT else 0, place, place + 1, 1, module, 1 << place)
                for module, place in sorted(several)
            ]
        )
        self._singles[word] = found
        return found

    @staticmethod
    def _with_phrases(
        found: Found, reference: Sequence[str], place: int, phrases: list[tuple[Sequence[str], Match]]
    ) -> Found:
        fitting = [
            match
            for phrase, match in phrases
            if match.length == 1 or reference[place : place + match.length] == phrase
        ]
        return _joined(found, _found(fitting)) if fitting else found


def _joined(first: Found, second: Found) -> Found:
    return Found(
        [*first.matches, *second.matches],
        first.seen | second.seen,
        first.several | second.several | (first.seen & second.seen),
        first.exact | second.exact,
        first.synonym | second.synonym,
        max(first.weight, second.weight),
        max(first.reach, second.reach),
    )


def _found(matches: list[Match]) -> Found:
    if not matches:
        return NOTHING
    seen = several = 0
    kinds = [0, 0, 0, 0]
    for match in matches:
        several |= seen & match.mask
        seen |= match.mask
        kinds[match.module] |= match.mask
    weight = max(weight for weight, kind in zip(WEIGHTS, kinds, strict=True) if kind)
    return Found(matches, seen, several, kinds[EXACT], kinds[SYNONYM], weight, max(match.length for match in matches))


def _phrases(
    words: Sequence[str], table: Paraphrases, vocabulary: set[str]
) -> dict[str, list[tuple[Sequence[str], Match]]]:
    """Phrases of references that paraphrase some of the words, by their first word, in the order of the search.

    First come phrases whose paraphrase the prediction has (by length, place in the table, place in the prediction),
    then paraphrases of what the prediction has (by place in the prediction, length, place in the table).
    """
    entries: dict[str, list[tuple[tuple[int, int, int, int], Sequence[str], Match]]] = {}
    for start in range(len(words)):
        for end in range(start + 1, min(start + _LONGEST, len(words)) + 1):
            own = tuple(words[start:end])
            for side, known in enumerate((table.sources.get(own, {}), table.targets.get(own, {}))):
                for first in vocabulary.intersection(known):
                    for number, phrase in known[first]:
                        if vocabulary.issuperset(phrase):
                            order = (1, start, end, number) if side else (0, len(phrase), number, start)
                            match = _paraphrase(start, end, len(phrase))
                            entries.setdefault(first, []).append((order, list(phrase), match))
    return {
        first: [(phrase, match) for _, phrase, match in sorted(several, key=lambda entry: entry[0])]
        for first, several in entries.items()
    }


def _paraphrase(start: int, end: int, length: int) -> Match:
    gain = (end - start) // 2 + length // 2
    return Match(gain, start, end, length, PARAPHRASE, ((1 << (end - start)) - 1) << start)
