"""A stage appends columns to a dataset. This is the only file that knows the quirks of ``datasets.map``."""

from __future__ import annotations

import dataclasses
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from datasets import Dataset, Features, IterableDataset, Video

from panda_hf import schema
from panda_hf.errors import ContractError, MissingColumnError

log = logging.getLogger(__name__)

Batch = dict[str, list[Any]]
Row = dict[str, Any]
AnyDataset = TypeVar("AnyDataset", Dataset, IterableDataset)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage needs of a machine, for executors that place each stage on its own."""

    num_cpus: float = 1.0
    num_gpus: float = 0.0
    """Of one worker; a part of 1 lets several share a GPU. On machines without any GPU it counts as 0."""
    batch_size: int | None = None
    """Clips of one video handed over at once; ``None``: as many as in the run."""
    actors: int | None = None
    """How many workers; ``None``: a fair share of the machines."""

    def __post_init__(self) -> None:
        if self.num_cpus < 0 or self.num_gpus < 0 or not (self.num_cpus or self.num_gpus):
            raise ValueError(f"num_cpus={self.num_cpus}, num_gpus={self.num_gpus}: neither below 0, and not both 0")
        for name, count in (("batch_size", self.batch_size), ("actors", self.actors)):
            if count is not None and count < 1:
                raise ValueError(f"{name}={count}: must be at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """Columns in, more columns out, the same rows. A stage is its settings: frozen, hashable, cheap to send.

    Subclasses declare ``reads``, ``appends`` and ``transform``. Models belong in a ``functools.cache``d loader that
    ``transform`` calls, never on ``self``: ``datasets`` hashes the stage to name its cache.

    Every stage also writes the column ``error``. A row that already has an error, or lacks a value in a column that
    the stage reads, never reaches ``transform``: it passes through with ``None`` in the new columns, or with what
    they held where they were there before (such as ``filtered``).

    Use it as ``dataset.map(stage, batched=True)`` or, better, ``apply(dataset, stage)``.
    """

    version: int = 1
    """Raised in the commit that changes a stage's output: a cached result of the old code is then not served again."""

    @property
    def name(self) -> str:
        """The name in error rows and progress bars."""
        return type(self).__name__

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Columns that must exist; a row with ``None`` in one of them passes through untouched."""

    @property
    def uses(self) -> tuple[str, ...]:
        """Columns that are used where they exist; both the column and any value may be missing."""
        return ()

    @property
    def rows_at_once(self) -> int:
        """How many rows ``apply`` hands over at once, unless it is told. It never changes what comes out."""
        return 8

    @property
    def resources(self) -> Resources:
        """What a worker needs to run this stage; by default one core."""
        return Resources()

    @property
    @abstractmethod
    def appends(self) -> Features:
        """The columns this stage adds, with their types."""

    def provenance(self) -> Row:
        """What a record of the run should say beyond the settings, such as the checkpoint behind a name: JSON values.

        A run that was begun with other ones is not gone on with.
        """
        return {}

    def check(self) -> None:
        """Raise a ``PandaError`` for what every row would meet, such as a missing checkpoint; load nothing.

        ``curate`` calls it before any work.
        """
        return

    def undone(self, row: Row) -> Row:
        """A row as it was before this stage, so that the stage can run on it once more.

        The columns it appends are ``None``, save those that it also reads or uses: there it works on what it finds.
        """
        return {**row, **dict.fromkeys(set(self.appends) - {*self.reads, *self.uses})}

    @abstractmethod
    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Compute the new columns of a batch of live rows.

        Args:
            batch: one list per column of ``reads`` and ``uses``, all of one length, at least 1.
            rank: index of the worker process, or ``None``; pick a device with it.

        Returns:
            One list per column of ``appends``, one value per row. A row that failed holds a :class:`Failure` in
            any of its columns (``run_rows`` does so); its other columns are then ignored.
        """

    def __call__(self, batch: Batch, rank: int | None = None) -> Batch:
        """Run ``transform`` on the live rows and check what it returned; the shape ``datasets.map`` wants."""
        rows = _length(batch)
        self.check_columns(list(batch))
        errors: list[Any] = list(batch.get("error") or [None] * rows)
        live = [i for i in range(rows) if errors[i] is None and self._has_inputs(batch, i)]
        out: Batch = {column: list(batch.get(column) or [None] * rows) for column in self.appends}
        for i in live:
            for column in out:
                out[column][i] = None
        if live:
            self._fill(out, errors, live, self.transform(self._inputs(batch, live), rank))
        return {**out, "error": errors}

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise ``MissingColumnError`` naming each column that the stage reads and ``columns`` lacks."""
        missing = [column for column in self.reads if column not in columns]
        if missing:
            raise MissingColumnError(
                f"{self.name} reads the column(s) {missing}, which the dataset lacks; it has {sorted(columns)}. "
                f"Run the stage that appends them first, or rename your column."
            )

    def _has_inputs(self, batch: Batch, i: int) -> bool:
        return all(batch[column][i] is not None for column in self.reads)

    def _inputs(self, batch: Batch, live: list[int]) -> Batch:
        optional = {c: [batch[c][i] for i in live] if c in batch else [None] * len(live) for c in self.uses}
        return {**optional, **{c: [batch[c][i] for i in live] for c in self.reads}}

    def _fill(self, out: Batch, errors: list[Any], live: list[int], new: Batch) -> None:
        if set(new) != set(self.appends):
            raise ContractError(f"{self.name} declares the columns {sorted(self.appends)}, returned {sorted(new)}")
        for column, values in new.items():
            if len(values) != len(live):
                raise ContractError(f"{self.name} returned {len(values)} values of {column!r} for {len(live)} rows")
        for k, i in enumerate(live):
            failure = next((new[c][k] for c in new if isinstance(new[c][k], Failure)), None)
            if failure is not None:
                errors[i] = failure.as_row(self.name)
                log.warning("%s: %s: %s", self.name, failure.type, failure.message)
            else:
                for column in new:
                    out[column][i] = new[column][k]


@dataclasses.dataclass(frozen=True)
class Failure:
    """Stands in a column for a row that could not be computed."""

    type: str
    message: str

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What an exception says, with its class name."""
        return cls(type(error).__name__, str(error) or type(error).__name__)

    def as_row(self, stage: str) -> Row:
        """The value of the ``error`` column."""
        return {"stage": stage, "type": self.type, "message": self.message}


def run_rows(function: Callable[[Row], Row], batch: Batch, columns: Sequence[str]) -> Batch:
    """Call ``function`` on each row of ``batch``; a row on which it raises becomes a :class:`Failure`.

    Args:
        function: takes ``{column: value}``, returns a value for each of ``columns``.
        batch: what ``transform`` received.
        columns: the columns ``function`` returns.
    """
    out: Batch = {column: [] for column in columns}
    for i in range(_length(batch)):
        try:
            new = function({column: values[i] for column, values in batch.items()})
        except Exception as error:  # the row becomes an error row
            new = dict.fromkeys(columns, Failure.of(error))
        for column in columns:
            out[column].append(new[column])
    return out


def apply(
    dataset: AnyDataset,
    stage: Stage,
    *,
    batch_size: int | None = None,
    num_proc: int | None = None,
) -> AnyDataset:
    """Append the stage's columns to an eager or a streamed dataset.

    Args:
        dataset: a ``Dataset`` or an ``IterableDataset``.
        stage: what to run.
        batch_size: rows handed to the stage at once; ``None``: ``stage.rows_at_once``.
        num_proc: worker processes, eager datasets only; ``None`` runs in this process.

    Raises:
        MissingColumnError: before any work starts, when the dataset lacks a column that the stage reads.
        ValueError: when ``num_proc`` is asked of a streamed dataset.
    """
    batch_size = stage.rows_at_once if batch_size is None else batch_size
    dataset = undecoded(dataset)
    features = features_of(dataset)
    stage.check_columns(list(features))
    features = Features({**features, **stage.appends, "error": schema.ERROR})
    if isinstance(dataset, IterableDataset):
        if num_proc is not None:
            raise ValueError(
                f"num_proc={num_proc}: a streamed dataset has no worker processes of its own; leave it out"
            )
        return dataset.map(stage, batched=True, batch_size=batch_size, features=features)
    return dataset.map(
        stage,
        batched=True,
        batch_size=batch_size,
        features=features,
        with_rank=True,
        num_proc=num_proc,
        desc=stage.name,
    )


def replace_rows(dataset: AnyDataset, function: Callable[[Batch], Batch], features: Features) -> AnyDataset:
    """Map one row at a time to any number of rows of ``features`` (``explode_clips`` is the only caller)."""
    columns = list(features_of(dataset))
    return dataset.map(function, batched=True, batch_size=1, features=features, remove_columns=columns)


def undecoded(dataset: AnyDataset) -> AnyDataset:
    """The dataset with each ``Video`` column as a reference: ``map`` would otherwise decode whole videos per row."""
    for column, kind in features_of(dataset).items():
        if isinstance(kind, Video) and kind.decode:
            dataset = dataset.cast_column(column, schema.VIDEO)
    return dataset


def features_of(dataset: Dataset | IterableDataset) -> Features:
    """The features of a dataset; a stream that does not know its own is asked for its first row."""
    features = dataset.features
    if features is None:
        features = dataset._resolve_features().features  # type: ignore[union-attr]
    if features is None:
        raise ValueError("the dataset is empty and does not say what columns it has; pass one with features")
    return features


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if batch else 0
