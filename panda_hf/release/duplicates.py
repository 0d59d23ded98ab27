"""Videos that stand twice in a file: the first one is kept, the others become rejects."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from panda_hf.release.records import Reject
from panda_hf.release.shards import ShardResult, open_writer, write_rejects


def remove_duplicates(results: Sequence[ShardResult]) -> list[str]:
    """Rewrite the shards that hold a video again; return the cause of each.

    Args:
        results: the shards of one part in order; their counts are set right.
    """
    ids = pa.chunked_array([result.video_ids for result in results], pa.string())
    if pc.count_distinct(ids).as_py() == len(ids):
        return []
    lines = np.concatenate([result.lines for result in results])
    again = _repeated(ids, lines)
    causes, offset = [], 0
    for result in results:
        here = {place - offset: first for place, first in again.items() if 0 <= place - offset < len(result.video_ids)}
        offset += len(result.video_ids)
        if here:
            causes += _rewrite(result, here)
    return causes


def _repeated(ids: pa.ChunkedArray, lines: np.ndarray) -> dict[int, int]:
    """Place of each repeated video, to the line of its first record."""
    codes = ids.combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    firsts = first[codes]
    places = np.flatnonzero(firsts != np.arange(len(codes)))
    return {int(place): int(lines[firsts[place]]) for place in places}


def _rewrite(result: ShardResult, again: dict[int, int]) -> list[str]:
    """Take the repeated videos out of a shard: its clips go to a new file, the videos to the rejects."""
    path = result.place.clips
    causes, rejects, removed, seen = [], [], 0.0, 0
    new = path.with_suffix(".tmp")
    kept = 0
    with pq.ParquetFile(path) as file, open_writer(new) as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            owner = _owners(table["clip_id"], seen)
            seen = int(owner[-1]) + 1
            gone = np.isin(owner, list(again))
            for place in np.unique(owner[gone]).tolist():
                cause = f"duplicate: this video is in line {again[place]} already"
                rows = table.filter(pa.array(owner == place))
                rejects.append(_reject(rows, int(result.lines[place]), cause))
                causes.append(cause)
                removed += pc.sum(pc.subtract(rows["end"], rows["start"])).as_py()
            table = table.filter(pa.array(~gone))
            kept += table.num_rows
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
    if kept:
        os.replace(new, path)
    else:
        new.unlink()
        path.unlink()
    duplicates = result.place.rejects.with_name(f"{result.place.rejects.stem}-duplicates.parquet")
    write_rejects(duplicates, rejects, result.place)
    mask = np.ones(len(result.video_ids), bool)
    mask[list(again)] = False
    result.video_ids, result.lines = result.video_ids.filter(pa.array(mask)), result.lines[mask]
    result.clips, result.seconds = kept, result.seconds - removed
    return causes


def _owners(clip_ids: pa.ChunkedArray, first: int) -> np.ndarray:
    """For each clip of a row group the place of its video in the shard; clip 0 begins a video."""
    begins = pc.ends_with(clip_ids, ".0").to_numpy()
    return first - 1 + np.cumsum(begins)


def _reject(rows: pa.Table, line: int, cause: str) -> Reject:
    return Reject(line, cause, rows["video_id"][0].as_py(), json.dumps(rows.to_pylist(), ensure_ascii=False))
