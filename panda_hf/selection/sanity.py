"""The guard against selectors that do not see: a few clips that each must find their own caption."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import MINI_PREFIX

MINI_SET = Path(__file__).parent / "sanity_mini.npz"
"""Clips of the film world from ``panda_hf.mini.sanity_clips``: ``frames`` uint8 (clips, n, h, w, 3), ``captions``."""
LEVEL = 0.01
"""A selector that scores at random passes with at most this probability."""


def sanity_set(checkpoint: str) -> Path | None:
    """The clips that a checkpoint is tried on: those of its preset, by its name.

    ``None`` for every checkpoint that is not shipped: what it was trained to see is not known here, so nothing that it
    must recognise can be shown to it.
    """
    return MINI_SET if checkpoint.startswith(MINI_PREFIX) else None


def check_sanity(
    score: Callable[[np.ndarray, Sequence[str]], list[float]], clips: Path, checkpoint: str = "the selector"
) -> int:
    """Let every clip choose among the captions of all; return how many found their own.

    Args:
        score: called with frames and captions, such as a ``Scorer``.
        clips: a sanity set.
        checkpoint: what the message calls it.

    Raises:
        CheckpointError: when so few found it that chance would explain it.
    """
    with np.load(clips, allow_pickle=False) as held:
        frames, captions = held["frames"], [str(caption) for caption in held["captions"]]
    found = sum(int(np.argmax(score(clip, captions))) == i for i, clip in enumerate(frames))
    needed = least_hits(len(captions))
    if found < needed:
        raise CheckpointError(
            f"{checkpoint!r} is at chance: only {found} of {len(captions)} clips of its sanity set found their own "
            f"caption, {needed} would tell it from guessing. Its weights or its processor are broken; make or "
            f"download them again, or skip this check (sanity='skip')"
        )
    return found


def least_hits(clips: int) -> int:
    """The smallest number of hits that a random choice among as many captions reaches with at most ``LEVEL``."""
    chance, tail = 1 / clips, 1.0
    for hits in range(clips + 1):
        if tail <= LEVEL:
            return hits
        tail -= math.comb(clips, hits) * chance**hits * (1 - chance) ** (clips - hits)
    return clips
