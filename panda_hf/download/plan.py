"""What to download: the videos of a dataset or a list, each with the clips that are wanted of it."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panda_hf.errors import PandaError, SourceError
from panda_hf.rights import video_key
from panda_hf.running.subtitles import decode_text, whole_text
from panda_hf.running.tables import undecoded
from panda_hf.schema import RELEASE_ROW
from panda_hf.stage import Row, features_of

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_COLUMNS = frozenset({*RELEASE_ROW, "videoID", "id", "timestamp"})
_LISTS = (".txt", ".lst", ".list", ".ids")
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Planned:
    """A video that is wanted."""

    video_id: str
    url: str
    clips: tuple[Row, ...] = ()
    """Rows of the source with ``clip_id``, ``start`` and ``end``; empty: the source names videos only."""


@dataclass(frozen=True)
class Plan:
    """Where the videos are listed. Iterating reads the list anew, in its order."""

    source: str
    config: str | None = None
    split: str | None = None
    ids: frozenset[str] | None = None
    """Only these; ``None`` for all."""
    limit: int | None = None
    """Only so many, from the start."""

    def __iter__(self) -> Iterator[Planned]:
        """The videos.

        Raises:
            SourceError: the source cannot be read, or names a video at two places.
        """
        taken: set[str] = set()
        for planned in self._all():
            if self.ids is not None and planned.video_id not in self.ids:
                continue
            if self.limit is not None and len(taken) >= self.limit:
                return
            if planned.video_id in taken:
                raise SourceError(
                    f"{self.source} names the video {planned.video_id!r} at two places; sort it by video, so that all "
                    f"clips of a video stand together"
                )
            taken.add(planned.video_id)
            yield planned

    def expected(self) -> int | None:
        """How many videos at most, where that is known without reading a dataset to its end."""
        limits = [self.limit, None if self.ids is None else len(self.ids)]
        if Path(self.source).is_file() and Path(self.source).suffix.casefold() in (*_LISTS, *_TABLES):
            limits.append(sum(1 for _ in self._all()))
        return min((limit for limit in limits if limit is not None), default=None)

    def _all(self) -> Iterator[Planned]:
        path = Path(self.source)
        suffix = path.suffix.casefold()
        if path.is_file() and suffix in _LISTS:
            return iter({one.video_id: one for one in map(_from_line, _lines(path))}.values())
        if path.is_file() and suffix in _TABLES:
            return _grouped(_together(_table(path)), self.source)
        return _grouped(_streamed(self.source, self.config, self.split), self.source)


def read_ids(path: str | os.PathLike[str]) -> frozenset[str]:
    """The video ids in a text file, one a line: ids or addresses.

    Raises:
        SourceError: when it cannot be read or is empty.
    """
    found = frozenset(video_key(line) for line in _lines(Path(path)))
    if not found:
        raise SourceError(f"{path} holds no video id")
    return found


def _lines(path: Path) -> list[str]:
    try:
        text = decode_text(path.read_bytes())
    except OSError as error:
        raise SourceError(f"the list {path} cannot be read: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _from_line(line: str) -> Planned:
    video_id = video_key(line)
    return Planned(video_id, line if "://" in line else _address(video_id, None))


def _address(video_id: str, url: Any) -> str:
    """Where a video is: as the source says, else on YouTube where the id is one of its ids."""
    if isinstance(url, str) and url.strip():
        return url.strip()
    if _YOUTUBE_ID.fullmatch(video_id):
        return f"https://www.youtube.com/watch?v={video_id}"
    raise SourceError(f"where is the video {video_id!r}? The source has no url for it, and it is no YouTube id")


def _streamed(source: str, config: str | None, split: str | None) -> Iterator[Row]:
    import datasets

    try:
        if source.casefold().endswith(".parquet"):
            loaded = datasets.load_dataset("parquet", data_files=source, streaming=True)
        else:
            loaded = datasets.load_dataset(source, config, split=split, streaming=True)
        if isinstance(loaded, dict):
            names = list(loaded)
            if len(names) != 1:
                raise SourceError(f"{source} has the splits {names}; choose one with --split")
            loaded = loaded[names[0]]
        needed = [name for name in features_of(loaded) if name in _COLUMNS]
        yield from undecoded(loaded).select_columns(needed)
    except PandaError:
        raise
    except Exception as error:  # datasets raises what the libraries under it raise
        raise SourceError(f"{source}: load_dataset cannot load it: {type(error).__name__}: {error}") from error


def _table(path: Path) -> Iterator[Row]:
    text = decode_text(path.read_bytes())
    try:
        if path.suffix.casefold() in (".csv", ".tsv"):
            yield from csv.DictReader(
                text.splitlines(keepends=True), delimiter="\t" if path.suffix.casefold() == ".tsv" else ","
            )
        elif path.suffix.casefold() == ".json":
            yield from json.loads(text)
        else:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
    except (ValueError, TypeError, csv.Error) as error:
        raise SourceError(f"the table {path} cannot be read: {error}") from error


def _together(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of a small table with all clips of a video together."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(_id_of(row), []).append(row)
    return (row for group in groups.values() for row in group)


def _id_of(row: Row) -> str:
    value = row.get("video_id") or row.get("videoID") or row.get("id")
    if value is None and isinstance(row.get("url"), str):
        value = video_key(row["url"])
    if value is None or not str(value).strip():
        raise SourceError(f"a row has neither video_id nor url; it has {sorted(map(str, row))}")
    return str(value).strip()


def _grouped(rows: Iterable[Row], source: str) -> Iterator[Planned]:
    held: list[Row] = []
    for row in rows:
        if isinstance(row.get("timestamp"), str):
            raise SourceError(
                f"{source} is a CSV file of the release; make a dataset of it: panda-hf build panda-70m --csv FILE"
            )
        if held and _id_of(row) != _id_of(held[0]):
            yield _planned(held)
            held = []
        held.append(row)
    if held:
        yield _planned(held)


def _planned(rows: list[Row]) -> Planned:
    video_id = _id_of(rows[0])
    clips = [_clip(video_id, i, row) for i, row in enumerate(rows) if row.get("start") not in (None, "")]
    twice = [name for name, count in Counter(clip["clip_id"] for clip in clips).items() if count > 1]
    if twice:
        raise SourceError(f"the video {video_id!r} has two clips named {twice[0]!r}; give each a clip_id of its own")
    return Planned(video_id, _address(video_id, rows[0].get("url")), tuple(clips))


def _clip(video_id: str, index: int, row: Row) -> Row:
    """A row as one of the release, whatever a table holds: text for numbers, nothing, columns of other meaning."""
    try:
        start, end = float(row["start"]), float(row["end"])
        score = row.get("matching_score")
        score = None if score in (None, "") else float(score)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"a clip of {video_id!r} has no start and end in seconds, or a matching_score that is no number: {error}"
        ) from error
    if not math.inf > end > start >= 0:
        raise SourceError(f"a clip of {video_id!r} runs from {start} s to {end} s; expected 0 <= start < end")
    shots = row.get("shot_boundary_detection")
    return {
        "clip_id": str(row.get("clip_id") or f"{video_id}.{index}"),
        "start": start,
        "end": end,
        "caption": _text(row.get("caption")),
        "matching_score": score,
        "desirable_filtering": _text(row.get("desirable_filtering")),
        "shot_boundary_detection": shots if isinstance(shots, list) else None,
    }


def _text(value: Any) -> str | None:
    return None if value in (None, "") else whole_text(str(value))
