"""Rows in blocks that hold whole videos, so that a rule may compare the clips of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from panda_hf.errors import SourceError
from panda_hf.subsets.hashing import Hashes, hash_ids

_UNSORTED = 2**18
"""Hashes of videos that wait to be merged into the sorted ones."""


@dataclass(frozen=True)
class Block:
    """Rows, and the runs of one video id after the other among them."""

    table: pa.Table
    ids: pa.Array | None
    """The video id of each run; ``None`` without a column of them."""
    lengths: np.ndarray
    """Rows of each run."""

    @classmethod
    def of(cls, table: pa.Table) -> Block:
        """A block of these rows."""
        if "video_id" not in table.column_names:
            return cls(table, None, np.array([table.num_rows]))
        ids = _video_ids(table)
        starts = _run_starts(ids)
        return cls(table, ids.take(pa.array(starts)), np.diff(np.append(starts, len(ids))))

    @property
    def runs(self) -> np.ndarray:
        """For each row the index of its run."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def blocks(tables: Iterable[pa.Table], *, whole_videos: bool) -> Iterator[Block]:
    """The rows of ``tables`` in blocks, in order.

    Args:
        tables: rows of any number.
        whole_videos: whether all clips of a video must be in one block, however large that makes it.

    Raises:
        SourceError: with ``whole_videos``, when a video comes back after another one: its clips could then not be
            compared without holding all rows in memory.
    """
    filled = (table for table in tables if table.num_rows)
    if not whole_videos:
        yield from map(Block.of, filled)
        return
    seen = SeenVideos()
    for table in _regrouped(filled):
        block = Block.of(table)
        seen.add(block.ids)
        yield block


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, cut only between videos."""
    waiting: list[pa.Table] = []
    for table in tables:
        ids = _video_ids(table)
        start = int(_run_starts(ids)[-1])
        if start == 0 and (not waiting or _last_id(waiting[-1]) == ids[0].as_py()):
            waiting.append(table)
            continue
        yield pa.concat_tables([*waiting, table.slice(0, start)])
        waiting = [table.slice(start)]
    if waiting:
        yield pa.concat_tables(waiting)


class SeenVideos:
    """Notices a video that comes back; 8 bytes a video."""

    def __init__(self) -> None:
        self._sorted: Hashes = np.zeros(0, np.uint64)
        self._recent: set[int] = set()

    def add(self, ids: pa.Array) -> None:
        """Remember the videos of a block.

        Raises:
            SourceError: naming one that was there before.
        """
        known = ids.drop_null()
        hashes = hash_ids(known, 0)
        places = np.minimum(np.searchsorted(self._sorted, hashes), max(len(self._sorted) - 1, 0))
        old = self._sorted[places] == hashes if len(self._sorted) else np.zeros(len(hashes), bool)
        for row, key in enumerate(hashes.tolist()):
            if old[row] or key in self._recent:
                raise SourceError(
                    f"the clips of video {known[row].as_py()!r} are not next to each other, and the rule compares the "
                    f"clips of a video. Sort the dataset by video_id first, or leave the rules per video out."
                )
            self._recent.add(key)
        if len(self._recent) > _UNSORTED:
            recent = np.fromiter(self._recent, np.uint64, len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, recent]))
            self._recent.clear()


def _video_ids(table: pa.Table) -> pa.Array:
    return table["video_id"].cast(pa.string()).combine_chunks()


def _run_starts(ids: pa.Array) -> np.ndarray:
    """The rows at which another id begins, the first row among them."""
    ends = np.asarray(pc.run_end_encode(ids).run_ends, np.int64)
    return np.concatenate([np.zeros(1, np.int64), ends[:-1]])


def _last_id(table: pa.Table) -> str | None:
    return table["video_id"][-1].as_py()
