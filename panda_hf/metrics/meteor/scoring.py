"""METEOR's statistics of an item, and the score that sums of them have."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from .alignment import align, count_chunks
from .matching import EXACT, PARAPHRASE, STEM, SYNONYM, WEIGHTS, Found, Lexicon, Prediction

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
_ROUNDING = 1e-9
LENGTH = 23
"""Numbers in a row of statistics, in the scorer's order: lengths and function words of prediction and reference; for
exact, stem, synonym and paraphrase matches content words of both and function words of both; chunks; words matched."""

Item = tuple[list[str], list[list[str]]]


def score_items(items: Sequence[Item], lexicon: Lexicon) -> list[list[float]]:
    """Statistics of each item with its best reference, the first of equals."""
    return [_best(prediction, references, lexicon) for prediction, references in items]


def _best(prediction: list[str], references: list[list[str]], lexicon: Lexicon) -> list[float]:
    """Statistics with the best reference. Those that cannot be it, whatever their alignment, are not aligned."""
    matcher = Prediction(prediction, lexicon, {word for reference in references for word in reference})
    own = _Side(prediction, lexicon.function_words)
    candidates = []
    for order, reference in enumerate({" ".join(reference): reference for reference in references}.values()):
        found = matcher.exact_matches(reference) if matcher.equals(reference) else matcher.matches(reference)
        wanted = _Side(reference, lexicon.function_words)
        candidates.append((-_bound(found, own, wanted), order, wanted, found))
    candidates.sort(key=itemgetter(0, 1))
    best, highest, first = [0.0] * LENGTH, -1.0, 0
    for bound, order, wanted, found in candidates:
        if -bound < highest * (1 - _ROUNDING):
            break
        row = _statistics(found, own, wanted)
        score = score_of(row)
        if score > highest or (score == highest and order < first):
            best, highest, first = row, score, order
    return best


class _Side:
    """One text of a pair: which of its words are function words, their bits, and the weight of all."""

    __slots__ = ("bits", "function", "functions", "length", "weight")

    def __init__(self, words: Sequence[str], function_words: frozenset[str]) -> None:
        self.function = [word in function_words for word in words]
        self.functions = sum(self.function)
        self.bits = sum(1 << place for place, is_one in enumerate(self.function) if is_one)
        self.length = len(words)
        self.weight = DELTA * (self.length - self.functions) + (1.0 - DELTA) * self.functions


def _bound(found: Sequence[Found], own: _Side, wanted: _Side) -> float:
    """No less than the score: each word matched in its best way, all of them in one chunk."""
    seen = exact = synonym = 0
    weights = [one.weight for one in found]
    for place, one in enumerate(found):
        seen |= one.seen
        exact |= one.exact
        synonym |= one.synonym
        for further in range(place + 1, place + one.reach):
            weights[further] = max(weights[further], WEIGHTS[PARAPHRASE])
    if not seen:
        return 0.0
    synonym &= ~exact
    other = seen & ~exact & ~synonym
    recall = sum(
        weight * (1.0 - DELTA if function else DELTA)
        for weight, function in zip(weights, wanted.function, strict=True)
    )
    precision = sum(
        WEIGHTS[module] * (DELTA * mask.bit_count() - (2 * DELTA - 1) * (mask & own.bits).bit_count())
        for module, mask in ((EXACT, exact), (SYNONYM, synonym), (STEM, other))
    )
    matched, possible = seen.bit_count() + sum(map(bool, weights)), own.length + wanted.length
    fragments = 0.0 if matched == possible else 2 / matched
    mean = 1.0 / ((1.0 - ALPHA) * own.weight / precision + ALPHA * wanted.weight / recall)
    return mean * (1.0 - GAMMA * fragments**BETA)


def _statistics(found: Sequence[Found], own: _Side, wanted: _Side) -> list[float]:
    steps = align(found)
    row = [0.0] * LENGTH
    row[:4] = own.length, wanted.length, own.functions, wanted.functions
    for place, match in steps:
        first = 4 + 4 * match.module
        for word in range(match.start, match.end):
            row[first + 2 * own.function[word]] += 1
        for word in range(place, place + match.length):
            row[first + 1 + 2 * wanted.function[word]] += 1
    row[20], row[21], row[22] = count_chunks(steps), sum(row[4:20:2]), sum(row[5:20:2])
    return row


def score_of(row: Sequence[float]) -> float:
    """The score of one row, in the scorer's order of operations, since equal references are told apart by it."""
    own = wanted = 0.0
    for module, weight in enumerate(WEIGHTS):
        own += row[4 + 4 * module] * weight * DELTA
        wanted += row[5 + 4 * module] * weight * DELTA
    for module, weight in enumerate(WEIGHTS):
        own += row[6 + 4 * module] * weight * (1.0 - DELTA)
        wanted += row[7 + 4 * module] * weight * (1.0 - DELTA)
    if not own or not wanted:
        return 0.0
    precision = own / (DELTA * (row[0] - row[2]) + (1.0 - DELTA) * row[2])
    recall = wanted / (DELTA * (row[1] - row[3]) + (1.0 - DELTA) * row[3])
    mean = 1.0 / ((1.0 - ALPHA) / precision + ALPHA / recall)
    perfect = row[21] == row[0] and row[22] == row[1] and row[20] == 1
    fragments = 0.0 if perfect else row[20] / ((row[21] + row[22]) / 2)
    return max(mean * (1.0 - GAMMA * fragments**BETA), 0.0)


def summable(row: list[float]) -> list[float]:
    """The row as the scorer adds it up: the one chunk of a perfect match is not counted."""
    perfect = row[21] == row[0] and row[22] == row[1] and row[20] == 1
    return [*row[:20], 0.0, *row[21:]] if perfect else row


def from_statistics(sums: np.ndarray) -> np.ndarray:
    """METEOR of summed statistics of shape (resamples, 23), as fractions of shape (resamples,)."""
    sums = np.asarray(sums, dtype=float).reshape(-1, LENGTH)
    weights = np.array(WEIGHTS)
    own, wanted = (
        sums[:, 4 + side : 20 : 4] @ weights * DELTA + sums[:, 6 + side : 20 : 4] @ weights * (1 - DELTA)
        for side in (0, 1)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = (
            matched / (DELTA * (sums[:, side] - sums[:, side + 2]) + (1 - DELTA) * sums[:, side + 2])
            for side, matched in enumerate((own, wanted))
        )
        mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
        matched_all = (sums[:, 21] == sums[:, 0]) & (sums[:, 22] == sums[:, 1]) & (sums[:, 20] == 1)
        fragments = np.where(matched_all, 0.0, sums[:, 20] / ((sums[:, 21] + sums[:, 22]) / 2))
        score = mean * (1 - GAMMA * fragments**BETA)
    return np.where(np.isnan(score), 0.0, np.maximum(score, 0.0))
