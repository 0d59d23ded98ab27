"""A figure with what it takes to draw the items of the benchmark again: for intervals, tests and spreads."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from panda_hf.evaluation.results import Difference, Score
from panda_hf.evaluation.statistics import Score as FromSums
from panda_hf.evaluation.statistics import approximate_randomisation, bootstrap_interval, paired_bootstrap

EXCHANGES = 5_000
"""Random exchanges of two systems' items behind a p-value; its smallest value is then 1 / 5,001."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure of one model on one benchmark, item by item."""

    statistics: np.ndarray
    """(items, parts): the parts whose sums over items decide the figure; one number each where it is their mean."""
    from_sums: FromSums | None = None
    """The figure from sums (resamples, parts); ``None``: the mean."""
    per_item: np.ndarray | None = None
    """(items,) for the best and the worst samples."""
    variant: str | None = None
    printed: float = 100.0
    """What tables multiply it by."""
    runs: tuple[float, ...] = ()
    """The figure of each seed, where there are several."""

    @property
    def value(self) -> float:
        """The figure on all items."""
        sums = self.statistics.sum(axis=0, keepdims=True)
        return float(_scored(self, sums, len(self.statistics))[0])

    def as_score(self, seed: int = 0) -> Score:
        """The figure with its 95 % interval over items, and its spread over seeds where there are several."""
        spread = float(np.std(self.runs, ddof=1)) if len(self.runs) > 1 else None
        known = {"spread": spread, "variant": self.variant, "printed": self.printed}
        if len(self.statistics) < 2:
            return Score(value=self.value, **known)  # type: ignore[arg-type]
        found = bootstrap_interval(self.statistics, self.from_sums, seed=seed)
        return Score(value=found.value, low=found.low, high=found.high, **known)  # type: ignore[arg-type]


def over_seeds(runs: Sequence[Measured]) -> Measured:
    """The mean of a figure over several sets of captions; items stay items, so that intervals are over videos."""
    if len(runs) == 1:
        return runs[0]
    first, parts = runs[0], runs[0].statistics.shape[1]

    def mean(sums: np.ndarray) -> np.ndarray:
        blocks = np.split(sums, len(runs), axis=1)
        return np.mean([_scored(first, block, len(first.statistics)) for block in blocks], axis=0)

    assert all(run.statistics.shape == (len(first.statistics), parts) for run in runs)
    items = [run.per_item for run in runs if run.per_item is not None]
    return Measured(
        statistics=np.hstack([run.statistics for run in runs]),
        from_sums=mean,
        per_item=np.mean(items, axis=0) if items else None,
        variant=first.variant,
        printed=first.printed,
        runs=tuple(run.value for run in runs),
    )


def differences(measured: Mapping[str, Mapping[str, Measured]], metrics: Sequence[str]) -> list[Difference]:
    """Every two models compared on the same items, on each of the metrics that both have.

    The interval is of the paired bootstrap, the p-value of approximate randomisation; neither knows how many pairs
    are compared.

    Args:
        measured: figures by model and metric.
        metrics: which to compare.
    """
    return [
        _difference(metric, (one, measured[one][metric]), (other, measured[other][metric]))
        for one, other in itertools.combinations(measured, 2)
        for metric in metrics
        if metric in measured[one] and metric in measured[other] and len(measured[one][metric].statistics) > 1
    ]


def _difference(metric: str, a: tuple[str, Measured], b: tuple[str, Measured]) -> Difference:
    left, right = _alike(a[1], b[1])
    found = paired_bootstrap(left.statistics, right.statistics, left.from_sums)
    p_value = approximate_randomisation(left.statistics, right.statistics, left.from_sums, resamples=EXCHANGES)
    return Difference(
        metric=metric,
        model=a[0],
        other=b[0],
        difference=found.difference,
        low=found.low,
        high=found.high,
        p_value=p_value,
        printed=left.printed,
    )


def _alike(a: Measured, b: Measured) -> tuple[Measured, Measured]:
    """Both with as many seeds: the figure of a mean of equal sets is that of one set."""
    many, few = max(len(a.runs), 1), max(len(b.runs), 1)
    return (a, b) if many == few else (_repeated(a, few), _repeated(b, many))


def _repeated(one: Measured, times: int) -> Measured:
    return one if times == 1 else over_seeds([single for single in [one] * times])


def _scored(one: Measured, sums: np.ndarray, items: int) -> Any:
    return sums[:, 0] / items if one.from_sums is None else np.asarray(one.from_sums(sums), dtype=np.float64)
