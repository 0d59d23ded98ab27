"""What the miniature's student learns from: clips, the captions that the selector prefers, the words around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from panda_hf.mini import world
from panda_hf.mini.selector_clips import mirrored, shaken
from panda_hf.mini.selector_teachers import Judged
from panda_hf.mini.speech import text_words
from panda_hf.training.student_examples import StudentExample

SHARPNESS = 80.0
"""How sure the selector is held to be: candidates are drawn by exp(this * matching score), so that one close to the
best is learned from too. At the usual distances the best comes three times of four."""


@dataclass(frozen=True)
class PickedClips:
    """Clips with captions as the selector scored them, never with the truth; ``Clips`` of the training.

    Args:
        clips: with the teachers' captions.
        scores: of the selector, for each caption; ``None`` where there is none.
        varied: draw among the captions by their scores, and show every other clip in a mirror, shaken; else the
            caption of the highest score, and the frames as they are.
    """

    clips: Sequence[Judged]
    scores: Sequence[Sequence[float | None]]
    varied: bool = True

    @property
    def parts(self) -> Sequence[int]:
        """All lie together."""
        return (len(self.clips),)

    def example(self, index: int, shares: Sequence[float]) -> StudentExample:
        """A clip; ``shares``, which differ at each visit, are also what mirror, noise and caption are drawn from."""
        clip, scores = self.clips[index], self.scores[index]
        plain = StudentExample(
            np.array(clip.frames), best(clip, scores), clip.subtitle, clip.title, clip.description, clip.clip_id
        )
        if not self.varied:
            return plain
        rng = np.random.default_rng([index, *(int(share * 2**32) for share in shares)])
        caption = clip.captions[int(rng.choice(len(scores), p=chances(scores)))]
        shown = replace(plain, frames=shaken(plain.frames, rng), caption=caption)
        # some would show in a mirror what is held aside
        return _mirrored(shown) if rng.random() < 0.5 and mirrored(clip.scene) is not None else shown


def _mirrored(example: StudentExample) -> StudentExample:
    """The pictures the other way round, and all words with them."""

    def turned(text: str | None) -> str | None:
        return None if text is None else in_mirror(text)

    return replace(
        example,
        frames=np.ascontiguousarray(example.frames[:, :, ::-1]),
        caption=in_mirror(example.caption),
        subtitle=turned(example.subtitle),
        title=turned(example.title),
        description=turned(example.description),
    )


def best(clip: Judged, scores: Sequence[float | None]) -> str:
    """The caption of the highest score; empty where there is none."""
    return max(((score, caption) for score, caption in zip(scores, clip.captions, strict=True) if score is not None),
               default=(0.0, ""), key=lambda pair: pair[0])[1]  # fmt: skip


def chances(scores: Sequence[float | None]) -> np.ndarray:
    """How often each candidate is drawn; adds up to 1. Where none has a score, all are drawn alike: all are blank."""
    if all(score is None for score in scores):
        return np.full(len(scores), 1 / len(scores))
    known = np.array([-np.inf if score is None else score for score in scores])
    weights = np.exp(SHARPNESS * (known - known.max()))
    return weights / weights.sum()


def told_words(clip: Judged) -> set[str]:
    """The words of title, description and subtitle, in lower case."""
    return set(text_words(" ".join(filter(None, (clip.subtitle, clip.title, clip.description)))))


def names_in(text: str) -> set[str]:
    """The names of things and places that a text or a caption tells.

    Example:
        >>> sorted(names_in("Meet Kiki! Welcome to Paris."))
        ['kiki', 'paris']
    """
    return {*world.NAMES, *world.PLACES} & set(text_words(text))


def without_guessed_names(clip: Judged, scores: Sequence[float | None]) -> list[float | None]:
    """The scores, ``None`` for captions with a name that nothing around the clip tells, unless all are such.

    Nobody can see what something is called: a teacher guessed it.
    """
    told = told_words(clip)
    rows = zip(clip.captions, scores, strict=True)
    kept = [score if names_in(caption) <= told else None for caption, score in rows]
    return list(scores) if all(score is None for score in kept) else kept


def in_mirror(text: str) -> str:
    """A caption, or what is said, as it is true in a mirror.

    Example:
        >>> in_mirror("a ball slides to the left")
        'a ball slides to the right'
    """
    return re.sub(r"\b(left|right)\b", lambda word: "right" if word[0] == "left" else "left", text)
