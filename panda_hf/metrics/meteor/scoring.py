"""METEOR's statistics of an item, and the score that sums of them have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .alignment import align, count_chunks
from .matching import Lexicon, Prediction

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
WEIGHTS = (1.0, 0.6, 0.8, 0.6)
LENGTH = 23
"""Numbers in a row of statistics, in the scorer's order: lengths and function words of prediction and reference; for
exact, stem, synonym and paraphrase matches content words of both and function words of both; chunks; words matched."""

Item = tuple[list[str], list[list[str]]]


def score_items(items: Sequence[Item], lexicon: Lexicon) -> list[list[float]]:
    """Statistics of each item with its best reference, the first of equals."""
    return [_best(prediction, references, lexicon) for prediction, references in items]


def _best(prediction: list[str], references: list[list[str]], lexicon: Lexicon) -> list[float]:
    matcher = Prediction(prediction, lexicon, {word for reference in references for word in reference})
    best, highest, seen = [0.0] * LENGTH, -1.0, set()
    for reference in references:
        key = " ".join(reference)
        if key in seen:
            continue
        seen.add(key)
        row = _statistics(matcher, reference, lexicon.function_words)
        score = score_of(row)
        if score > highest:
            best, highest = row, score
    return best


def _statistics(matcher: Prediction, reference: list[str], function_words: frozenset[str]) -> list[float]:
    found = matcher.exact_matches(reference) if matcher.equals(reference) else matcher.matches(reference)
    steps = align(found)
    own = [word in function_words for word in matcher.words]
    wanted = [word in function_words for word in reference]
    row = [0.0] * LENGTH
    row[:4] = len(own), len(wanted), sum(own), sum(wanted)
    for place, match in steps:
        first = 4 + 4 * match.module
        for word in range(match.start, match.end):
            row[first + 2 * own[word]] += 1
        for word in range(place, place + match.length):
            row[first + 1 + 2 * wanted[word]] += 1
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
