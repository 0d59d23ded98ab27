"""Read the captions of a captioner from any usual file: JSON, JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from panda_hf.errors import SourceError
from panda_hf.evaluation.predictions import Predictions, collected

# `id` is last: beside another of these it is often the number of a row.
ID_COLUMNS = ("video_id", "clip_id", "image_id", "video", "video_name", "file_name", "video_path", "id")
CAPTION_COLUMNS = ("caption", "prediction", "student_caption", "text", "pred")
WRAPPERS = ("predictions", "results")
"""Keys under which some scripts keep their captions, beside scores."""


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """The captions in a file.

    JSON: ``{id: caption}`` (or a list of one caption), a list of objects or of ``[id, caption]``, or one of these
    under ``predictions``; JSON lines; CSV; Parquet. An object names its video by one of ``ID_COLUMNS`` and its caption
    by one of ``CAPTION_COLUMNS``, in any case. A caption that is null, or an empty cell of a CSV, is no prediction.

    Raises:
        SourceError: when the file cannot be read, lacks these columns, or names a video twice with other captions.
    """
    file = Path(path)
    try:
        held = _unwrapped(_read(file))
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise SourceError(f"the predictions {file} cannot be read: {error}") from error
    if isinstance(held, Mapping):
        pairs = [(str(name), _one(caption, f"{file}: {name}")) for name, caption in held.items()]
    else:
        pairs = [_pair(item, f"{file}: entry {number}") for number, item in enumerate(held, 1)]
    return collected([(name, caption) for name, caption in pairs if caption is not None], str(file))


def _read(file: Path) -> Any:
    suffix = file.suffix.casefold()
    if suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    text = file.read_text(encoding="utf-8-sig")
    if suffix in (".csv", ".tsv"):
        return _rows(text, "\t" if suffix == ".tsv" else ",")
    if suffix in (".jsonl", ".ndjson") or _is_lines(text):
        return _lines(text)
    held = json.loads(text, object_pairs_hook=_object)
    if not isinstance(held, list | dict):
        raise ValueError(f"expected an object or a list, found {type(held).__name__}")
    return held


def _rows(text: str, delimiter: str) -> list[dict[str, str | None]]:
    """The rows of a table; an empty cell is ``None``, since that is what libraries write for no value."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header, found = next(reader, []), []
        for cells in filter(None, reader):
            if len(cells) != len(header):
                raise ValueError(
                    f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}; a caption with the "
                    f"delimiter {delimiter!r} in it must stand in quotes"
                )
            found.append({name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    return found


def _is_lines(text: str) -> bool:
    """Whether a file called .json holds JSON lines: its first line is an object by itself, and more lines follow."""
    first, _, rest = text.lstrip().partition("\n")
    try:
        return bool(rest.strip()) and first.startswith("{") and isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _lines(text: str) -> list[Any]:
    found = []
    # Only a line feed ends a line: a caption may hold the other line ends of Unicode.
    for number, line in enumerate(text.split("\n"), 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise ValueError(f"line {number} is not JSON: {said}") from error
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key with two values is an error, where ``json`` would keep the last in silence."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise ValueError(f"{name!r} has two captions; which one is the prediction?")
        found[name] = value
    return found


def _unwrapped(held: Any) -> Any:
    """The captions of an object that keeps them under a key of its own."""
    inner = [held[key] for key in WRAPPERS if key in held] if isinstance(held, Mapping) else []
    if inner and (isinstance(inner[0], Mapping) or (isinstance(inner[0], list) and not _is_caption(inner[0]))):
        return inner[0]
    return held


def _is_caption(held: list[Any]) -> bool:
    return len(held) == 1 and isinstance(held[0], str)


def _pair(item: Any, where: str) -> tuple[str, str | None]:
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str | int):
        return str(item[0]), _one(item[1], where)
    if not isinstance(item, Mapping):
        raise SourceError(f"{where}: expected an object with an id and a caption, found {type(item).__name__}")
    known = _by_plain_name(item)
    ids = (known.get(_plain(column)) for column in ID_COLUMNS)
    name = next((value for value in ids if isinstance(value, str | int)), None)
    column = next((_plain(column) for column in CAPTION_COLUMNS if _plain(column) in known), None)
    if name is None or column is None:
        raise SourceError(
            f"{where} has {sorted(map(str, item))}; expected an id in one of {ID_COLUMNS} and a caption in one of "
            f"{CAPTION_COLUMNS}"
        )
    return str(name), _one(known[column], where)


def _one(caption: Any, where: str) -> str | None:
    """The caption, alone or in a list or an object; ``None`` for null and for NaN, which stands for it in tables."""
    if isinstance(caption, list) and len(caption) == 1:
        caption = caption[0]
    if isinstance(caption, Mapping):
        known = _by_plain_name(caption)
        caption = next((known[_plain(name)] for name in CAPTION_COLUMNS if _plain(name) in known), caption)
    if caption is None or (isinstance(caption, float) and caption != caption):
        return None
    if not isinstance(caption, str):
        raise SourceError(f"{where}: expected one caption, found {str(caption)[:80]!r}")
    return caption


def _by_plain_name(item: Mapping[Any, Any]) -> dict[str, Any]:
    """Values by the names of their columns as :func:`_plain` spells them; of two alike the first."""
    return {_plain(str(name)): value for name, value in reversed(list(item.items()))}


def _plain(column: str) -> str:
    """``Video_ID``, ``videoID`` and ``video_id`` are one."""
    return "".join(character for character in column.casefold() if character.isalnum())
