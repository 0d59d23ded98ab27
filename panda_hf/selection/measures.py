"""How well a selector chooses as people do, and how well people agree. Pure; shares are kept as sums, clip by clip.

Each measure is an array (clips, 2): how much was right and how much was asked, so that a share over clips and its
interval follow by drawing clips. An annotator who found all candidates bad asks nothing, as in the paper, which left
such clips out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from panda_hf.selection.answers import AnsweredClip


def recall_one(clips: Sequence[AnsweredClip], chosen: Sequence[int]) -> np.ndarray:
    """Recall at 1 against one annotator: every answer asks whether it holds the candidate chosen for its clip.

    Args:
        clips: the answers.
        chosen: the selector's candidate of each clip.
    """
    return np.array(
        [
            [sum(pick in picked for picked in _said(clip)), len(_said(clip))]
            for clip, pick in zip(clips, chosen, strict=True)
        ],
        dtype=float,
    )


def recall_any(clips: Sequence[AnsweredClip], chosen: Sequence[int]) -> np.ndarray:
    """Recall at 1 against any of several: each clip asks whether some annotator picked the candidate chosen for it."""
    return np.array(
        [[pick in clip.wanted, bool(clip.wanted)] for clip, pick in zip(clips, chosen, strict=True)], dtype=float
    )


def human_one(clips: Sequence[AnsweredClip]) -> np.ndarray:
    """Human agreement: of every annotator's picks the share that another one also picked, for all ordered pairs."""
    table = []
    for clip in clips:
        said = _said(clip)
        pairs = [(a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
        table.append([sum(len(a & b) / len(a) for a, b in pairs), len(pairs)])
    return np.array(table, dtype=float)


def human_any(clips: Sequence[AnsweredClip]) -> np.ndarray:
    """What an annotator reaches against any of the others: a ceiling for :func:`recall_any` where few answered."""
    table = []
    for clip in clips:
        said = _said(clip)
        shares = [
            len(mine & frozenset().union(*(other for j, other in enumerate(said) if j != i))) / len(mine)
            for i, mine in enumerate(said)
        ]
        table.append([sum(shares), len(shares)] if len(said) > 1 else [0.0, 0.0])
    return np.array(table, dtype=float)


def all_bad(clips: Sequence[AnsweredClip]) -> np.ndarray:
    """Answers that found all candidates bad, of all answers."""
    return np.array([[sum(not p for p in clip.picks.values()), len(clip.picks)] for clip in clips], dtype=float)


def chance(clips: Sequence[AnsweredClip]) -> np.ndarray:
    """What :func:`recall_one` of a random choice would be."""
    return np.array(
        [[sum(len(p) / len(clip.captions) for p in _said(clip)), len(_said(clip))] for clip in clips], dtype=float
    )


def share(table: np.ndarray) -> float | None:
    """The share over all clips; ``None`` when nothing was asked."""
    right, asked = table.sum(axis=0) if len(table) else (0.0, 0.0)
    return float(right / asked) if asked else None


def selective_rates(clips: Sequence[AnsweredClip], chosen: Mapping[str, Sequence[int]]) -> dict[str, dict[str, float]]:
    """Whose captions are chosen: the share of each teacher, by selectors and by annotators (paper, Figure 3).

    Args:
        clips: the answers.
        chosen: by the name of a selector, its candidate of each clip.

    Returns:
        By chooser, selectors first, then ``annotators``, all answers together, then every annotator of several; shares
        that sum to 1. An annotator who picked several candidates divides one choice among them.
    """
    teachers = list(dict.fromkeys(teacher for clip in clips for teacher in clip.teachers))
    counts: dict[str, Counter[str]] = {name: Counter() for name in chosen}
    for name, picks in chosen.items():
        counts[name].update(clip.teachers[pick] for clip, pick in zip(clips, picks, strict=True))
    people = sorted({name for clip in clips for name in clip.picks})
    counts |= {"annotators": Counter(), **{f"annotator {name}": Counter() for name in people if len(people) > 1}}
    for clip in clips:
        for name, picked in clip.picks.items():
            for whose in ("annotators", f"annotator {name}"):
                for k in picked if whose in counts else ():
                    counts[whose][clip.teachers[k]] += 1 / len(picked)  # type: ignore[assignment]
    return {
        name: {teacher: found[teacher] / total if (total := sum(found.values())) else 0.0 for teacher in teachers}
        for name, found in counts.items()
    }


def _said(clip: AnsweredClip) -> list[frozenset[int]]:
    return [picked for picked in clip.picks.values() if picked]
