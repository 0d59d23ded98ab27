"""How far annotators agree: pair by pair, and over all of them. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from panda_hf.annotation.answers import Answer


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How often two people, or all pairs of people, said the same.

    Attributes:
        clips: judged by both; over all pairs, the sum of theirs.
        share: the mean overlap of their choices, 0 to 1: chosen by both over chosen by either, where both saying
            "all bad" is 1. Where one caption is picked it is the share of equal picks.
        above_chance: (share - chance) / (1 - chance), where chance is that of picking evenly among the captions and
            "all bad" (each clip has other captions, in another order, so that no answer is likelier than another).
            ``None`` where more than one caption may be chosen.
    """

    clips: int
    share: float
    above_chance: float | None


def agreement(first: Mapping[str, Answer], second: Mapping[str, Answer]) -> Agreement | None:
    """The agreement of two people; ``None`` when they judged no clip of the same captions both."""
    return _measured(_both(first, second))


def pairwise(answers: Mapping[str, Mapping[str, Answer]]) -> dict[tuple[str, str], Agreement]:
    """The agreement of every two people who judged a clip both, by their names."""
    pairs = itertools.combinations(sorted(answers), 2)
    found = {(a, b): agreement(answers[a], answers[b]) for a, b in pairs}
    return {pair: one for pair, one in found.items() if one is not None}


def overall(answers: Mapping[str, Mapping[str, Answer]]) -> Agreement | None:
    """The agreement over all pairs of people, each clip of each pair counted once; ``None`` without such a clip."""
    pairs = itertools.combinations(sorted(answers), 2)
    return _measured(list(itertools.chain.from_iterable(_both(answers[a], answers[b]) for a, b in pairs)))


def _both(first: Mapping[str, Answer], second: Mapping[str, Answer]) -> list[tuple[Answer, Answer]]:
    return [
        (answer, second[clip])
        for clip, answer in first.items()
        if clip in second and second[clip].candidates == answer.candidates
    ]


def _measured(both: list[tuple[Answer, Answer]]) -> Agreement | None:
    if not both:
        return None
    share = _mean(_overlap(a, b) for a, b in both)
    if any(answer.mode == "good" for pair in both for answer in pair):
        return Agreement(clips=len(both), share=share, above_chance=None)
    chance = _mean(1 / (len(a.shown) + 1) for a, _ in both)
    return Agreement(clips=len(both), share=share, above_chance=(share - chance) / (1 - chance))


def _overlap(a: Answer, b: Answer) -> float:
    either = set(a.chosen) | set(b.chosen)
    return len(set(a.chosen) & set(b.chosen)) / len(either) if either else 1.0


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
