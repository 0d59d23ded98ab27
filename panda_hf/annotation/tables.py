"""The Parquet files of one split of a dataset folder or Hub dataset, read row by row where that is enough."""

from __future__ import annotations

import functools
import os
import posixpath
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from panda_hf.errors import SourceError
from panda_hf.running.files import is_url

_READING = threading.Lock()  # a reader of Parquet is for one thread at a time

Place = tuple[int, int, int]
"""Where a row is: file, row group, row in the group."""


@dataclass(frozen=True)
class Tables:
    """One split of a dataset, in the order in which ``load_dataset`` reads it.

    Attributes:
        dataset: as it was given: a folder or a Hub id.
        root: the folder or ``hf://`` address that relative names in it refer to.
        files: paths or addresses.
        is_local: whether the dataset is a folder of this machine, whose paths are trusted.
        config: the name of the configuration that was found.
    """

    dataset: str
    root: str
    files: tuple[str, ...]
    is_local: bool
    config: str = "default"

    @classmethod
    def find(cls, dataset: str, config: str | None, split: str) -> Tables:
        """The files of a split.

        Args:
            dataset: a folder or a Hub id.
            config: ``None``: the one that ``load_dataset(dataset)`` loads.
            split: such as ``train``.

        Raises:
            SourceError: when ``load_dataset`` would not find it, or it is not Parquet.
        """
        from datasets import load_dataset_builder

        is_local = os.path.isdir(dataset)
        name = os.path.abspath(dataset) if is_local else dataset
        try:
            chosen = load_dataset_builder(name, config).config
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{dataset} is no dataset that load_dataset can load: {error}. Give the folder that "
                f"`panda-hf curate --out` made, or the Hub id of one that was pushed."
            ) from error
        found = chosen.data_files or {}
        files = tuple(str(path) for path in found.get(split, ()))
        strange = [path for path in files if not path.split("?")[0].endswith(".parquet")]
        if not files or strange:
            raise SourceError(
                f"{dataset} has no Parquet files of a split {split!r}: its splits are {sorted(map(str, found))}"
                + (f", and it holds {posixpath.basename(strange[0])}" if strange else "")
            )
        return cls(dataset, name if is_local else f"hf://datasets/{dataset}", files, is_local, chosen.name)

    def groups(self, columns: Sequence[str]) -> Iterator[tuple[int, int, pa.Table, bool]]:
        """Every row group: its file, its number, the columns of ``columns`` that exist, whether videos hold bytes."""
        for number in range(len(self.files)):
            parquet = self._parquet(number)
            known = [c for c in columns if c.split(".")[0] in parquet.schema_arrow.names]
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=known)
                yield number, group, table, _has_bytes(parquet.metadata.row_group(group))

    def row(self, place: Place, columns: Sequence[str]) -> dict[str, Any]:
        """The values of the columns that exist, of one row."""
        number, group, row = place
        parquet = self._parquet(number)
        known = [c for c in columns if c in parquet.schema_arrow.names]
        with _READING:
            for batch in parquet.iter_batches(batch_size=16, row_groups=[group], columns=known):
                if row < batch.num_rows:
                    return batch.slice(row, 1).to_pylist()[0]
                row -= batch.num_rows
        raise SourceError(f"{self.files[number]} has changed since it was opened; start again")

    def located(self, name: str) -> str | None:
        """The path or address of a file that a row names; ``None`` where it may not be read or is not there.

        The rows of a dataset from the Hub were written by strangers: they may name files of the Hub only.
        """
        if self.is_local:
            path = name if is_url(name) else os.path.join(self.root, name)
            return path if is_url(path) or os.path.isfile(path) else None
        if name.startswith("hf://"):
            return None if "::" in name else name
        return None if is_url(name) or posixpath.isabs(name) or ".." in name.split("/") else f"{self.root}/{name}"

    def columns(self) -> list[str]:
        """Of the first file."""
        return list(self._parquet(0).schema_arrow.names)

    def counts(self) -> list[int]:
        """Rows of each file, from their footers."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda number: int(self._parquet(number).metadata.num_rows), range(len(self.files))))

    def part(self, number: int, columns: Sequence[str]) -> tuple[pa.Table, bool]:
        """The columns of a file that exist, and whether bytes of videos or frames are in it."""
        parquet = self._parquet(number)
        known = [c for c in columns if c in parquet.schema_arrow.names]
        groups = map(parquet.metadata.row_group, range(parquet.num_row_groups))
        heavy = any(_has_bytes(group, ("clip.bytes", "video.bytes", "frames.data")) for group in groups)
        return parquet.read(columns=known), heavy

    def media(self, number: int, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """The values of the columns that exist, of one row of a file."""
        metadata, group = self._parquet(number).metadata, 0
        while row >= metadata.row_group(group).num_rows:
            row -= metadata.row_group(group).num_rows
            group += 1
        return self.row((number, group, row), columns)

    def _parquet(self, number: int) -> pq.ParquetFile:
        return _opened(self.files[number], os.getpid())


@functools.lru_cache(maxsize=16)
def _opened(path: str, process: int) -> pq.ParquetFile:
    """Each process has its own: connections do not outlive a fork."""
    try:
        return pq.ParquetFile(fsspec.open(path, "rb").open() if is_url(path) else path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _has_bytes(group: pq.RowGroupMetaData, columns: Sequence[str] = ("clip.bytes", "video.bytes")) -> bool:
    """Whether a column of videos in the group holds encoded bytes, as its statistics say; ``True`` without them."""
    for i in range(group.num_columns):
        column = group.column(i)
        if column.path_in_schema in columns:
            known = column.statistics
            if known is None or not known.has_null_count or known.null_count < group.num_rows:
                return True
    return False
