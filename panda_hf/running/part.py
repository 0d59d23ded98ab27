"""`Part`: the shards of a run that fall to one of many machines."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One of ``of`` parts of a run: every shard whose number leaves the rest ``index``. By default all of it."""

    index: int = 0
    """From 0, like the rank of a process."""
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.of:
            raise ValueError(
                f"shard {self.index}/{self.of}: parts count from 0, so that of {self.of} the last is "
                f"{self.of - 1}/{self.of}"
            )

    @classmethod
    def parse(cls, text: str) -> Part:
        """``3/64``: the fourth of 64.

        Raises:
            ValueError: when it is not two such numbers.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip(), re.ASCII)
        if not found:
            raise ValueError(f"shard {text!r}: expected a rank and how many there are, from 0/64 to 63/64")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @property
    def file_name(self) -> str:
        """Names that sort as the parts do."""
        return f"{self.index:05d}-of-{self.of:05d}"

    def has(self, shard: int) -> bool:
        """Whether a shard belongs to this part."""
        return shard % self.of == self.index

    def videos(self, count: int | None, per_shard: int) -> int | None:
        """How many of ``count`` videos belong to this part; ``None`` when the count is not known."""
        if count is None:
            return None
        shards = range(-(-count // per_shard))
        return sum(min(per_shard, count - shard * per_shard) for shard in shards[self.index :: self.of])
