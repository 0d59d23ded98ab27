"""Whether big frames begin shots, told by decoding them alone, upon pictures from which they were not coded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from panda_hf.splitting.doubt import GroupDoubt
from panda_hf.splitting.looks import Image, Look, apart
from panda_hf.splitting.need import Need
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.video import Frame
from panda_hf.video.groups import GroupReader
from panda_hf.video.packets import PacketIndex

RESEMBLES = 0.3
"""A frame that goes on a shot lets show through what it is decoded upon: nearer to that than this. Of 58 that begin a
shot long after a key frame, in 124 films by x264, the nearest was 0.45 from it."""

UNLIKE, LEAST_UNLIKE = 24, 0.2
"""Pixels of two pictures differ by so much, of 255, in so great a share of them at least: else nothing can be told."""

ALIKE, LEAST_ALIKE = 8, 0.08
"""There a frame that begins a shot is nearly the same upon both, no farther apart than this, in so great a share: half
of what is new, or more, for the rest is told by what is beside it."""

WORTH = 1.5
"""A trial may spare so many times the bytes that it has decoded."""


@dataclass(frozen=True)
class SpikeTrial:
    """Tries the big frames of groups of one video.

    Args:
        reader: decodes.
        index: the packets.
        need: how much of a group must be decoded.
        look: makes a frame small.
    """

    reader: GroupReader
    index: PacketIndex
    need: Need
    look: Callable[[Frame], Look]

    def settle(self, doubt: GroupDoubt, this: OpenGroup, following: OpenGroup, needed: int) -> GroupDoubt:
        """What is left of the doubt about a group if its spikes are looked at alone, the last one first.

        Args:
            doubt: what the bytes say.
            this: the group.
            following: the next one.
            needed: so many of its frames are decoded anyway.
        """
        counts = [
            self.need.frames(doubt.without_spikes(tried), len(this), this.key, following.key)
            for tried in range(1 + len(doubt.spikes))
        ]
        at_stake = sum(count > counts[-1] for count in counts)
        if not self._is_worth_it(
            doubt.spikes[len(counts) - 1 - at_stake :], this, following, counts[0], max(needed, counts[-1])
        ):
            return doubt
        tried = 0
        while tried < at_stake and not self._may_begin_a_shot(doubt.spikes[-1 - tried], this, following):
            tried += 1
        return doubt.without_spikes(tried)

    def _is_worth_it(
        self, spikes: Sequence[int], this: OpenGroup, following: OpenGroup, most: int, least: int
    ) -> bool:
        """Whether to try so many spikes, so that perhaps ``least`` frames rather than ``most`` are decoded."""
        first, last = this.group.first, this.group.last
        sizes, others = self.index.sizes, ~self.index.bidirectional
        cost = len(spikes) * (sizes[first] + sizes[last]) + 2 * sizes[[first + spike for spike in spikes]].sum()
        spared = slice(first + 1 + least, first + 1 + most)
        return bool(spikes) and bool(sizes[spared][others[spared]].sum() >= WORTH * cost)

    def _may_begin_a_shot(self, at: int, this: OpenGroup, following: OpenGroup) -> bool:
        frames = []
        for group in (this.group, following.group):
            frame = self.reader.upon(group, this.group, this.group.first + at)
            if frame is None:
                return True
            frames.append(self.look(frame))
            if not frames[1:] and apart(this.key, frames[0]) >= RESEMBLES:
                return True
        return begins_a_shot((this.key, following.key), (frames[0], frames[1]))


def begins_a_shot(upon: tuple[Look, Look], frames: tuple[Look, Look]) -> bool:
    """Whether a frame may begin a shot: ``True`` too where that cannot be told.

    Args:
        upon: two pictures, the key frame before and the one after.
        frames: what it becomes if it is decoded upon either. Blocks that are coded from other frames take over what
            lies there; such as are coded without, as nearly all of a new picture are, come out the same.
    """
    differs = _farthest(upon[0].yuv, upon[1].yuv) >= UNLIKE
    if differs.mean() < LEAST_UNLIKE:
        return True
    return bool((_farthest(frames[0].yuv, frames[1].yuv)[differs] <= ALIKE).mean() >= LEAST_ALIKE)


def _farthest(one: Image, two: Image) -> Image:
    """How far apart each pixel is, by Y, U or V, whichever differs most."""
    return np.asarray((np.maximum(one, two) - np.minimum(one, two)).max(axis=2), np.uint8)
