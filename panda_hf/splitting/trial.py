"""Whether going from group to group spares enough, where the encoder did not look for cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panda_hf.splitting.doubt import GroupDoubt
from panda_hf.splitting.looks import Look
from panda_hf.splitting.need import Need

TRIAL_GROUPS, LITTLE = 6, 0.8
"""After so many groups, or by the key frames of so many, no more are skipped if that spares less than the rest of this
share: key frames need not be decoded twice then."""


@dataclass(frozen=True)
class Trial:
    """The question, for one video.

    Args:
        groups: each key frame and the frames after it, half-open.
        doubts: what the bytes say of each.
        need: how much of a group must be decoded.
    """

    groups: Sequence[tuple[int, int]]
    doubts: Sequence[GroupDoubt]
    need: Need

    def is_in_vain(self, keys: Sequence[Look]) -> bool:
        """Whether the first groups, by their key frames alone, would nearly all be decoded."""
        spans = self.groups[:TRIAL_GROUPS]
        after: list[Look | None] = [*keys[1:], None]
        wanted = (
            self.need.frames(doubt, last - first, key, next_key)
            for doubt, (first, last), key, next_key in zip(self.doubts, spans, keys, after, strict=False)
        )
        return sum(wanted) >= LITTLE * spans[-1][1]

    def spares_little(self, number: int, decoded: int) -> bool:
        """Whether it would be as well to decode all of the groups from the ``number``-th on, seen that so many frames
        were decoded of those before."""
        return number >= TRIAL_GROUPS and decoded >= LITTLE * self.groups[number][0]
