"""The rules that compare the clips of a video: at most so many, just so many, and which of them."""

from __future__ import annotations

import numpy as np

from panda_hf.subsets.blocks import Block
from panda_hf.subsets.clip_rules import CODE, Codes, clip_codes, numbers
from panda_hf.subsets.hashing import hash_ids
from panda_hf.subsets.rule import Subset


def block_codes(rule: Subset, block: Block) -> Codes:
    """What becomes of each clip by all rules but those over the whole dataset; see ``clip_rules.REASONS``."""
    codes = clip_codes(rule, block)
    if rule.per_video is None:
        return codes
    rows = np.flatnonzero(codes == 0)
    videos = block.runs[rows]
    counts = np.bincount(videos, minlength=len(block.lengths))
    codes[rows[_ranks(videos, _order(rule, block, rows)) >= rule.per_video]] = CODE["beyond the number per video"]
    if rule.exactly_per_video is not None:
        codes[rows[counts[videos] < rule.exactly_per_video]] = CODE["too few such clips in the video"]
    return codes


def _order(rule: Subset, block: Block, rows: np.ndarray) -> np.ndarray:
    """A number for each of ``rows``; those with the smallest are picked, of equal ones the first."""
    if rule.pick == "best":
        return -numbers(block.table, "matching_score")[rows]
    if rule.pick == "first":
        return numbers(block.table, "start")[rows]
    return hash_ids(block.table["clip_id"].combine_chunks(), rule.seed)[rows]


def _ranks(videos: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The place of each row among those of its video, from 0."""
    ranks = np.empty(len(videos), np.int64)
    by_video = np.lexsort((order, videos))
    starts = np.flatnonzero(np.diff(videos, prepend=-1))
    ranks[by_video] = np.arange(len(videos)) - np.repeat(starts, np.diff(np.append(starts, len(videos))))
    return ranks
