"""The CSV files of the release as streams of blocks, each of whole records, each with the number of its first line."""

from __future__ import annotations

import csv
import functools
import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from panda_hf.errors import SourceError

COLUMNS = ("videoID", "url", "timestamp", "caption", "matching_score")
"""Every file of the release has these, in this order."""
LATE_COLUMNS = ("desirable_filtering", "shot_boundary_detection")
"""Added in October 2024."""

BLOCK_BYTES = 4 * 2**20
LARGE_BLOCK = 4
"""Where nothing looks like a record in so many blocks, the quotes alone say where one ends."""
MAX_RECORD_BYTES = 64 * 2**20
"""A longer record is rejected: something is not closed."""

_LOOKS = {
    "timestamp": rb"\[(?:\]|\[['\"]\d)",
    "caption": rb"\[(?:\]|['\"])",
    "matching_score": rb"\[(?:\]|-?\d)",
    "desirable_filtering": rb"\[(?:\]|['\"])",
    "shot_boundary_detection": rb"\[(?:\]|\[)",
    "url": rb"https?://",
}
"""How a cell begins, behind its quote."""
_ID, _OTHER = rb"\"?[A-Za-z0-9_-]{1,64}\"?,", rb"(?:\"[^\"\n]{0,64}\"|[^\",\n]{0,64}),"
"""A whole cell and its comma."""
_QUOTE, _NEWLINE = 34, 10
_READ_BYTES = 2**20
_LOOK_BYTES = 256
"""By so many bytes a record is known."""


@dataclass(frozen=True)
class ReleaseCSV:
    """One CSV file of the release, plain, ``.zip`` or ``.gz``, and the part of the dataset that it holds."""

    path: str | os.PathLike[str]
    part: str
    """Folder and split, such as ``full/train``."""

    @property
    def name(self) -> str:
        """The file's name, without folders."""
        return Path(self.path).name


@dataclass(frozen=True)
class Block:
    """Whole records as they stand in the file."""

    data: bytes
    line: int
    """Number of the first line, from 1."""


@dataclass(frozen=True)
class Header:
    """The columns of a file."""

    names: tuple[str, ...]

    @property
    def has_late_columns(self) -> bool:
        """Whether the file is of October 2024 or later."""
        return all(name in self.names for name in LATE_COLUMNS)

    @functools.cached_property
    def record_start(self) -> re.Pattern[bytes]:
        """What the first bytes of a record look like, up to the first cell that tells a record from other text."""
        look = b""
        for name in self.names:
            if name in _LOOKS:
                look += rb"\"?" + _LOOKS[name]
                break
            look += _ID if name == COLUMNS[0] else _OTHER
        return re.compile(look)

    @property
    def extra(self) -> tuple[str, ...]:
        """Columns that the dataset has no place for."""
        return tuple(name for name in self.names if name not in (*COLUMNS, *LATE_COLUMNS))


class ReleaseFile:
    """An open CSV file of the release: ``header``, then ``blocks()``. Memory does not grow with the file."""

    def __init__(self, source: ReleaseCSV) -> None:
        """Open the file and read its header.

        Raises:
            SourceError: when it cannot be opened, or lacks a column of the release.
        """
        self.source = source
        self._stack = ExitStack()
        try:
            self._file, self.size = self._open(Path(source.path))
            self._rest = b""
            self.header = self._read_header()
        except (OSError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
            self.close()
            raise SourceError(f"{source.path} cannot be read: {error}. Give a CSV file of the release.") from error
        except SourceError:
            self.close()
            raise

    def __enter__(self) -> ReleaseFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._stack.close()

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        """The records, in blocks of about ``block_bytes`` that begin where a record seems to begin.

        A record that is not closed ends its block only where the next line looks like a new record, so that a stray
        quote cannot swallow what follows; where records look otherwise, its block ends before it.

        Raises:
            SourceError: when the file breaks off or is damaged.
        """
        line, waiting, searched = self._lines_read + 1, self._rest, 0
        try:
            while piece := self._file.read(block_bytes):
                waiting += piece
                cut = _last_record(waiting, searched, self.header.record_start)
                if not cut and len(waiting) > LARGE_BLOCK * block_bytes:
                    cut = _last_closed(waiting)
                if not cut and len(waiting) > MAX_RECORD_BYTES:
                    cut = waiting.rfind(b"\n") + 1
                    if not cut:
                        cut = len(waiting) + 1
                        waiting += b"\n" + self._after_this_line()
                if cut:
                    yield Block(waiting[:cut], line)
                    line += waiting.count(b"\n", 0, cut)
                    waiting = waiting[cut:]
                searched = len(waiting)
        except (OSError, zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
            raise SourceError(f"{self.source.path} breaks off at line {line}: {error}. Fetch it again.") from error
        if waiting:
            yield Block(waiting, line)

    def _after_this_line(self) -> bytes:
        """Read and drop the rest of a line that is too long to be a record; what was read of the next ones."""
        while piece := self._file.read(_READ_BYTES):
            _, newline, rest = piece.partition(b"\n")
            if newline:
                return rest
        return b""

    def _open(self, path: Path) -> tuple[BinaryIO, int]:
        """The stream of CSV text, and its length in bytes, or a guess for ``.gz``."""
        suffix = path.suffix.casefold()
        if suffix == ".zip":
            archive = self._stack.enter_context(zipfile.ZipFile(path))
            member = _only_csv(archive, path)
            return cast(BinaryIO, self._stack.enter_context(archive.open(member))), member.file_size
        if suffix == ".gz":
            return cast(BinaryIO, self._stack.enter_context(gzip.open(path, "rb"))), 4 * path.stat().st_size
        return self._stack.enter_context(open(path, "rb")), path.stat().st_size

    def _read_header(self) -> Header:
        first = b""
        while b"\n" not in first and len(first) < MAX_RECORD_BYTES and (piece := self._file.read(_READ_BYTES)):
            first += piece
        text, newline, self._rest = first.partition(b"\n")
        self._lines_read = 1
        try:
            names = next(csv.reader([text.decode("utf-8-sig").rstrip("\r")]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.source.path}: its first line is not a CSV header: {error}") from error
        missing = [name for name in COLUMNS if name not in names]
        late = [name for name in LATE_COLUMNS if name in names]
        if len(late) == 1:
            missing += [name for name in LATE_COLUMNS if name not in names]
        if missing or len(set(names)) < len(names):
            raise SourceError(
                f"{self.source.path} is not a CSV file of Panda-70M: its columns are {[n[:40] for n in names[:12]]}, "
                f"expected {list(COLUMNS)}, and {list(LATE_COLUMNS)} in newer files"
            )
        return Header(tuple(names))


def _only_csv(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    members = [
        m for m in archive.infolist() if m.filename.casefold().endswith(".csv") and "__MACOSX" not in m.filename
    ]
    if len(members) != 1:
        names = [member.filename for member in archive.infolist()][:5]
        raise SourceError(f"{path} should hold one CSV file; it holds {names}")
    return members[0]


def _last_record(data: bytes, searched: int, look: re.Pattern[bytes]) -> int:
    """Where the last record of ``data`` begins, as far as one can tell from its look; 0 for nowhere but the start.

    Args:
        data: text that begins with a record.
        searched: so many bytes from the start were searched before, without success.
        look: of the start of a record.
    """
    end, least = len(data), max(0, searched - _LOOK_BYTES)
    while (newline := data.rfind(b"\n", least, end)) >= 0:
        if look.match(data, newline + 1):
            return newline + 1
        end = newline
    return 0


def _last_closed(data: bytes) -> int:
    """Where the last line begins before which every quote of ``data`` is closed; 0 for nowhere but the start."""
    array = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(array[:-1] == _NEWLINE)
    closed = newlines[np.searchsorted(np.flatnonzero(array == _QUOTE), newlines) % 2 == 0]
    return int(closed[-1]) + 1 if len(closed) else 0
