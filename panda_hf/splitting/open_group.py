"""A group of pictures that is looked at little by little, each frame once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from panda_hf.splitting.looks import Look
from panda_hf.video.groups import Group


class OpenGroup:
    """A group whose key frame was looked at, and of the frames after it as many as were asked for so far.

    Args:
        group: the packets.
        key: its key frame.
        rest: what is looked at of the frames after it, in order; decoded as it is asked for.
    """

    def __init__(self, group: Group, key: Look, rest: Iterator[Look]) -> None:
        self.group, self.key, self._rest = group, key, rest
        self._seen = [key]

    def __iter__(self) -> Iterator[Look]:
        """From the key frame on, in order."""
        yield from self._seen
        for look in self._rest:
            self._seen.append(look)
            yield look

    def beginning(self, count: int) -> list[Look]:
        """The first frames after the key frame, at most so many."""
        return list(islice(self, 1, 1 + count))
