"""The score below which the best candidate is bad too, found from annotated answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panda_hf.errors import SourceError


@dataclass(frozen=True)
class Threshold:
    """A lower bound on the score that decides.

    Attributes:
        min_score: for ``Select(min_score=...)``.
        precision: of the clips that are kept, the share whose chosen caption is good.
        low: the lower end of the 95 % Wilson interval around it.
        kept: the share of clips that are kept.
        recall: of the clips whose chosen caption is good, the share that is kept.
        clips: how many clips it was found on.
    """

    min_score: float
    precision: float
    low: float
    kept: float
    recall: float
    clips: int


def calibrated(scores: Sequence[float], good: Sequence[bool], precision: float, *, safely: bool = False) -> Threshold:
    """The lowest threshold that keeps captions of a wanted precision: it sets as few clips aside as it can.

    Args:
        scores: of the chosen candidate of each clip.
        good: whether an annotator picked it; ``False`` where all candidates are bad.
        precision: wanted, in (0, 1].
        safely: ask it of the lower end of the interval instead of the share itself: few answers then give a higher
            threshold.

    Raises:
        SourceError: without clips, or when no threshold reaches it.
    """
    if not scores or not 0 < precision <= 1:
        raise SourceError(f"precision {precision} over {len(scores)} clips: (0, 1] and one clip or more are needed")
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    ranked, hits = np.asarray(scores, dtype=float)[order], np.cumsum(np.asarray(good, dtype=bool)[order])
    kept = np.arange(1, len(ranked) + 1)
    shares = hits / kept
    lows = wilson_low(hits, kept)
    last_of_equals = np.append(ranked[1:] < ranked[:-1], True)
    fits = np.flatnonzero(((lows if safely else shares) >= precision) & last_of_equals)
    if not len(fits):
        best = float((lows if safely else shares)[last_of_equals].max())
        raise SourceError(
            f"no threshold reaches a precision of {precision:g} on these {len(ranked):,} clips; the highest is "
            f"{best:.3f}. Ask for less, or improve the selector"
        )
    at = int(fits[-1])
    return Threshold(
        min_score=float(ranked[at]),
        precision=float(shares[at]),
        low=float(lows[at]),
        kept=float(kept[at] / len(ranked)),
        recall=float(hits[at] / hits[-1]) if hits[-1] else 0.0,
        clips=len(ranked),
    )


def wilson_low(hits: np.ndarray, tries: np.ndarray, z: float = 1.959964) -> np.ndarray:
    """The lower end of Wilson's interval of a share (95 % two-sided by default)."""
    share = hits / tries
    middle = share + z**2 / (2 * tries)
    spread = z * np.sqrt(share * (1 - share) / tries + z**2 / (4 * tries**2))
    return (middle - spread) / (1 + z**2 / tries)
