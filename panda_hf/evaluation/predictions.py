"""Predictions of a captioner: read from any usual file, matched with the references by id."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from panda_hf.errors import SourceError

Predictions = dict[str, str]
"""One caption by video id."""

ID_COLUMNS = ("video_id", "clip_id", "id", "image_id", "video", "file_name")
CAPTION_COLUMNS = ("caption", "prediction", "student_caption", "text", "pred")

Missing = Literal["error", "empty"]
"""What becomes of a video without a prediction: an error, or an empty caption, counted."""


@dataclass(frozen=True)
class Matched:
    """Predictions and references, item by item, in the order of the references."""

    ids: tuple[str, ...]
    predictions: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    """Ids without a prediction, scored as empty."""
    unused: int
    """Predictions for videos that have no references."""


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """The captions in a file.

    JSON: ``{id: caption}`` (or a list of one caption), or a list of objects; JSON lines; CSV; Parquet. An object names
    its video by one of ``ID_COLUMNS`` and its caption by one of ``CAPTION_COLUMNS``.

    Raises:
        SourceError: when the file cannot be read, lacks these columns, or names a video twice with other captions.
    """
    file = Path(path)
    try:
        held = _read(file)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise SourceError(f"the predictions {file} cannot be read: {error}") from error
    if isinstance(held, Mapping):
        pairs = [(str(name), _one(caption, f"{file}: {name}")) for name, caption in held.items()]
    else:
        pairs = [_pair(item, f"{file}: entry {number}") for number, item in enumerate(held, 1)]
    return collected(pairs, str(file))


def collected(pairs: Iterable[tuple[str, str]], where: str) -> Predictions:
    """Pairs of id and caption as a mapping.

    Raises:
        SourceError: when there is none, or an id comes with two captions.
    """
    found: Predictions = {}
    for name, caption in pairs:
        if found.setdefault(name, caption) != caption:
            raise SourceError(f"{where}: {name!r} has two captions; which one is the prediction?")
    if not found:
        raise SourceError(f"{where} holds no predictions")
    return found


def match(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], missing: Missing = "error"
) -> Matched:
    """Pair each video that has references with its prediction.

    An id matches with and without the suffix of a video file.

    Raises:
        SourceError: when a prediction is missing and ``missing`` is ``"error"``, none matches at all, or two ids that
            differ in the suffix alone have two captions.
    """
    known = {**_by_bare_name(predictions), **predictions}
    found = {name: known.get(name, known.get(_bare(name))) for name in references}
    lacking = tuple(name for name, caption in found.items() if caption is None)
    if len(lacking) == len(references):
        raise SourceError(
            f"no prediction matches a reference: predictions are called {_some(predictions)}, references "
            f"{_some(references)}"
        )
    if lacking and missing == "error":
        raise SourceError(
            f"{len(lacking):,} of {len(references):,} videos have no prediction, such as {_some(lacking)}; complete "
            f"the predictions, or score these as empty (--missing empty)"
        )
    wanted = {*references, *map(_bare, references)}
    return Matched(
        ids=tuple(references),
        predictions=tuple(caption or "" for caption in found.values()),
        references=tuple(tuple(said) for said in references.values()),
        missing=lacking,
        unused=sum(name not in wanted and _bare(name) not in wanted for name in predictions),
    )


def _read(file: Path) -> Any:
    suffix = file.suffix.casefold()
    if suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    text = file.read_text(encoding="utf-8-sig")
    if suffix in (".csv", ".tsv"):
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ","))
    if suffix in (".jsonl", ".ndjson"):
        # Only a line feed ends a line: a caption may hold the other line ends of Unicode.
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    held = json.loads(text, object_pairs_hook=_object)
    if not isinstance(held, list | dict):
        raise ValueError(f"expected an object or a list, found {type(held).__name__}")
    return held


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key with two values is an error, where ``json`` would keep the last in silence."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise ValueError(f"{name!r} has two captions; which one is the prediction?")
    return found


def _pair(item: Any, where: str) -> tuple[str, str]:
    if not isinstance(item, Mapping):
        raise SourceError(f"{where}: expected an object with an id and a caption, found {type(item).__name__}")
    name = next((item[column] for column in ID_COLUMNS if isinstance(item.get(column), str | int)), None)
    column = next((column for column in CAPTION_COLUMNS if column in item), None)
    if name is None or column is None:
        raise SourceError(
            f"{where} has {sorted(map(str, item))}; expected an id in one of {ID_COLUMNS} and a caption in one of "
            f"{CAPTION_COLUMNS}"
        )
    return str(name), _one(item[column], where)


def _one(caption: Any, where: str) -> str:
    if isinstance(caption, list) and len(caption) == 1:
        caption = caption[0]
    if caption is None:
        return ""
    if not isinstance(caption, str):
        raise SourceError(f"{where}: expected one caption, found {str(caption)[:80]!r}")
    return caption


def _by_bare_name(predictions: Mapping[str, str]) -> Predictions:
    """Captions by id without the suffix of a video file."""
    return collected(((_bare(name), caption) for name, caption in predictions.items()), "the predictions")


def _bare(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.casefold() in (".mp4", ".avi", ".mkv", ".webm", ".mov") else name


def _some(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name, _ in zip(names, range(3), strict=False))
