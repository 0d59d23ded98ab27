"""Confidence intervals and paired tests over the items of a benchmark: half a point is often noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Score = Callable[[np.ndarray], Any]
"""From statistics summed over items, `(resamples, parts)`, to one score per resample."""

_BLOCK = 8_000_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A score and the percentile bootstrap interval around it."""

    value: float
    low: float
    high: float
    confidence: float
    items: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """System a less system b on the same items: the difference, its interval, and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    confidence: float
    items: int


def bootstrap_interval(
    statistics: Any, score: Score | None = None, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """The interval of a score under items drawn again with replacement.

    Args:
        statistics: one row per item. Without `score` one number each, and the score is their mean; with `score`
            the parts whose sums decide a corpus metric (for BLEU: matches and totals of each order, lengths).
        score: the corpus metric from such sums, for many resamples at once.

    Raises:
        ValueError: fewer than two items, or numbers that are not finite.

    Example:
        >>> bootstrap_interval([0.0, 1.0, 1.0, 1.0]).value
        0.75
    """
    table = _table(statistics, score)
    _check(confidence, resamples)
    drawn = _resampled(table, score, resamples, seed)
    low, high = _ends(drawn, confidence)
    return Interval(value=_whole(table, score), low=low, high=high, confidence=confidence, items=len(table))


def paired_bootstrap(
    a: Any, b: Any, score: Score | None = None, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Comparison:
    """Difference of two systems under the same items drawn again for both.

    The p-value is twice the smaller share of resamples in which the difference is not above (not below) zero, with
    one added to both counts, so that it is never 0.
    """
    left, right = _pair(a, b, score)
    _check(confidence, resamples)
    # One seed draws the same items for both systems.
    gaps = _resampled(left, score, resamples, seed) - _resampled(right, score, resamples, seed)
    low, high = _ends(gaps, confidence)
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    return Comparison(
        difference=_whole(left, score) - _whole(right, score),
        low=low,
        high=high,
        p_value=float(min(1.0, 2 * (tail + 1) / (resamples + 1))),
        confidence=confidence,
        items=len(left),
    )


def approximate_randomisation(
    a: Any, b: Any, score: Score | None = None, *, resamples: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p-value of the difference when the two systems' outputs are exchanged at random, item by item.

    Up to 12 items all exchanges are tried, and the value is exact; beyond, it is (as extreme + 1) / (resamples + 1).
    """
    left, right = _pair(a, b, score)
    _check(0.95, resamples)
    observed = abs(_whole(left, score) - _whole(right, score))
    exact = len(left) <= 12
    swaps = _all_swaps(len(left)) if exact else None
    total = len(swaps) if swaps is not None else resamples
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(left))
    extreme = 0
    for start in range(0, total, step):
        count = min(step, total - start)
        swap = swaps[start : start + count] if swaps is not None else generator.integers(0, 2, (count, len(left)))
        change = swap.astype(np.float64) @ (right - left)
        gaps = _scored(left.sum(axis=0) + change, score, len(left)) - _scored(
            right.sum(axis=0) - change, score, len(left)
        )
        # Rounding must not turn an equal difference into a smaller one.
        extreme += int((np.abs(gaps) >= observed - 1e-12).sum())
    return extreme / total if exact else (extreme + 1) / (total + 1)


def _all_swaps(items: int) -> np.ndarray:
    return np.arange(2**items)[:, None] >> np.arange(items) & 1


def _table(statistics: Any, score: Score | None) -> np.ndarray:
    """Items x parts, finite."""
    table = np.asarray(statistics, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or len(table) < 2:
        raise ValueError(f"statistics have the shape {table.shape}: expected two or more items")
    if score is None and table.shape[1] != 1:
        raise ValueError(f"{table.shape[1]} numbers per item: name the score that follows from their sums")
    wrong = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if wrong.size:
        raise ValueError(f"item {wrong[0]} has a statistic that is not finite: score it, or leave it out")
    return table


def _pair(a: Any, b: Any, score: Score | None) -> tuple[np.ndarray, np.ndarray]:
    left, right = _table(a, score), _table(b, score)
    if left.shape != right.shape:
        raise ValueError(
            f"shapes {left.shape} and {right.shape}: a paired test needs the same items in the same order"
        )
    return left, right


def _check(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1, resamples={resamples} must be 1 or more")


def _resampled(table: np.ndarray, score: Score | None, resamples: int, seed: int) -> np.ndarray:
    """The score of each resample, as many at a time as fit in a bounded block."""
    generator = np.random.default_rng(seed)
    items = len(table)
    chances = np.full(items, 1 / items)
    step = max(1, _BLOCK // items)
    found = []
    for start in range(0, resamples, step):
        weights = generator.multinomial(items, chances, size=min(step, resamples - start))
        found.append(_scored(weights.astype(np.float64) @ table, score, items))
    return np.concatenate(found)


def _scored(sums: np.ndarray, score: Score | None, items: int) -> np.ndarray:
    return sums[:, 0] / items if score is None else np.asarray(score(sums), dtype=np.float64)


def _whole(table: np.ndarray, score: Score | None) -> float:
    return float(_scored(table.sum(axis=0, keepdims=True), score, len(table))[0])


def _ends(drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
