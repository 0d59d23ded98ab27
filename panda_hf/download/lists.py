"""Lists and tables in files: the videos that their lines name. One that names none is told, and costs itself only."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panda_hf.download.rows import Planned, ReleaseFile, address_of, id_of, planned_of
from panda_hf.errors import SourceError
from panda_hf.rights import video_key
from panda_hf.running.subtitles import decode_text
from panda_hf.stage import Row

LISTS = (".txt", ".lst", ".list", ".ids")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_COMMENT = re.compile(r"(^|\s)#.*")

Problems = list[str]
"""Lines that cannot be used, each with its number and the cause."""


def read_file(path: Path) -> tuple[list[Planned], Problems]:
    """The videos of a list or table, in its order, each once, and the lines that cannot be used.

    Raises:
        SourceError: the file cannot be read, is one of the release, or has lines but none that can be used.
    """
    try:
        text = decode_text(path.read_bytes())
    except OSError as error:
        raise SourceError(f"the list {path} cannot be read: {error}") from error
    try:
        found, problems = _listed(text) if path.suffix.casefold() in LISTS else _tabled(text, path)
    except ReleaseFile as error:
        raise SourceError(f"{path}: {error}") from error
    if problems and not found:
        raise SourceError(f"{path} names no video that can be used: {problems[0]}")
    return found, problems


def read_ids(path: str | os.PathLike[str]) -> frozenset[str]:
    """The video ids in a text file, one a line: ids or addresses.

    Raises:
        SourceError: when it cannot be read or is empty.
    """
    try:
        text = decode_text(Path(path).read_bytes())
    except OSError as error:
        raise SourceError(f"the list {path} cannot be read: {error}") from error
    found = frozenset(video_key(entry) for _, entry in _entries(text))
    if not found:
        raise SourceError(f"{path} holds no video id")
    return found


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without empty ones and comments: a ``#`` at the start or after a space."""
    for number, line in enumerate(text.splitlines(), 1):
        if entry := _COMMENT.sub("", line).strip():
            yield number, entry


def _listed(text: str) -> tuple[list[Planned], Problems]:
    found: dict[str, Planned] = {}
    problems: Problems = []
    for number, entry in _entries(text):
        video_id = video_key(entry)
        try:
            url = entry if "://" in entry else address_of(video_id, None)
        except SourceError:
            problems.append(f"line {number}: {entry[:100]!r} is neither an address (https://…) nor a YouTube id")
        else:
            found[video_id] = Planned(video_id, url)
    return list(found.values()), problems


@dataclass
class _Group:
    """The rows of a video, each with its place among all of them, also those that cannot be used."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Of its clips."""
    places: int = 0

    def add(self, row: Row) -> None:
        """Take a row; one that says no address has that of the video's first row.

        Raises:
            SourceError: the row cannot be used.
        """
        place, self.places = self.places, self.places + 1
        row = {**row, "url": row.get("url") or (self.rows[0][1]["url"] if self.rows else None)}
        names = {clip["clip_id"] for clip in planned_of([(place, row)]).clips}
        if names & self.names:
            raise SourceError(f"a second clip named {min(names)!r}; give each a clip_id of its own")
        self.names |= names
        self.rows.append((place, row))


def _tabled(text: str, path: Path) -> tuple[list[Planned], Problems]:
    """All clips of a video together. A row that cannot be used keeps its place: the others are called as before."""
    groups: dict[str, _Group] = {}
    problems: Problems = []
    for number, row in _rows(text, path):
        try:
            if not isinstance(row, dict):
                raise SourceError(f"{str(row)[:100]!r} is no row with names and values")
            groups.setdefault(id_of(row), _Group()).add(row)
        except ReleaseFile:
            raise
        except SourceError as error:
            problems.append(f"line {number}: {error}")
    return [planned_of(group.rows) for group in groups.values() if group.rows], problems


def _rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a table with the numbers of their lines; of a JSON document with their places."""
    suffix = path.suffix.casefold()
    try:
        if suffix in (".csv", ".tsv"):
            reader = csv.DictReader(text.splitlines(keepends=True), delimiter="\t" if suffix == ".tsv" else ",")
            yield from ((reader.line_num, row) for row in reader)
        elif suffix == ".json":
            yield from enumerate(json.loads(text), 1)
        else:
            yield from ((number, _json(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    except (ValueError, TypeError, csv.Error) as error:
        raise SourceError(f"the table {path} cannot be read: {error}") from error


def _json(line: str) -> Any:
    """The value of a line; the line itself where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return line
