"""How recall grows with the number of labels: fits on nested subsets, and what more labels would bring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from panda_hf.errors import SourceError
from panda_hf.selection.answers import AnsweredClip

Fit = Callable[[Sequence[AnsweredClip], int], float]
"""Trains on clips with a seed and returns recall at 1 on clips that are always the same, in [0, 1]."""


@dataclass(frozen=True)
class Point:
    """Recall after so many labelled clips, one value per seed."""

    labels: int
    recalls: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.recalls))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; ``None`` of one seed."""
        return float(np.std(self.recalls, ddof=1)) if len(self.recalls) > 1 else None


def learning_curve(
    clips: Sequence[AnsweredClip],
    fit: Fit,
    *,
    sizes: Sequence[int] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    before: float | None = None,
    told: Callable[[int, int, float], None] | None = None,
) -> list[Point]:
    """Recall after each number of labels.

    For each seed the clips are put in an order of its own, and each subset is the beginning of it: larger subsets hold
    the smaller ones. All-bad clips teach nothing and are left out.

    Args:
        clips: to learn from.
        fit: trains and measures.
        sizes: numbers of clips; ``None``: :func:`doublings`.
        seeds: of order and training.
        before: recall without any label, the first point.
        told: called with size, seed and recall after each fit.

    Raises:
        SourceError: when there are fewer clips than a size asks for.
    """
    usable = [clip for clip in clips if clip.wanted]
    wanted = sorted(set(sizes or doublings(len(usable))))
    if not wanted or wanted[0] < 1 or wanted[-1] > len(usable):
        raise SourceError(
            f"sizes {list(sizes or ())} must lie between 1 and the {len(usable)} clips with a good caption"
        )
    orders = {seed: np.random.default_rng(seed).permutation(len(usable)) for seed in seeds}
    points = [] if before is None else [Point(0, (before,) * len(seeds))]
    for size in wanted:
        recalls = []
        for seed in seeds:
            recalls.append(fit([usable[i] for i in orders[seed][:size]], seed))
            if told is not None:
                told(size, seed, recalls[-1])
        points.append(Point(size, tuple(recalls)))
    return points


def doublings(count: int, least: int = 25, most: int = 6) -> list[int]:
    """The whole number of clips, its half, its quarter and so on, ascending.

    Args:
        count: of clips.
        least: no smaller ones, except the whole.
        most: so many at most.
    """
    sizes = [count // 2**k for k in range(most) if k == 0 or count // 2**k >= least]
    return sorted(size for size in sizes if size > 0)


def outlook(points: Sequence[Point]) -> str:
    """What more labels would bring, in a sentence; recall grows about evenly with each doubling, until it does not.

    The gain of the last doubling is taken as what the next one brings at most. It is told from noise by twice its
    standard error over the seeds.
    """
    labelled = [point for point in points if point.labels > 0]
    if len(labelled) < 2:
        return "One number of labels says nothing of more; give more sizes."
    last, now = labelled[-2], labelled[-1]
    doublings_between = math.log2(now.labels / last.labels)
    gains = (np.array(now.recalls) - np.array(last.recalls)) / doublings_between * 100
    gain = float(gains.mean())
    said = f"From {last.labels:,} to {now.labels:,} labels recall at 1 went from {last.mean:.1%} to {now.mean:.1%}"
    if len(gains) < 2:
        return f"{said}; with one seed nobody can tell that from noise: give more seeds."
    error = float(gains.std(ddof=1) / math.sqrt(len(gains)))
    if abs(gain) <= 2 * error:
        return (
            f"{said}, which is within the noise of {len(gains)} seeds ({gain:+.1f} ± {2 * error:.1f} points a "
            f"doubling): more labels of this kind would bring little that can be seen here, or more seeds and more "
            f"held-out clips are needed to see it."
        )
    if gain < 0:
        return (
            f"{said}: it fell, by more than the noise of {len(gains)} seeds; look at the training before annotating."
        )
    return (
        f"{said}, {gain:+.1f} ± {2 * error:.1f} points a doubling: {now.labels:,} labels more would bring up to about "
        f"{gain:.1f} points, if the curve goes on as it did."
    )
