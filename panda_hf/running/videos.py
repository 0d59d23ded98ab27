"""A list of videos whose rows are made when they are needed."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.running.files import common_folder, is_url, name_choices
from panda_hf.running.naming import unique_names
from panda_hf.running.sidecars import read_sidecars
from panda_hf.stage import Row

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One video: its id, and how to get its row."""

    video_id: str
    load: Callable[[], Row]


class Videos(ABC):
    """Videos in a fixed order. Iterating gives entries; rows are read only when an entry is loaded."""

    features: Features
    """Of the rows: ``VIDEO_ROW`` and the other columns of the source."""
    count: int | None
    """How many; ``None`` when only the end of the stream will tell."""
    digest: str | None
    """Hash of all ids and paths in order; ``None`` for a stream."""

    @abstractmethod
    def __iter__(self) -> Iterator[Entry]:
        """The videos in order."""

    @abstractmethod
    def to_dataset(self) -> Dataset:
        """All rows as an eager dataset."""


class FileVideos(Videos):
    """Video files, with their sidecars."""

    def __init__(self, paths: Sequence[str], base: str | None = None) -> None:
        """List the files.

        Args:
            paths: absolute paths or addresses.
            base: the folder from which longer ids are derived where names clash; ``None`` for the one they share.
        """
        folder = common_folder(list(paths)) if base is None else base
        self.paths = list(paths)
        self.ids = unique_names([name_choices(path, folder) for path in paths])
        self.features = schema.VIDEO_ROW
        self.count = len(self.paths)
        self.digest = digest_of(zip(self.ids, map(printable, self.paths), strict=True))

    def __iter__(self) -> Iterator[Entry]:
        for video_id, path in zip(self.ids, self.paths, strict=True):
            yield Entry(video_id, partial(_file_row, video_id, path))

    def to_dataset(self) -> Dataset:
        """All rows, sidecars read, in memory."""
        return Dataset.from_list([entry.load() for entry in self], features=self.features)


def with_sidecars(row: Row, path: str | None) -> Row:
    """``row`` with what lies beside its local file in the columns title, description, subtitles that are ``None``."""
    if path is None or is_url(path):
        return row
    return {**row, **{column: value for column, value in read_sidecars(Path(path)).items() if row[column] is None}}


def digest_of(entries: Iterable[tuple[str, str | None]]) -> str:
    """A hash of ids and paths, in order."""
    digest = hashlib.sha256()
    for video_id, path in entries:
        digest.update(f"{video_id}\t{path or ''}\n".encode())
    return digest.hexdigest()


def printable(path: str) -> str:
    """A file name that is not valid Unicode as it can be shown and stored, though no longer opened."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _file_row(video_id: str, path: str) -> Row:
    if printable(path) != path:
        log.warning("%s: the name of this file is not valid UTF-8, so it cannot be read; rename it", printable(path))
    row = {
        "video_id": video_id,
        "video": {"path": printable(path), "bytes": None},
        "title": None,
        "description": None,
        "subtitles": None,
    }
    return with_sidecars(row, path)
