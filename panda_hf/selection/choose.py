"""From scores to a choice, and what many choices say about the teachers. Pure: no model, no dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """The best of several candidates.

    Attributes:
        index: its position among the candidates.
        score: its matching score.
        margin: how far the runner-up is behind, 0 or more; ``None`` where only one candidate has a score.
    """

    index: int
    score: float
    margin: float | None


def choose(scores: Sequence[float | None]) -> Choice | None:
    """The candidate with the highest score; of equal ones the first.

    Args:
        scores: one per candidate, ``None`` for a candidate that was not scored.

    Returns:
        ``None`` when no candidate has a score.
    """
    scored = [(score, -i) for i, score in enumerate(scores) if score is not None]
    if not scored:
        return None
    ranked = sorted(scored, reverse=True)
    best, position = ranked[0]
    return Choice(-position, best, best - ranked[1][0] if len(ranked) > 1 else None)


@dataclass(frozen=True)
class Scored:
    """What a selector thinks of a clip's candidates, in their order; ``None`` where it did not look.

    Attributes:
        similarity: matching scores.
        head: logits of a match; all ``None`` where no matching head was asked.
    """

    similarity: list[float | None]
    head: list[float | None]


@dataclass(frozen=True)
class Decision:
    """Which candidate becomes the caption.

    Attributes:
        choice: by the head where it was asked, else by similarity.
        head_agrees: whether similarity alone would have taken the same; ``None`` where no head was asked.
    """

    choice: Choice
    head_agrees: bool | None


def decide(scored: Scored) -> Decision | None:
    """The head decides among the candidates it looked at; without one, similarity does.

    Returns:
        ``None`` when no candidate has a score.
    """
    nearest, matched = choose(scored.similarity), choose(scored.head)
    if nearest is None:
        return None
    return Decision(nearest, None) if matched is None else Decision(matched, matched.index == nearest.index)


def selective_rate(chosen: Sequence[str | None], teachers: Sequence[str]) -> dict[str, float]:
    """The share of clips whose selected caption comes from each teacher (paper, Figure 7).

    Args:
        chosen: the column ``caption_teacher``; ``None`` for a clip without a selected caption, which is left out.
        teachers: the teachers to report, also those never chosen.

    Returns:
        Shares in [0, 1]; all 0 when no clip has a caption.
    """
    counts = Counter(name for name in chosen if name is not None)
    total = sum(counts.values())
    return {teacher: counts[teacher] / total if total else 0.0 for teacher in teachers}


def agreement(first: Sequence[str | None], second: Sequence[str | None]) -> float | None:
    """How often two choosers (selectors, annotators) took the same teacher's caption.

    Args:
        first, second: one teacher per clip, in the same order; ``None`` where one made no choice: not counted.

    Returns:
        A share in [0, 1]; ``None`` when no clip was judged by both.

    Raises:
        ValueError: when the two do not speak of the same number of clips.
    """
    if len(first) != len(second):
        raise ValueError(f"agreement needs choices for the same clips, got {len(first)} and {len(second)}")
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    return sum(a == b for a, b in both) / len(both) if both else None
