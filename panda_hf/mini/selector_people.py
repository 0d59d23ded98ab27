"""Simulated annotators: people who pick the best of a clip's candidates by the truth, each with a taste and a mood."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from panda_hf.mini.selector_teachers import TEACHERS, Judged
from panda_hf.mini.truth import FactScore
from panda_hf.selection.answers import AnsweredClip


@dataclass(frozen=True)
class Person:
    """An annotator.

    Attributes:
        name: who.
        fullness: how much a fact that is told counts beside one that is told wrongly: the beta of an F-score.
    """

    name: str
    fullness: float

    def likes(self, score: FactScore) -> float:
        """How good a caption is to this person on an attentive day, 0 to 1."""
        weight = self.fullness**2
        below = weight * score.precision + score.recall
        return (1 + weight) * score.precision * score.recall / below if below else 0.0


PEOPLE = tuple(Person(f"annotator {k}", fullness) for k, fullness in enumerate((0.5, 0.7, 1.0, 1.4, 2.0), start=1))
"""From one who minds mistakes to one who minds gaps."""
MOOD = 0.105
"""Standard deviation of what a person adds to each caption on each clip: with it two of them pick the same caption
about as often as two people of the paper do, 44.9 %."""
PATIENCE = 0.76
"""Below it even the best caption is bad: about 12 % of the answers, as in the paper."""


def answered(
    clips: Sequence[Judged], seed: int = 0, teachers: Sequence[str] = TEACHERS, people: Sequence[Person] = PEOPLE
) -> list[AnsweredClip]:
    """What each person answers about each clip; the same clips and seed get the same answers.

    Args:
        clips: with candidates; blank ones are shown to nobody.
        seed: of the moods.
        teachers: who wrote the candidates.
        people: who answers.
    """
    return [_answered(clip, seed, tuple(teachers), people) for clip in clips if any(map(str.strip, clip.captions))]


def _answered(clip: Judged, seed: int, teachers: tuple[str, ...], people: Sequence[Person]) -> AnsweredClip:
    shown = [k for k, caption in enumerate(clip.captions) if caption.strip()]
    captions = tuple(clip.captions[k] for k in shown)
    scores = {clip.captions[k]: clip.scores[k] for k in shown}
    picked = {person.name: _pick(person, clip.clip_id, scores, seed) for person in people}
    picks = {name: frozenset(k for k, said in enumerate(captions) if said == best) for name, best in picked.items()}
    return AnsweredClip(clip.clip_id, tuple(teachers[k] for k in shown), captions, picks)


def _pick(person: Person, clip_id: str, scores: Mapping[str, FactScore], seed: int) -> str | None:
    """The caption that pleases most, if any does; teachers who wrote the same words are picked together."""
    digest = hashlib.sha256(f"{seed} {person.name} {clip_id}".encode()).digest()
    moods = np.random.default_rng(int.from_bytes(digest[:8])).normal(0, MOOD, len(scores))
    felt = [(person.likes(score) + mood, said) for (said, score), mood in zip(scores.items(), moods, strict=True)]
    best, said = max(felt)
    return said if best >= PATIENCE else None
