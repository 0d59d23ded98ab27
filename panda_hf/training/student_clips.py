"""The clips of a dataset as a student learns from them: Parquet read file by file, pictures decoded when wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from panda_hf.errors import PandaError, SourceError, VideoError
from panda_hf.training.student_examples import StudentExample, Unread
from panda_hf.video.clip import SHOWN, clip_frames

MEDIA = (*SHOWN, "start", "end")
IDS = ("clip_id", "video_id")
FILES_AT_ONCE = 4
"""Files whose words are held beyond those of one window."""


class Shards(Protocol):
    """The files of one split of a dataset, such as ``panda_hf.annotation.tables.Tables``."""

    @property
    def files(self) -> Sequence[str]:
        """Paths or addresses of Parquet files."""

    def columns(self) -> Sequence[str]:
        """Of the first file."""

    def counts(self) -> Sequence[int]:
        """Rows of each file."""

    def part(self, number: int, columns: Sequence[str]) -> tuple[Any, bool]:
        """The columns of a file that exist, as an Arrow table, and whether its videos hold bytes."""

    def media(self, number: int, row: int, columns: Sequence[str]) -> Mapping[str, Any]:
        """The values of the columns that exist, of one row of a file."""

    def located(self, name: str) -> str | None:
        """The path or address of a file that a row names; ``None`` where it may not be read."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a dataset are called; those of words may be missing."""

    caption: str = "caption"
    subtitle: str = "subtitle"
    title: str = "title"
    description: str = "description"

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return (self.caption, self.subtitle, self.title, self.description)


@dataclass
class ShardClips:
    """Clips of a dataset that may be larger than memory.

    Args:
        shards: its files.
        names: of the columns of words.
        left_out: tells by its video's id whether a clip is held out; ``None``: none is.
        window: clips that are mixed at once, see ``Order``: so many rows of words are held.
        threads: decoding threads; 1 where several processes read clips.

    Raises:
        SourceError: when there is no caption, or nothing that shows clips.
    """

    shards: Shards
    names: Columns = Columns()
    left_out: Callable[[str], bool] | None = None
    window: int | None = None
    threads: int | None = None
    parts: Sequence[int] = ()
    _starts: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    _held: OrderedDict[int, tuple[Any, bool]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        known = self.shards.columns()
        if self.names.caption not in known or not set(SHOWN) & set(known):
            raise SourceError(
                f"the clips need the column {self.names.caption!r} and one of {', '.join(SHOWN)}; there are "
                f"{', '.join(known)}"
            )
        self.parts = self.shards.counts()
        self._starts = np.concatenate([[0], np.cumsum(self.parts)])
        if not sum(self.parts):
            raise SourceError("the dataset has no rows to learn from")

    def __getstate__(self) -> dict[str, Any]:
        """Processes that read clips begin with nothing held."""
        return {**self.__dict__, "_held": OrderedDict()}

    def example(self, index: int, shares: Sequence[float]) -> StudentExample | Unread:
        """See ``Clips``."""
        number = bisect_right(self._starts, index) - 1
        row = self.row(number, index - int(self._starts[number]))
        name = str(row.get("clip_id") or row.get("video_id") or f"row {index}")
        if self.left_out is not None and self.left_out(video_of(row)):
            return Unread(name, None)
        if not (row.get(self.names.caption) or "").strip():
            return Unread(name, "it has no caption")
        try:
            frames = clip_frames(self._found(row, name), shares, threads=self.threads)
        except (PandaError, ValueError) as error:
            return Unread(name, str(error))
        caption, subtitle, title, description = (row.get(column) for column in self.names.words)
        return StudentExample(frames, str(caption), subtitle, title, description, clip_id=name)

    def row(self, number: int, row: int) -> dict[str, Any]:
        """Words and media references of one row of a file."""
        table, heavy = self._table(number)
        found: dict[str, Any] = table.slice(row, 1).to_pylist()[0]
        return {**found, **self.shards.media(number, row, MEDIA)} if heavy else found

    def _table(self, number: int) -> tuple[Any, bool]:
        if number not in self._held:
            words = [*IDS, *self.names.words]
            table, heavy = self.shards.part(number, words)
            if not heavy:
                table, _ = self.shards.part(number, [*words, *MEDIA])
            self._held[number] = (table, heavy)
            self._forget()
        self._held.move_to_end(number)
        return self._held[number]

    def _forget(self) -> None:
        """Hold the files of a window and a few more."""
        if self.window is None:
            return
        while (
            len(self._held) > FILES_AT_ONCE and sum(len(table) for table, _ in self._held.values()) > 2 * self.window
        ):
            self._held.popitem(last=False)

    def _found(self, row: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The row with paths that can be opened; what strangers may not name is not."""
        found = dict(row)
        for column in ("clip", "video"):
            held = found.get(column)
            if isinstance(held, Mapping) and held.get("bytes") is None:
                found[column] = self.shards.located(held["path"]) if held.get("path") else None
            elif isinstance(held, str):
                found[column] = self.shards.located(held)
        if found.get("clip_path") is not None:
            found["clip_path"] = self.shards.located(found["clip_path"])
        if all(found.get(column) is None for column in SHOWN):
            raise VideoError(f"clip {name!r}: its media is not found, or may not be read")
        return found


@dataclass(frozen=True)
class HeldClips:
    """Some clips of others, in their order: those to measure with."""

    clips: ShardClips
    numbers: tuple[int, ...]

    @property
    def parts(self) -> Sequence[int]:
        """One."""
        return (len(self.numbers),)

    def example(self, index: int, shares: Sequence[float]) -> StudentExample | Unread:
        """See ``Clips``."""
        return self.clips.example(self.numbers[index], shares)


def held_out(clips: ShardClips, is_held: Callable[[str], bool], most: int) -> tuple[ShardClips, HeldClips]:
    """Clips to learn from, and the first ``most`` of the videos that are held out.

    Files are read from the first on until there are enough; a held-out clip of a later file is not learned from
    either.
    """
    numbers: list[int] = []
    for part, start in enumerate(clips._starts[:-1]):
        for row in range(clips.parts[part]) if len(numbers) < most else ():
            found = clips.row(part, row)
            if is_held(video_of(found)) and found.get(clips.names.caption):
                numbers.append(int(start) + row)
    return replace(clips, left_out=is_held), HeldClips(clips, tuple(numbers[:most]))


def video_of(row: Mapping[str, Any]) -> str:
    """The id of the video that a clip is from, as its row or its own id (``<video_id>.<index>``) says."""
    own = str(row.get("clip_id") or "")
    return str(row.get("video_id") or own.rpartition(".")[0] or own)
