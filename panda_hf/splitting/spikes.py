"""Whether big frames begin shots, told by decoding them alone, upon pictures from which they were not coded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

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

GOES_ON = 0.13
"""What resembles the picture so much goes on, whatever it is the same upon."""

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

    def settle(self, doubt: GroupDoubt, this: OpenGroup, following: OpenGroup | None, needed: int) -> GroupDoubt:
        """What is in doubt about a group if its spikes are looked at alone.

        Args:
            doubt: what the bytes say.
            this: the group.
            following: the next one; ``None``: the file ends.
            needed: so many of its frames are decoded anyway.
        """
        if not (doubt.spikes or doubt.slight):
            return doubt
        if following is not None:
            doubt = self._without_old(doubt, this, following, needed)
        next_key = None if following is None else following.key
        needed = max(needed, self.need.frames(doubt, len(this), this.key, next_key))
        return self._with_new(doubt, this, following, [spike for spike in doubt.slight if spike > needed])

    def _without_old(self, doubt: GroupDoubt, this: OpenGroup, following: OpenGroup, needed: int) -> GroupDoubt:
        """Without the spikes at the end that begin no shot, where trying them may spare much."""
        counts = [
            self.need.frames(doubt.without_spikes(tried), len(this), this.key, following.key)
            for tried in range(1 + len(doubt.spikes))
        ]
        at_stake = sum(count > counts[-1] for count in counts)
        spikes = doubt.spikes[len(counts) - 1 - at_stake :]
        if not self._is_worth_it(spikes, this, following, counts[0], max(needed, counts[-1])):
            return doubt
        tried = 0
        while tried < at_stake and not self._may_begin_a_shot(doubt.spikes[-1 - tried], this, following):
            tried += 1
        return doubt.without_spikes(tried)

    def _with_new(
        self, doubt: GroupDoubt, this: OpenGroup, following: OpenGroup | None, spikes: Sequence[int]
    ) -> GroupDoubt:
        """With the last slight spike that seems to begin a shot: so do cuts from a scene to itself, seen from nearer
        or a little later, on which encoders put no key frame."""
        frames = [this.group.first + spike for spike in spikes]
        looks = self._upon(this, this, frames)
        run = [this.key, *looks]
        if all(apart(one, two) < GOES_ON for one, two in pairwise(run)):
            return doubt
        below = None if following is None else following.key
        others = {} if following is None else {look.frame: look for look in self._upon(following, this, frames)}
        new = 0
        for one, two in pairwise(run):
            other = others.get(two.frame)
            upon, becomes = ((one,), (two,)) if below is None or other is None else ((one, below), (two, other))
            if apart(one, two) >= GOES_ON and begins_a_shot(upon, becomes):
                new = two.frame - this.group.first
            below = other
        return doubt.up_to_spike(new) if new else doubt

    def _upon(self, key: OpenGroup, group: OpenGroup, frames: Sequence[int]) -> list[Look]:
        """See :meth:`GroupReader.upon`."""
        found = self.reader.upon(key.group, group.group, frames) if frames else {}
        return [self.look(found[frame]) for frame in frames if frame in found]

    def _is_worth_it(
        self, spikes: Sequence[int], this: OpenGroup, following: OpenGroup, most: int, least: int
    ) -> bool:
        """Whether to try so many spikes, so that perhaps ``least`` frames rather than ``most`` are decoded."""
        if not spikes:
            return False
        first, last = this.group.first, this.group.last
        sizes = self.index.sizes
        cost = len(spikes) * (sizes[first] + sizes[last]) + 2 * sizes[[first + spike for spike in spikes]].sum()
        spared = slice(first + 1 + least, first + 1 + most)
        return bool(sizes[spared][~self.index.bidirectional[spared]].sum() >= WORTH * cost)

    def _may_begin_a_shot(self, at: int, this: OpenGroup, following: OpenGroup) -> bool:
        frames = self._upon(this, this, [this.group.first + at])
        if not frames or apart(this.key, frames[0]) >= RESEMBLES:
            return True
        frames += self._upon(following, this, [this.group.first + at])
        return begins_a_shot((this.key, following.key), frames)


def begins_a_shot(upon: Sequence[Look], frames: Sequence[Look]) -> bool:
    """Whether a frame may begin a shot: ``True`` too where that cannot be told.

    Args:
        upon: two pictures, the key frame before and the one after; or the former alone.
        frames: what it becomes if it is decoded upon each. Blocks that are coded from other frames take over what
            lies there; such as are coded without, as nearly all of a new picture are, come out the same.
    """
    if apart(upon[0], frames[0]) >= RESEMBLES:
        return True
    if min(len(upon), len(frames)) < 2:
        return True
    differs = _farthest(upon[0].yuv, upon[1].yuv) >= UNLIKE
    if differs.mean() < LEAST_UNLIKE:
        return True
    return bool((_farthest(frames[0].yuv, frames[1].yuv)[differs] <= ALIKE).mean() >= LEAST_ALIKE)


def _farthest(one: Image, two: Image) -> Image:
    """How far apart each pixel is, by Y, U or V, whichever differs most."""
    return np.asarray((np.maximum(one, two) - np.minimum(one, two)).max(axis=2), np.uint8)
