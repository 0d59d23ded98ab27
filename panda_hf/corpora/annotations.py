"""Read the annotation files that benchmark corpora are released as."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from panda_hf.errors import SourceError

Name = str | os.PathLike[str]


def read_json(path: Name) -> Any:
    """What a JSON file holds.

    Raises:
        SourceError: when it cannot be read, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"the annotations {path} cannot be read as JSON: {error}") from error


def read_table(path: Name) -> list[dict[str, str]]:
    """The rows of a CSV file with a header.

    Raises:
        SourceError: when it cannot be read, or a row has other cells than the header.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(f"the table {path} cannot be read: {error}") from error
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise SourceError(f"the table {path}: row {line} has other cells than the header")
    return rows


def read_id_list(path: Name) -> list[str]:
    """The video ids of a split: a text file with one id per line, or a CSV file with a column ``video_id``.

    Raises:
        SourceError: when it cannot be read, holds no id, or an id twice.
    """
    if str(path).casefold().endswith(".csv"):
        rows = read_table(path)
        if rows and "video_id" not in rows[0]:
            raise SourceError(f"the table {path} has no column video_id; it has {sorted(rows[0])}")
        ids = [row["video_id"].strip() for row in rows]
    else:
        try:
            ids = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"the list {path} cannot be read: {error}") from error
    ids = [video_id for video_id in ids if video_id]
    twice = {video_id for video_id in ids if ids.count(video_id) > 1} if len(set(ids)) < len(ids) else set()
    if not ids or twice:
        raise SourceError(f"the list {path} " + (f"names twice: {sorted(twice)[:3]}" if twice else "holds no id"))
    return ids


def text_of(value: Any, where: str) -> str:
    """``value`` when it is text.

    Raises:
        SourceError: when it is not; ``where`` says in which entry of which file.
    """
    if not isinstance(value, str):
        raise SourceError(f"{where}: expected text, found {type(value).__name__}")
    return value


def read_listed(path: Name) -> list[tuple[str, tuple[str, ...]]]:
    """Ids and captions of a JSON list of ``{video, caption: [...]}``, the form in which Panda-70M tests captioners.

    Raises:
        SourceError: when the file is something else.
    """
    held = read_json(path)
    try:
        return [(Path(text_of(item["video"], str(path))).stem, _texts(item["caption"], path)) for item in held]
    except (KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected a list of {{video, caption: [...]}}; {_said(error)}") from error


def _texts(values: Any, path: Name) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise SourceError(f"{path}: expected a list of captions, found {type(values).__name__}")
    return tuple(text_of(value, str(path)) for value in values)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
