"""Judgements from a file: which models' captions people (or a metric) found good, on which clips."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panda_hf.captioning.shortlist import Judgements
from panda_hf.errors import SourceError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
MAX_NAME = 200
"""Characters of a clip's or a model's name."""
_VERDICTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_EXPECTED = (
    "expected the columns clip_id, model and good (true or false), one row per clip and model; or clip_id and good "
    "(a list of models), one row per clip"
)


def read_judgements(path: str | os.PathLike[str]) -> Judgements:
    """Read judgements from a table.

    Either one row per clip and model, columns ``clip_id``, ``model`` and ``good`` (true or false, yes or no, 1 or 0),
    or one row per clip, columns ``clip_id`` and ``good`` (the list of models whose caption is good, empty for none; in
    a CSV as JSON or with semicolons between the names). Other columns are left alone. A model that is good nowhere is
    known only from the first form.

    Args:
        path: ``.csv``, ``.tsv``, ``.json`` (a list of objects), ``.jsonl`` or ``.parquet``; nothing in it is trusted.

    Raises:
        SourceError: naming the row and what is wrong with it, when a row cannot be understood or contradicts another.
    """
    file = Path(path)
    found = _Found(file.name)
    try:
        for place, row in _rows(file):
            found.add(place, row)
    except (OSError, UnicodeDecodeError, csv.Error, RecursionError) as error:
        raise SourceError(f"{file.name} cannot be read as judgements: {type(error).__name__}: {error}") from error
    return found.judgements()


class _Found:
    """What the rows so far say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verdicts: dict[tuple[str, str], tuple[bool, str]] = {}
        self.clips: dict[str, str] = {}  # and the row that named it first
        self.long: bool | None = None

    def add(self, place: str, row: Any) -> None:
        """Take one row.

        Args:
            place: what a message calls it, such as ``line 7``.
            row: should be a mapping from column to value.
        """
        if not isinstance(row, dict) or "clip_id" not in row or "good" not in row:
            has = sorted(map(str, row)) if isinstance(row, dict) else type(row).__name__
            raise SourceError(f"{self.name}, {place}: {_EXPECTED}; it has {has}")
        clip = self._named(place, "clip_id", row["clip_id"])
        long = "model" in row
        if self.long is not None and long != self.long:
            raise SourceError(f"{self.name}, {place}: rows with and without `model` in one table; {_EXPECTED}")
        self.long = long
        if long:
            self._judge(place, clip, self._named(place, "model", row["model"]), self._verdict(place, row["good"]))
        elif clip in self.clips:
            raise SourceError(f"{self.name}, {place}: clip {clip!r} was judged already, {self.clips[clip]}")
        else:
            for model in self._models(place, row["good"]):
                self._judge(place, clip, self._named(place, "good", model), True)
        self.clips.setdefault(clip, place)

    def judgements(self) -> Judgements:
        """All of it; a clip that some model was not judged on counts as not good for it."""
        models = {model for _, model in self.verdicts}
        if not self.clips or not models:
            raise SourceError(f"{self.name}: {'no row' if not self.clips else 'no model is named'}; {_EXPECTED}")
        good = {
            model: frozenset(c for (c, m), (yes, _) in self.verdicts.items() if m == model and yes) for model in models
        }
        missing = len(self.clips) * len(models) - len(self.verdicts) if self.long else 0
        return Judgements(tuple(self.clips), good, missing)

    def _judge(self, place: str, clip: str, model: str, verdict: bool) -> None:
        known, where = self.verdicts.setdefault((clip, model), (verdict, place))
        if known != verdict:
            raise SourceError(
                f"{self.name}, {place}: {model!r} on clip {clip!r} is {_words(verdict)}, but {where} says "
                f"{_words(known)}; settle it and leave one row"
            )

    def _named(self, place: str, column: str, value: Any) -> str:
        name = str(value).strip() if isinstance(value, str) or (isinstance(value, int) and value is not True) else ""
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise SourceError(
                f"{self.name}, {place}: {column} {_short(value)} is no name; "
                f"expected 1 to {MAX_NAME} printable characters"
            )
        return name

    def _verdict(self, place: str, value: Any) -> bool:
        verdict = _VERDICTS.get(str(value).strip().casefold()) if isinstance(value, str | int) else None
        if verdict is None:
            raise SourceError(f"{self.name}, {place}: good {_short(value)} is no verdict; write true or false")
        return verdict

    def _models(self, place: str, value: Any) -> list[Any]:
        if isinstance(value, str):
            value = _cell(value)
        if not isinstance(value, list):
            raise SourceError(
                f"{self.name}, {place}: good {_short(value)} is no list of models; write [] where every caption is bad"
            )
        return value


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """Each row with its place."""
    suffix = file.suffix.casefold()
    if suffix in (".csv", ".tsv"):
        yield from _csv_rows(file, "\t" if suffix == ".tsv" else ",")
    elif suffix in (".jsonl", ".ndjson"):
        with open(file, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"line {number}", _parsed(file, f"line {number}", line)
    elif suffix == ".json":
        rows = _parsed(file, "the whole", file.read_text(encoding="utf-8-sig"))
        if not isinstance(rows, list):
            raise SourceError(f"{file.name}: a list of objects is expected, it holds {type(rows).__name__}")
        yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))
    elif suffix == ".parquet":
        yield from _parquet_rows(file)
    else:
        raise SourceError(f"{file.name}: the suffix is none of {', '.join(SUFFIXES)}; convert the table")


def _csv_rows(file: Path, delimiter: str) -> Iterator[tuple[str, Any]]:
    with open(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, delimiter=delimiter, strict=True)
        for row in _read_on(file, reader):
            place = f"line {reader.line_num}"
            if None in row or None in row.values():
                raise SourceError(f"{file.name}, {place}: more or fewer fields than the first line names")
            yield place, row


def _read_on(file: Path, reader: csv.DictReader) -> Iterator[Any]:
    """The rows; what the reader stumbles over is told with its line, and so is a column that comes twice."""
    try:
        names = list(reader.fieldnames or [])
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SourceError(f"{file.name}, line 1: the column(s) {twice} come twice; leave one of each")
        yield from reader
    except csv.Error as error:
        raise SourceError(f"{file.name}, line {reader.reader.line_num}: cannot be read: {error}") from error


def _parquet_rows(file: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        wanted = [name for name in ("clip_id", "model", "good") if name in table.schema_arrow.names]
        number = 0
        for batch in table.iter_batches(columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except pyarrow.ArrowException as error:
        raise SourceError(f"{file.name} is no Parquet file that can be read: {error}") from error


def _parsed(file: Path, place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:  # not JSON, or a number of more digits than Python reads
        raise SourceError(f"{file.name}, {place}: not JSON: {error}") from error


def _cell(text: str) -> Any:
    """The list in a CSV's cell: JSON, or names with semicolons between them."""
    if text.strip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [name for name in text.split(";") if name.strip()] or text


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


def _words(verdict: bool) -> str:
    return "good" if verdict else "not good"
