"""`Source`: the Parquet files of one split of a local dataset folder, found as `load_dataset` finds them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from panda_hf.errors import SourceError
from panda_hf.publishing.curated_splits import FOLDER

ROWS = 65_536
"""Rows read at once."""


@dataclass(frozen=True)
class Source:
    """The files of one split, in the order in which ``load_dataset`` reads them."""

    folder: Path
    config: str
    split: str
    files: tuple[Path, ...]

    @classmethod
    def find(cls, folder: str | Path, config: str | None, split: str) -> Source:
        """The files of a split.

        Args:
            folder: a dataset repository on this machine.
            config: ``None`` is the one that ``load_dataset(folder)`` loads.
            split: such as ``train``.

        Raises:
            SourceError: when the folder, configuration or split is not there, or is not Parquet.
        """
        name, splits = split_files(folder, config)
        if split not in splits:
            raise SourceError(
                f"the configuration {name!r} of {folder} has no split {split!r}; it has {sorted(splits)}. "
                f"Its configurations are {config_names(folder)}."
            )
        files = tuple(splits[split])
        strange = [path.name for path in files if path.suffix.casefold() != ".parquet"]
        if strange:
            raise SourceError(f"{folder} holds {strange[0]}, which is no Parquet file; save the dataset as Parquet")
        return cls(Path(folder), name, split, files)

    @property
    def schema(self) -> pa.Schema:
        """The columns, as the first file has them, with what ``datasets`` noted of their types."""
        return _opened(self.files[0]).schema_arrow

    def rows(self) -> int:
        """How many rows the footers of the files promise."""
        return sum(_opened(path).metadata.num_rows for path in self.files)

    def digest(self) -> str:
        """Sixteen digits that change when any byte of the files does."""
        digest = hashlib.sha256()
        for path in self.files:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:16]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows, ``ROWS`` at a time, all in the schema of the first file.

        Args:
            columns: which ones; ``None`` for all.

        Raises:
            SourceError: when a file is broken or has other columns than the first.
        """
        wanted = self.schema
        if columns is not None:
            wanted = pa.schema([wanted.field(name) for name in columns], wanted.metadata)
        for path in self.files:
            try:
                for batch in _opened(path).iter_batches(batch_size=ROWS, columns=wanted.names):
                    yield pa.Table.from_batches([batch]).select(wanted.names).cast(wanted)
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                raise SourceError(f"{path} cannot be read like the files before it: {error}") from error


def config_names(folder: str | Path) -> list[str]:
    """The configurations of a dataset folder."""
    from datasets import get_dataset_config_names

    return get_dataset_config_names(str(folder))


def config_splits(folder: str | Path, config: str | None) -> list[str]:
    """The splits of a configuration; ``None`` is the default one."""
    return list(split_files(folder, config)[1])


def split_files(folder: str | Path, config: str | None) -> tuple[str, dict[str, list[Path]]]:
    """The name of a configuration, and the files of each of its splits.

    Where no card names configurations, ``load_dataset`` takes whatever files it finds; the curated splits among them
    are left out here.

    Raises:
        SourceError: when ``load_dataset`` would not load it.
    """
    from datasets import load_dataset_builder

    if not Path(folder).is_dir():
        raise SourceError(f"{folder} is not a folder; give a dataset folder of this machine")
    root = Path(folder).resolve()
    try:
        found = load_dataset_builder(str(root), config).config
    except (OSError, ValueError) as error:
        raise SourceError(f"{folder} is not a dataset that load_dataset can load: {error}") from error
    curated, own = root / FOLDER, root / FOLDER / found.name
    files = {str(split): [Path(path) for path in paths] for split, paths in (found.data_files or {}).items()}
    return found.name, {
        split: kept
        for split, paths in files.items()
        if (kept := [path for path in paths if own in path.parents or curated not in path.parents])
    }


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
