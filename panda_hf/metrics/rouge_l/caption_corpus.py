"""Captions to score as arrays: checked, tokenised, words as numbers. The same file in every metric that needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from .ptb_tokenizer import tokenized as ptb_tokenized

ORDERS = 4


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """N items: captions 0 to N - 1 are the predictions, the references follow in order."""

    words: np.ndarray
    """Words of all captions in a row, as numbers from 0 up."""
    lengths: np.ndarray
    """Words of each caption."""
    owner: np.ndarray
    """The item of each caption."""
    items: int

    @property
    def starts(self) -> np.ndarray:
        """Where in `words` each caption begins."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)

    def references_of(self) -> np.ndarray:
        """How many references each item has."""
        return np.bincount(self.owner[self.items :], minlength=self.items)


class Grams(NamedTuple):
    """The n-grams of all captions: entry i says that `caption[i]` has `gram[i]` `times[i]` times."""

    caption: np.ndarray
    gram: np.ndarray
    times: np.ndarray
    kinds: int
    """N-grams are numbered below this."""


def corpus(predictions: Sequence[str], references: Sequence[Sequence[str]], *, tokenized: bool, blank: bool) -> Corpus:
    """The corpus of checked captions.

    Args:
        predictions: one per item.
        references: one or more per item.
        tokenized: captions are tokens with a blank between them already.
        blank: a single blank divides tokens, as the official ROUGE-L has it; an empty caption is then one empty word.
            Otherwise any white space divides, no-break spaces inside a token too.
    """
    every = [*predictions, *chain.from_iterable(references)]
    lines = every if tokenized else ptb_tokenized(every)
    words, lengths = _words(lines, blank)
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    counts = np.fromiter(map(len, references), np.int64, len(references))
    items = np.arange(len(predictions))
    return Corpus(
        words=np.fromiter(map(numbers.__getitem__, words), np.int64, len(words)),
        lengths=np.asarray(lengths, dtype=np.int64),
        owner=np.concatenate([items, np.repeat(items, counts)]),
        items=len(predictions),
    )


def _words(lines: Sequence[str], blank: bool) -> tuple[list[str], list[int]]:
    """All words in a row, and how many each line has."""
    whole = " ".join(lines)
    words = whole.split(" ")
    if blank:
        return words, [line.count(" ") + 1 for line in lines]
    apart = whole.split()
    if apart == words:
        return apart, [line.count(" ") + 1 for line in lines]
    return apart, [len(line.split()) for line in lines]


def grams(held: Corpus) -> Iterator[Grams]:
    """The 1-grams, 2-grams, 3-grams and 4-grams; within each sorted by caption, then by gram."""
    kinds = words = int(held.words.max(initial=0)) + 1
    left = np.repeat(held.starts + held.lengths, held.lengths) - np.arange(len(held.words))
    caption = np.repeat(np.arange(len(held.lengths)), held.lengths)
    place, code = np.arange(len(held.words)), held.words
    for order in range(1, ORDERS + 1):
        if order > 1:
            fits = left[place] >= order
            place = place[fits]
            known, code = np.unique(code[fits] * words + held.words[place + order - 1], return_inverse=True)
            kinds = max(1, len(known))
        yield _counted(caption[place], code, kinds)


def _counted(caption: np.ndarray, code: np.ndarray, kinds: int) -> Grams:
    key = np.sort(caption * kinds + code)
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
    return Grams(*np.divmod(key[first], kinds), np.diff(np.append(first, len(key))), kinds)


def in_predictions(found: Grams, held: Corpus) -> tuple[int, np.ndarray, np.ndarray]:
    """How the n-grams of references meet those of their item's prediction.

    Returns:
        Where the entries of predictions end, entries of references that the prediction has too, and for each of these
        the prediction's entry.
    """
    ends = int(np.searchsorted(found.caption, held.items))
    said = found.caption[:ends] * found.kinds + found.gram[:ends]
    asked = held.owner[found.caption[ends:]] * found.kinds + found.gram[ends:]
    if not ends:
        return 0, np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(said, asked), ends - 1)
    hits = np.flatnonzero(said[place] == asked)
    return ends, hits + ends, place[hits]
