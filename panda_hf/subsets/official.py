"""The rules of the two subsets that were released beside the full Panda-70M."""

from __future__ import annotations

from panda_hf.subsets.rule import Subset

SCORE = 0.43
"""Clips of the released subsets have a matching score above this (the release's own description)."""
CLIPS_PER_VIDEO = 3
VIDEOS_OF_2M = 800_000


def panda_10m(seed: int = 0) -> Subset:
    """The rule of the released 10M: a matching score above 0.43, and at most 3 clips of a video.

    Which of a video's clips its authors chose is not published. Here they are drawn at random, so the result is a
    subset by the same rule, not the same rows; those are in the release's own file.
    """
    return Subset(above_score=SCORE, max_clips_per_video=CLIPS_PER_VIDEO, pick="random", seed=seed)


def panda_2m(seed: int = 0) -> Subset:
    """The rule of the released 2M: 800,000 videos with exactly 3 clips each, out of the 10M.

    As for :func:`panda_10m`, it is the same rule, not the same rows. With one seed it lies inside :func:`panda_10m`.
    """
    return Subset(
        above_score=SCORE, exactly_per_video=CLIPS_PER_VIDEO, pick="random", max_videos=VIDEOS_OF_2M, seed=seed
    )


OFFICIAL = {"10m": panda_10m(), "2m": panda_2m()}
"""The rules by the names of the released subsets."""
