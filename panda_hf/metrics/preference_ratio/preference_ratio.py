"""Shares of votes per system, with intervals that respect clips, pairwise wins, and a selector's agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

import datasets
import evaluate
import numpy as np

_DESCRIPTION = "How often people chose each system (Table 4 of the Panda-70M paper), with confidence intervals."
_INPUTS = """
Args:
    predictions: one system's name per vote.
    references: the clip of each vote; left out, every vote is a clip of its own.
    systems: all names, so that systems without a vote appear; None takes those that were chosen.
    interval: "cluster_bootstrap" (clips are drawn again, default) or "wilson" (votes taken as independent).
    confidence: 0.95. resamples: 2000. seed: 0.
    picks: optional; for each clip the system that a selector chose.
"""


class PreferenceRatio(evaluate.Metric):
    """Preference ratio; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(features),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; the clips of the votes may be left out."""
        if predictions is None:
            return super().compute(**options)
        return self._compute(predictions, references, **options)

    def _compute(self, predictions: Any, references: Any = None, **options: Any) -> dict[str, Any]:
        return preference_ratio(list(predictions), references, **options)


def preference_ratio(
    votes: Sequence[str],
    clips: Sequence[Any] | None = None,
    *,
    systems: Sequence[str] | None = None,
    interval: Literal["cluster_bootstrap", "wilson"] = "cluster_bootstrap",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    picks: Mapping[Any, str] | None = None,
) -> dict[str, Any]:
    """Shares (0 to 1), their intervals, votes, pairwise wins over clips, and the agreement of `picks`."""
    if interval not in ("cluster_bootstrap", "wilson") or not 0 < confidence < 1:
        raise ValueError(f"interval={interval!r}, confidence={confidence}: see the card for what is possible")
    names, ids, counts = _table(votes, clips, systems)
    share = counts.sum(axis=0) / counts.sum()
    if interval == "wilson":
        bounds = [wilson(int(won), int(counts.sum()), confidence) for won in counts.sum(axis=0)]
    else:
        bounds = _bootstrap(counts, confidence, resamples, seed)
    found: dict[str, Any] = {
        "preference_ratio": dict(zip(names, share.tolist(), strict=True)),
        "confidence_interval": dict(zip(names, bounds, strict=True)),
        "votes": dict(zip(names, counts.sum(axis=0).astype(int).tolist(), strict=True)),
        "pairwise_wins": _pairwise(names, counts),
        "interval": interval,
        "confidence": confidence,
        "num_clips": len(ids),
        "num_votes": len(votes),
    }
    if picks is not None:
        found |= _agreement(names, ids, counts, picks)
    return found


def _table(votes: Sequence[str], clips: Any, systems: Any) -> tuple[list[str], list[Any], np.ndarray]:
    """Names of systems, ids of clips, and votes as clips x systems."""
    if not len(votes):
        raise ValueError("no votes: give one system's name per vote")
    clips = list(range(len(votes))) if clips is None else list(clips)
    if len(clips) != len(votes):
        raise ValueError(f"{len(votes)} votes for {len(clips)} clips: references must tell the clip of each vote")
    for vote, clip in zip(votes, clips, strict=True):
        if not isinstance(vote, str):
            raise ValueError(f"clip {clip!r}: a vote is the name of a system, not {vote!r}")
    names = sorted(set(votes)) if systems is None else list(systems)
    column = {name: index for index, name in enumerate(names)}
    row = {clip: index for index, clip in enumerate(dict.fromkeys(clips))}
    counts = np.zeros((len(row), len(names)))
    for vote, clip in zip(votes, clips, strict=True):
        if vote not in column:
            raise ValueError(f"clip {clip!r}: a vote for {vote!r}, which is not among the systems {names}")
        counts[row[clip], column[vote]] += 1
    return names, list(row), counts


def wilson(won: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, scale = won / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / scale
    half = z / scale * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _bootstrap(counts: np.ndarray, confidence: float, resamples: int, seed: int) -> list[tuple[float, float]]:
    """Percentile interval over clips drawn again with replacement: votes of one clip stay together."""
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=resamples)
    drawn = weights @ counts
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _pairwise(names: list[str], counts: np.ndarray) -> dict[str, dict[str, dict[str, int]]]:
    """For each ordered pair, the clips on which the first has more, as many, or fewer votes than the second."""
    found: dict[str, dict[str, dict[str, int]]] = {name: {} for name in names}
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if i != j:
                gap = counts[:, i] - counts[:, j]
                parts = {"wins": gap > 0, "ties": gap == 0, "losses": gap < 0}
                found[one][other] = {word: int(where.sum()) for word, where in parts.items()}
    return found


def _agreement(names: list[str], ids: list[Any], counts: np.ndarray, picks: Mapping[Any, str]) -> dict[str, float]:
    """How often the pick has the most votes (a tie counts as its share), and the mean share of votes it has."""
    column = {name: index for index, name in enumerate(names)}
    top, share = 0.0, 0.0
    for clip, row in zip(ids, counts, strict=True):
        if clip not in picks:
            raise ValueError(f"clip {clip!r} has votes and no pick: give picks for all clips, or leave its votes out")
        if picks[clip] not in column:
            raise ValueError(f"clip {clip!r}: the pick {picks[clip]!r} is not among the systems {names}")
        mine = row[column[picks[clip]]]
        top += (mine == row.max()) / (row == row.max()).sum()
        share += mine / row.sum()
    return {"agreement_with_winner": float(top / len(ids)), "agreement_with_votes": float(share / len(ids))}
