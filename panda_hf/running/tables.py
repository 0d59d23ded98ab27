"""Videos of a `datasets` dataset, eager or streamed, brought into the form of video rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, Features, IterableDataset

from panda_hf import schema
from panda_hf.errors import SourceError
from panda_hf.running.files import is_url, located
from panda_hf.running.naming import clean_name, numbered, unique_names
from panda_hf.running.sidecars import cues_of
from panda_hf.running.videos import Entry, Videos, digest_of, with_sidecars
from panda_hf.stage import AnyDataset, Row, features_of

VIDEO_COLUMNS = ("video", "mp4", "video_path", "path", "file_name", "file", "url")
"""Where a video is looked for, first one first."""


class TableVideos(Videos):
    """The rows of an eager dataset."""

    def __init__(self, dataset: Dataset, base: Path | None) -> None:
        """List the rows.

        Args:
            dataset: with one of ``VIDEO_COLUMNS``.
            base: the folder to which paths in the dataset are relative; ``None`` for the current one.
        """
        self.dataset = undecoded(dataset)
        self.base = base
        self.column = video_column(self.dataset.features)
        self.features = _features(self.dataset.features, self.column)
        self.count = len(dataset)
        paths = list(_paths(self.dataset, self.column))
        self.ids = _table_ids(self.dataset, paths)
        self.digest = digest_of(zip(self.ids, paths, strict=True))

    def __iter__(self) -> Iterator[Entry]:
        for i, video_id in enumerate(self.ids):
            yield Entry(video_id, partial(self._load, i))

    def to_dataset(self) -> Dataset:
        """All rows, on disk; not taken from the cache, because sidecars may have changed."""
        return self.dataset.map(
            self._mapped,
            with_indices=True,
            features=self.features,
            remove_columns=self.dataset.column_names,
            load_from_cache_file=False,
            desc="video rows",
        )

    def _load(self, i: int) -> Row:
        return self._mapped(self.dataset[i], i)

    def _mapped(self, row: Row, i: int) -> Row:
        return video_row(row, self.column, self.ids[i], self.base)


class StreamVideos(Videos):
    """The rows of a streamed dataset."""

    count = None
    digest = None

    def __init__(self, dataset: IterableDataset, base: Path | None) -> None:
        """Take the stream; nothing is read yet, save the first row where the stream does not know its columns."""
        known = dataset if dataset.features is not None else dataset._resolve_features()
        self.dataset = undecoded(known)
        self.base = base
        self.column = video_column(features_of(self.dataset))
        self.features = _features(features_of(self.dataset), self.column)

    def __iter__(self) -> Iterator[Entry]:
        taken: set[str] = set()
        for i, row in enumerate(self.dataset):
            name = _own_id(row, _path(row[self.column]), i)
            video_id = _numbered_exactly(name, taken) if "video_id" in row else numbered(name, taken)
            yield Entry(video_id, partial(video_row, row, self.column, video_id, self.base))

    def to_dataset(self) -> Dataset:
        """Not for streams."""
        raise SourceError("a streamed dataset has no eager form; load it without streaming=True")


def video_column(features: Features) -> str:
    """The column that holds the videos.

    Raises:
        SourceError: when there is none.
    """
    column = next((name for name in VIDEO_COLUMNS if name in features), None)
    if column is None:
        raise SourceError(
            f"the dataset has no column of videos: it has {sorted(features)}; "
            f"rename yours to 'video' (a path, bytes, or the type Video)"
        )
    return column


def video_row(row: Row, column: str, video_id: str, base: Path | None) -> Row:
    """A row of any dataset as a video row, its other columns kept, sidecars read for local files."""
    video = _reference(row[column], base)
    others = {name: value for name, value in row.items() if name not in schema.VIDEO_ROW and name != column}
    new = {
        "video_id": video_id,
        "video": video,
        "title": _text(row.get("title")),
        "description": _text(row.get("description")),
        "subtitles": cues_of(row.get("subtitles"), video_id),
        **others,
    }
    return with_sidecars(new, video["path"] if video and video["bytes"] is None else None)


def undecoded(dataset: AnyDataset) -> AnyDataset:
    """The dataset with videos, images and sounds left encoded."""
    for name, feature in features_of(dataset).items():
        if getattr(feature, "decode", False):
            dataset = dataset.cast_column(name, type(feature)(decode=False))
    return dataset


def _features(features: Features, column: str) -> Features:
    others = {name: kind for name, kind in features.items() if name not in schema.VIDEO_ROW and name != column}
    return Features({**schema.VIDEO_ROW, **others})


def _reference(value: Any, base: Path | None) -> Row | None:
    """A path, bytes or ``{"path", "bytes"}`` as the latter; local paths made absolute."""
    if value is None or value == "":
        return None
    if isinstance(value, bytes):
        return {"path": None, "bytes": value}
    path, data = (value, None) if isinstance(value, str) else (value.get("path"), value.get("bytes"))
    if data is None and path and not is_url(path):
        path = located(path, base)
    return {"path": path, "bytes": data}


def _path(value: Any) -> str | None:
    if isinstance(value, dict):
        return value.get("path")
    return value if isinstance(value, str) else None


def _paths(dataset: Dataset, column: str) -> Iterator[str | None]:
    """The path of each row's video, without reading the bytes beside it."""
    for batch in dataset.select_columns([column]).with_format("arrow").iter(batch_size=1000):
        values = batch[column]
        if pa.types.is_struct(values.type):
            values = pc.struct_field(values, "path")
        yield from values.to_pylist() if pa.types.is_string(values.type) else [None] * len(values)


def _table_ids(dataset: Dataset, paths: list[str | None]) -> list[str]:
    if "video_id" not in dataset.column_names:
        return unique_names([(_own_id({}, path, i), _long_id(path, i)) for i, path in enumerate(paths)])
    rows = dataset.select_columns(["video_id"])
    taken: set[str] = set()
    return [
        _numbered_exactly(_own_id(row, path, i), taken) for i, (row, path) in enumerate(zip(rows, paths, strict=True))
    ]


def _numbered_exactly(name: str, taken: set[str]) -> str:
    """Given ids stay as they are, also where only letter case tells them apart."""
    if name in taken:
        return numbered(name, taken)
    taken.add(name)
    return name


def _own_id(row: Row, path: str | None, i: int) -> str:
    given = row.get("video_id")
    if given is not None and str(given).strip():
        return str(given)
    return clean_name(PurePosixPath(path.replace("\\", "/")).stem) if path else f"video-{i:06d}"


def _long_id(path: str | None, i: int) -> str:
    return clean_name(os.path.splitext(path)[0].lstrip("/.")) if path else f"video-{i:06d}"


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip() or None
