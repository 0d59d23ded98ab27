"""References: the captions of a benchmark by video id, and the rows whose videos a captioner is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset

from panda_hf.errors import MissingColumnError, SourceError
from panda_hf.evaluation.results import Benchmark
from panda_hf.stage import undecoded

References = Mapping[str, tuple[str, ...]]
"""All captions of each video, in the order of the dataset."""


def load_benchmark(name: str | os.PathLike[str], config: str | None = None, split: str = "test") -> Dataset:
    """A benchmark's rows: ``video_id``, ``captions`` and, where the user has them, ``video``.

    Args:
        name: a folder that ``panda-hf build`` made, or anything ``load_dataset`` takes.
        config: its configuration; ``None`` for the default one.
        split: which split.

    Raises:
        SourceError: when it cannot be loaded.
        MissingColumnError: when a column is missing.
    """
    try:
        rows = datasets.load_dataset(os.fspath(name), config, split=split)
    except Exception as error:  # load_dataset raises what the libraries under it raise
        raise SourceError(
            f"{name}: load_dataset cannot load split {split!r} of {config or 'the default'}: {error}"
        ) from error
    missing = {"video_id", "captions"} - set(rows.column_names)
    if missing:
        raise MissingColumnError(f"{name} lacks the column(s) {sorted(missing)}; it has {sorted(rows.column_names)}")
    return undecoded(rows)


def references_of(rows: Dataset) -> References:
    """The captions by id.

    Raises:
        SourceError: when an id is there twice, or a video has no caption.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, captions in zip(rows["video_id"], rows["captions"], strict=True):
        if name in found:
            raise SourceError(f"the benchmark has {name!r} twice; its references cannot be matched by id")
        if not captions:
            raise SourceError(f"the benchmark has no reference for {name!r}")
        if any(not isinstance(text, str) for text in captions):
            raise SourceError(f"the benchmark has something else than texts for {name!r}: {str(captions)[:80]!r}")
        found[name] = tuple(captions)
    return found


class Videos(Mapping[str, Any]):
    """A benchmark's videos by id, each read when it is asked for: they may be held as bytes, gigabytes in all."""

    def __init__(self, rows: Dataset) -> None:
        held = "video" in rows.column_names
        self._rows = rows.select_columns(["video"]) if held else None
        self._places = {name: i for i, name in enumerate(rows["video_id"])} if held else {}

    def __getitem__(self, video_id: str) -> Any:
        place = self._places[video_id]
        return self._rows[place]["video"] if self._rows is not None else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def benchmark_of(name: str | os.PathLike[str], rows: Dataset, references: References, split: str) -> Benchmark:
    """On what was evaluated, in words for a results file: a folder is called by its name, not by its place."""
    text = os.fspath(name)
    config = rows.info.config_name
    return Benchmark(
        name=Path(text).resolve().name if Path(text).exists() else text,
        config=None if config == "default" else config,
        split=split,
        videos=len(references),
        references=sum(map(len, references.values())),
    )
