"""Write a stream of tables to Parquet files of a bounded number of rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_FILE = 1_000_000
"""A file that has so many rows is closed."""
ROW_GROUP = 20_000
"""A group that has so many rows, all of which a streaming reader must fetch at once, is written."""
_GROUP_BYTES = 64 * 2**20


def write_shards(tables: Iterable[pa.Table], schema: pa.Schema, folder: Path) -> dict[str, int]:
    """Write ``train-00000-of-000NN.parquet`` and so on, each synced to disk.

    Args:
        tables: of any number of rows, all in ``schema``.
        schema: with what ``datasets`` noted of the types.
        folder: exists and holds no such files yet.

    Returns:
        Rows by file name; no file where there are no rows.
    """
    rows: list[int] = []
    for part in _files(_groups(tables)):
        with open(folder / f"{len(rows)}", "wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                rows.append(sum(_written(writer, group) for group in part))
            file.flush()
            os.fsync(file.fileno())
    named = {f"train-{i:05d}-of-{len(rows):05d}.parquet": count for i, count in enumerate(rows)}
    for i, name in enumerate(named):
        os.replace(folder / f"{i}", folder / name)
    return named


def _written(writer: pq.ParquetWriter, group: pa.Table) -> int:
    writer.write_table(group)
    return group.num_rows


def _files(groups: Iterator[pa.Table]) -> Iterator[Iterator[pa.Table]]:
    """The groups of each file in turn; one must be used up before the next is asked for."""
    ahead = next(groups, None)
    while ahead is not None:

        def of_one_file() -> Iterator[pa.Table]:
            nonlocal ahead
            rows = 0
            while ahead is not None and rows < ROWS_PER_FILE:
                rows += ahead.num_rows
                yield ahead
                ahead = next(groups, None)

        yield of_one_file()


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ``ROW_GROUP`` rows or up to twice that, fewer where rows are large."""
    waiting: list[pa.Table] = []
    for table in tables:
        for piece in _pieces(table):
            waiting.append(piece)
            if sum(part.num_rows for part in waiting) >= ROW_GROUP or sum(p.nbytes for p in waiting) > _GROUP_BYTES:
                yield pa.concat_tables(waiting)
                waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, ROW_GROUP) for start in range(0, table.num_rows, ROW_GROUP))
