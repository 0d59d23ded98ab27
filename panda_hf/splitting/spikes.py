"""Whether big frames begin shots, told by decoding them alone, upon a picture from which they were not coded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from panda_hf.splitting.doubt import GroupDoubt
from panda_hf.splitting.jumps import OTHER_VIEW, is_same_view
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.need import Need
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.video import Frame
from panda_hf.video.groups import GroupReader
from panda_hf.video.packets import PacketIndex

FAR = 0.34
"""So far from the picture before it is a frame of another shot, though its details be the same in another light. Of
430 that were tried and begin none, in 140 films by x264, three were so far from it."""

WORTH = 1.5
"""A trial may spare so many times the bytes that it has decoded."""


@dataclasses.dataclass(frozen=True)
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
    leapt: set[int] = dataclasses.field(default_factory=set)
    """Frames that seemed jump cuts, counted from the beginning of the video."""

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
        tried: Sequence[int] = ()
        if following is not None:
            doubt, tried = self._without_old(doubt, this, following, needed)
        next_key = None if following is None else following.key
        needed = max(needed, self.need.frames(doubt, len(this), this.key, next_key))
        return self._with_new(doubt, this, [spike for spike in doubt.slight if spike > needed and spike not in tried])

    def _without_old(
        self, doubt: GroupDoubt, this: OpenGroup, following: OpenGroup, needed: int
    ) -> tuple[GroupDoubt, Sequence[int]]:
        """Without the spikes at the end that begin no shot, where trying them may spare much, and those tried."""
        counts = [
            self.need.frames(doubt.without_spikes(tried), len(this), this.key, following.key)
            for tried in range(1 + len(doubt.spikes))
        ]
        at_stake = sum(count > counts[-1] for count in counts)
        spikes = doubt.spikes[len(counts) - 1 - at_stake :]
        if not self._is_worth_it(spikes, this, counts[0], max(needed, counts[-1])):
            return doubt, ()
        runs = self._tried(this, spikes)
        self._note(this, [spike for spike, run in runs.items() if leaps(run)])
        begin = [
            number for number, spike in enumerate(spikes, 1) if spike not in runs or begins_a_shot(*runs[spike][-2:])
        ]
        return doubt.without_spikes(at_stake - max(begin, default=0)), spikes

    def _with_new(self, doubt: GroupDoubt, this: OpenGroup, spikes: Sequence[int]) -> GroupDoubt:
        """With the last spike that seems to be a jump cut: on such, from a scene to itself, seen from nearer or a
        little later, encoders put no key frame."""
        new = [spike for spike, run in self._tried(this, spikes).items() if leaps(run)]
        self._note(this, new)
        return doubt.up_to_spike(new[-1]) if new else doubt

    def _note(self, this: OpenGroup, leapt: Sequence[int]) -> None:
        self.leapt.update(this.group.first + spike for spike in leapt)

    def _tried(self, this: OpenGroup, spikes: Sequence[int]) -> dict[int, list[Look]]:
        """For each spike what is shown up to it if the spikes are decoded right after the key frame, one upon another,
        and before each the frame before it, B-frames left out; without those that cannot be decoded so."""
        first = this.group.first
        anchors = np.flatnonzero(~self.index.bidirectional[first : this.group.last])
        before = {spike: int(anchors[anchors < spike][-1]) for spike in spikes}
        wanted = [first + place for place in sorted({*before, *before.values()} - {0})]
        found = self.reader.upon(this.group, wanted) if spikes else {}
        run = [this.key, *(self.look(found[frame]) for frame in wanted if frame in found)]
        places = [look.frame - first for look in run]
        return {
            spike: run[: places.index(spike) + 1]
            for spike in spikes
            if spike in places and places[places.index(spike) - 1] == before[spike]
        }

    def _is_worth_it(self, spikes: Sequence[int], this: OpenGroup, most: int, least: int) -> bool:
        """Whether to try so many spikes, so that perhaps ``least`` frames rather than ``most`` are decoded."""
        if not spikes:
            return False
        first, sizes = this.group.first, self.index.sizes
        spared = slice(first + 1 + least, first + 1 + most)
        at_stake = sizes[spared][~self.index.bidirectional[spared]].sum()
        return bool(at_stake >= WORTH * (sizes[first] + sizes[[first + spike for spike in spikes]].sum()))


def leaps(run: Sequence[Look]) -> bool:
    """Whether the last of some frames, decoded one upon another, begins a shot, and the one before it shows what an
    earlier one does: else what moves makes every frame another view."""
    *earlier, before, after = run
    is_calm = not earlier or any(is_same_view(look.yuv, before.yuv) for look in earlier)
    return is_calm and begins_a_shot(before, after)


def begins_a_shot(before: Look, after: Look) -> bool:
    """Whether a frame may begin a shot, by what it becomes if it is decoded upon one from which it was not coded: one
    that goes on a shot takes over what lies there, nearly where it was."""
    distance = apart(before, after)
    return distance >= FAR or (distance >= OTHER_VIEW and not is_same_view(before.yuv, after.yuv))
