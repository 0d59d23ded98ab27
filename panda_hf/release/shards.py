"""One shard: blocks of CSV in, a Parquet file of clips out, and one of rejects where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from panda_hf.release.records import Reject, read_records
from panda_hf.release.source import Block, Header
from panda_hf.release.table import SCHEMA, to_rows
from panda_hf.rights import OptOut

PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": ["video_id", "url", "matching_score", "desirable_filtering"],
    "write_page_index": True,
}
"""Captions and times are all different, so a dictionary only costs; scores are a thousand half-precision numbers."""
ROW_GROUP = 65_536
"""Rows of a row group, at least."""

REJECTED = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("part", pa.string()),
        ("video_id", pa.string()),
        ("cause", pa.string()),
        ("text", pa.string()),
    ]
)


@dataclass(frozen=True)
class Place:
    """What a shard is called, and what its records are from."""

    folder: Path
    part: str
    number: int
    source: str

    @property
    def clips(self) -> Path:
        """The Parquet file of the clips, before the number of shards is known."""
        return self.folder / f"{self.part}-{self.number:05d}.parquet"

    @property
    def rejects(self) -> Path:
        """The Parquet file of the rejects."""
        return self.folder / "rejected" / f"{self.part.replace('/', '-')}-{self.number:05d}.parquet"


@dataclass
class ShardResult:
    """What came of a shard."""

    place: Place
    video_ids: pa.Array
    lines: np.ndarray
    clips: int = 0
    videos_read: int = 0
    causes: list[str] = field(default_factory=list)
    opted_out: int = 0
    opt_outs: set[str] = field(default_factory=set)
    """Entries of the opt-out list that named a record."""
    empty_lines: int = 0
    seconds: float = 0.0


def write_shard(place: Place, blocks: list[Block], header: Header, opt_out: OptOut) -> ShardResult:
    """Parse and write the blocks of one shard, whole videos in each row group; a shard without clips has no file.

    ``blocks`` is emptied on the way, so that the text of a block is held no longer than it is needed.
    """
    result = ShardResult(place, pa.array([], pa.string()), np.array([], np.int64))
    ids, lines, rejects = [], [], []
    waiting: list[pa.Table] = []
    writer = None
    try:
        while blocks:
            rows = to_rows(read_records(blocks.pop(0), header), opt_out)
            ids.append(rows.video_ids)
            lines.append(rows.lines)
            rejects += rows.rejects
            result.clips += rows.table.num_rows
            result.videos_read += rows.videos
            result.opted_out += rows.opted_out
            result.opt_outs |= rows.opt_outs
            result.empty_lines += rows.empty_lines
            result.seconds += rows.seconds
            waiting.append(rows.table)
            if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                writer = _write(waiting, writer, place)
        writer = _write(waiting, writer, place)
    finally:
        if writer is not None:
            writer.close()
    result.video_ids, result.lines = pa.concat_arrays(ids), np.concatenate(lines)
    result.causes = [reject.cause for reject in rejects]
    write_rejects(place.rejects, rejects, place)
    return result


def _write(waiting: list[pa.Table], writer: pq.ParquetWriter | None, place: Place) -> pq.ParquetWriter | None:
    """Write the waiting tables as one row group, if they hold any row."""
    table = pa.concat_tables(waiting) if waiting else None
    waiting.clear()
    if table is None or not table.num_rows:
        return writer
    writer = writer or open_writer(place.clips)
    writer.write_table(table, row_group_size=table.num_rows)
    return writer


def open_writer(path: Path) -> pq.ParquetWriter:
    """A writer of clip rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return pq.ParquetWriter(path, SCHEMA, **PARQUET)


def write_rejects(path: Path, rejects: Sequence[Reject], place: Place) -> None:
    """Write rejects in the order of their lines; no file for none."""
    if not rejects:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "file": place.source,
            "line": r.line,
            "part": place.part,
            "video_id": r.video_id,
            "cause": r.cause,
            "text": r.text,
        }
        for r in sorted(rejects, key=lambda reject: reject.line)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=REJECTED), path, compression="zstd")
