"""Limits over the whole dataset: so many videos, so many clips, drawn by the smallest hashes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from panda_hf.subsets.blocks import Block
from panda_hf.subsets.clip_rules import CODE, Codes
from panda_hf.subsets.hashing import Hashes, hash_ids
from panda_hf.subsets.rule import Subset
from panda_hf.subsets.video_rules import block_codes

_WAITING = 2**20
"""Hashes gathered before the largest ones are thrown away."""


@dataclass(frozen=True)
class Limits:
    """The largest hashes that are still in; ``None``: no limit."""

    video: int | None = None
    clip: int | None = None


def find_limits(rule: Subset, passes: Callable[[], Iterable[Block]]) -> Limits:
    """The limits that a rule draws, which takes a pass over the source for each.

    Args:
        rule: with ``max_videos``, ``max_clips``, both or none of them.
        passes: begins a pass over all blocks; called once for each limit.
    """
    limits = Limits()
    if rule.max_videos is not None:
        kept = (_kept_videos(rule, block) for block in passes())
        limits = replace(limits, video=_largest_of(kept, rule.max_videos))
    if rule.max_clips is not None:
        kept = (_kept_clips(rule, limits, block) for block in passes())
        limits = replace(limits, clip=_largest_of(kept, rule.max_clips))
    return limits


def all_codes(rule: Subset, limits: Limits, block: Block) -> Codes:
    """What becomes of each clip by all rules; see ``clip_rules.REASONS``."""
    codes = block_codes(rule, block)
    if limits.video is not None:
        beyond = np.repeat(hash_ids(block.ids, rule.seed) > limits.video, block.lengths)
        codes[(codes == 0) & beyond] = CODE["beyond the number of videos"]
    if limits.clip is not None:
        rows = np.flatnonzero(codes == 0)
        codes[rows[_clip_hashes(rule, block)[rows] > limits.clip]] = CODE["beyond the number of clips"]
    return codes


def _kept_videos(rule: Subset, block: Block) -> Hashes:
    kept = np.unique(block.runs[block_codes(rule, block) == 0])
    return hash_ids(block.ids, rule.seed)[kept]


def _kept_clips(rule: Subset, limits: Limits, block: Block) -> Hashes:
    return _clip_hashes(rule, block)[all_codes(rule, limits, block) == 0]


def _clip_hashes(rule: Subset, block: Block) -> Hashes:
    return hash_ids(block.table["clip_id"].combine_chunks(), rule.seed)


def _largest_of(parts: Iterable[Hashes], count: int) -> int | None:
    """The largest of the ``count`` smallest hashes, each counted once; ``None`` when there are no more than that."""
    kept, waiting, is_more = np.zeros(0, np.uint64), [np.zeros(0, np.uint64)], False
    for part in itertools.chain(parts, [None]):
        if part is not None:
            waiting.append(part)
        if part is None or sum(map(len, waiting)) > _WAITING:
            hashes = np.unique(np.concatenate([kept, *waiting]))
            kept, waiting, is_more = hashes[:count], [], is_more or len(hashes) > count
    return int(kept[-1]) if is_more else None
