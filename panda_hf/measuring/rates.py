"""Which share of clips each limit on a measure would keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from panda_hf.measuring.desirable import LABELS
from panda_hf.measuring.frames import MEASURES
from panda_hf.measuring.measure import Column

LPIPS = Column(
    "max_running_lpips",
    "largest LPIPS between frames one second apart",
    "most",
    (0.7, 0.5, 0.4, 0.3, 0.2),
)
DISTANCE = Column(
    "max_running_distance",
    "the same by a backbone that learned nothing, which is no LPIPS",
    "most",
    (3.0, 2.0, 1.0, 0.5),
)
COLUMNS = tuple(column for measure in MEASURES.values() for column in measure.columns) + (LPIPS, DISTANCE)
"""Every numeric column that the stages of this room write."""


@dataclass(frozen=True)
class KeepRates:
    """What limits on one column do to some clips."""

    column: Column
    known: int
    """Clips that have a value."""
    unknown: int
    """Clips that have none; no limit lets them pass."""
    quartiles: tuple[float, float, float] | None
    """Of the values; ``None`` where there is none."""
    kept: tuple[float, ...]
    """For each of the column's limits, the share of all clips that passes it."""

    @property
    def rules(self) -> list[str]:
        """The limits as ``panda-hf subset --limit`` takes them."""
        sign = ">=" if self.column.side == "least" else "<="
        return [f"{self.column.name}{sign}{limit:g}" for limit in self.column.limits]


def keep_rates(column: Column, values: Sequence[float | None]) -> KeepRates:
    """What each limit of ``column`` keeps of clips with these values.

    Example:
        >>> keep_rates(Column("x", "", "least", (1.0, 2.0)), [1.0, 2.0, None, 0.0]).kept
        (0.5, 0.25)
    """
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = numbers[~np.isnan(numbers)]
    passes = [numbers >= limit if column.side == "least" else numbers <= limit for limit in column.limits]
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75)).tolist() if len(known) else (0.0, 0.0, 0.0)
    return KeepRates(
        column,
        len(known),
        len(numbers) - len(known),
        (low, middle, high) if len(known) else None,
        tuple(float(kept.mean()) if len(numbers) else 0.0 for kept in passes),
    )


def label_rates(labels: Iterable[str | None]) -> dict[str, int]:
    """How many clips have each of the six labels, then others, in the order of the release."""
    counts = Counter("unknown" if label is None else label for label in labels)
    return {label: counts[label] for label in (*LABELS, *sorted(set(counts) - set(LABELS))) if label in counts}
