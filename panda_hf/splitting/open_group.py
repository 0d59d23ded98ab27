"""A group of pictures that is looked at little by little, each frame once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.scores import ADAPTIVE_REACH
from panda_hf.video.groups import Group

FAST = 0.3
"""Descriptors of two of the first frames of a group that are so far apart show fast movement."""


class OpenGroup:
    """A group whose key frame was looked at, and of the frames after it as many as were asked for so far.

    Args:
        group: the packets.
        key: its key frame.
        rest: what is looked at of the frames after it, in order; decoded as it is asked for.
        lively: whether its bytes say that much may move in its first frames.
    """

    def __init__(self, group: Group, key: Look, rest: Iterator[Look], *, lively: bool = False) -> None:
        self.group, self.key, self._rest = group, key, rest
        self._lively = lively
        self._seen = [key]

    def __len__(self) -> int:
        """Its frames, the key frame among them."""
        return self.group.last - self.group.first

    def __iter__(self) -> Iterator[Look]:
        """From the key frame on, in order."""
        yield from self._seen
        for look in self._rest:
            self._seen.append(look)
            yield look

    def beginning(self, count: int) -> list[Look]:
        """The first frames after the key frame, at most so many."""
        return list(islice(self, 1, 1 + count))

    def moves_fast(self) -> bool:
        """Whether something moves so fast right after the key frame that movement, rather than a cut, may have called
        for that."""
        return self._lively and any(apart(one, two) >= FAST for one, two in pairwise(islice(self, 1 + ADAPTIVE_REACH)))
