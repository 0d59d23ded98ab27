"""`VideoIds`: the videos that another set holds, by their ids, from lists, tables and dataset folders."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from panda_hf.errors import SourceError
from panda_hf.rights import video_key
from panda_hf.subsets.hashing import Hashes, hash_ids
from panda_hf.subsets.source import Source, config_splits

_COLUMNS = ("video_id", "videoID")
_CELL = 2**31 - 1


@dataclass(frozen=True, eq=False)
class VideoIds:
    """A set of videos; memory is 8 bytes each, which is how many millions of them can be held."""

    names: tuple[str, ...] = ()
    """Where they were read, without the folders around it."""
    hashes: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64), repr=False)
    """A 64-bit hash of each id, sorted; that another id shares one is next to impossible (1 in 10 million million)."""

    @classmethod
    def of(cls, ids: Iterable[str], name: str = "a given list") -> VideoIds:
        """The videos with these ids or addresses."""
        keys = pa.array([video_key(text) for text in ids], pa.string())
        return cls((name,) if len(keys) else (), np.unique(hash_ids(keys, 0)))

    @classmethod
    def read(cls, places: Sequence[str | Path]) -> VideoIds:
        """The videos that any of these places names.

        Args:
            places: a text file with one id or address a line; a .csv or .parquet file with a column ``video_id`` or
                ``videoID``; a dataset folder, all splits of its default configuration; ``FOLDER#CONFIG`` or
                ``FOLDER#CONFIG/SPLIT``.

        Raises:
            SourceError: when a place cannot be read or names no video: a set that is silently not left out is worse
                than none.
        """
        found = [cls._place(str(place)) for place in places]
        empty = [name for name, hashes in found if not len(hashes)]
        if empty:
            raise SourceError(f"{empty[0]} names no video; give a place that does, or leave it out")
        hashes = [cls().hashes, *(hashes for _, hashes in found)]
        return cls(tuple(name for name, _ in found), np.unique(np.concatenate(hashes)))

    @classmethod
    def _place(cls, place: str) -> tuple[str, Hashes]:
        folder, mark, part = place.partition("#")
        if Path(place).is_file():
            return Path(place).name, _hashes(_in_file(Path(place)))
        if not Path(folder).is_dir():
            raise SourceError(
                f"{place} is neither a file nor a folder; give a list of ids, a table, a dataset folder, or "
                f"FOLDER#CONFIG/SPLIT"
            )
        config, _, split = part.partition("/")
        splits = [split] if split else config_splits(folder, config or None)
        columns = chain.from_iterable(_in_split(Source.find(folder, config or None, split)) for split in splits)
        return Path(folder).resolve().name + mark + part, _hashes(columns)

    def __bool__(self) -> bool:
        return len(self.hashes) > 0

    def __len__(self) -> int:
        return len(self.hashes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VideoIds) and self.names == other.names and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.names, self.digest))

    def holds(self, ids: pa.Array) -> np.ndarray:
        """Which of these ids are in the set; ``None`` is not."""
        places = np.searchsorted(self.hashes, hashes := hash_ids(ids, 0))
        found = np.zeros(len(ids), bool)
        inside = places < len(self.hashes)
        found[inside] = self.hashes[places[inside]] == hashes[inside]
        return found & pc.is_valid(ids).to_numpy(zero_copy_only=False)

    @property
    def digest(self) -> str:
        """Sixteen digits that change when the set does."""
        return hashlib.sha256(self.hashes.astype("<u8").tobytes()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Any]:
        """What a record says of the set."""
        return {"names": list(self.names), "videos": len(self), "digest": self.digest}


def _hashes(columns: Iterable[pa.Array]) -> Hashes:
    parts = [np.zeros(0, np.uint64)]
    for column in columns:
        ids = pc.unique(column.cast(pa.string()))
        keys = pa.array([video_key(text) for text in ids.to_pylist() if text], pa.string())
        parts.append(hash_ids(keys, 0))
    return np.unique(np.concatenate(parts))


def _in_split(source: Source) -> Iterable[pa.Array]:
    column = _column(source.schema.names, source.folder)
    return (table[column] for table in source.tables([column]))


def _in_file(path: Path) -> Iterable[pa.Array]:
    try:
        if path.suffix.casefold() == ".parquet":
            table = pq.ParquetFile(path)
            column = _column(table.schema_arrow.names, path)
            yield from (batch.column(0) for batch in table.iter_batches(columns=[column]))
        elif path.suffix.casefold() == ".csv":
            yield _in_csv(path)
        else:
            lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
            yield pa.array([line for line in lines if line], pa.string())
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as error:
        raise SourceError(f"the list of videos {path} cannot be read: {error}") from error


def _in_csv(path: Path) -> pa.Array:
    limit = csv.field_size_limit(_CELL)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            column = _column(rows.fieldnames or [], path)
            return pa.array([row[column] for row in rows], pa.string())
    finally:
        csv.field_size_limit(limit)


def _column(names: Sequence[str], path: Path) -> str:
    column = next((name for name in _COLUMNS if name in names), None)
    if column is None:
        raise SourceError(f"{path} has no column {' or '.join(_COLUMNS)}; it has {sorted(names)}")
    return column
