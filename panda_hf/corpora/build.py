"""`write_corpus`: entries by configuration and split, to a dataset repository of Parquet and a card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value

from panda_hf import __version__, schema
from panda_hf.corpora.videos import VideoFiles
from panda_hf.errors import OutputError, SourceError
from panda_hf.publishing.card_parts import write_text

CORPUS_ROW = Features(
    {
        "video_id": Value("string"),
        "video": schema.VIDEO,  # None: the file is not in the user's folder
        "captions": List(Value("string")),
        "url": Value("string"),
        "start": Value("float64"),  # of the stretch in the source video, seconds
        "end": Value("float64"),
        "category": Value("string"),
    }
)
"""One video of a benchmark with all its reference captions."""

RECORD = "build.json"
"""Provenance; its presence tells a folder that this command made."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video and its captions, as the annotations say."""

    video_id: str
    captions: tuple[str, ...]
    url: str | None = None
    start: float | None = None
    end: float | None = None
    category: str | None = None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What everyone's copy of a split holds."""

    videos: int
    digest: str | None = None
    """:func:`ids_digest` of its ids; ``None`` where only the number is known."""
    captions: int | None = None
    """Of all videos together."""
    each: int | None = None
    """Captions of each video."""


@dataclass(frozen=True)
class SplitSummary:
    """What was written of one split."""

    videos: int
    captions: int
    without_file: int
    """Videos that the annotations name and the folder lacks."""
    notes: tuple[str, ...] = ()
    """In what it differs from what everyone's copy holds."""
    digest: str = ""
    """Sixteen digits of a hash of its rows, which tell it from a split of equal size with other texts or files."""


@dataclass(frozen=True)
class CorpusSummary:
    """What was written: ``splits[configuration][split]``."""

    out: Path
    splits: dict[str, dict[str, SplitSummary]] = field(default_factory=dict)

    @property
    def has_files(self) -> bool:
        """Whether a video file was found for any row."""
        return any(part.without_file < part.videos for parts in self.splits.values() for part in parts.values())

    @property
    def notes(self) -> list[str]:
        """Every difference from what was expected."""
        named = ((f"{config}/{split}", part) for config, parts in self.splits.items() for split, part in parts.items())
        return [f"{name}: {note}" for name, part in named for note in part.notes]


Configs = Mapping[str, Mapping[str, Sequence[Entry]]]
"""Entries by configuration and split."""
Card = Callable[[CorpusSummary], str]
"""Writes the card of what was written."""


def ids_digest(ids: Iterable[str]) -> str:
    """Sixteen digits of a hash of a set of ids, whatever their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def write_corpus(
    configs: Configs,
    out: str | os.PathLike[str],
    *,
    card: Card,
    videos: str | os.PathLike[str] | None = None,
    expected: Mapping[tuple[str, str], Expected] | None = None,
    strict: bool = True,
    overwrite: bool = False,
) -> CorpusSummary:
    """Write a benchmark corpus as a dataset repository, whole or not at all.

    Args:
        configs: the entries of each split of each configuration; a split without entries is left out.
        out: the folder to make.
        card: writes the text of ``README.md`` from the summary.
        videos: the folder (searched with its subfolders) of the user's video files, each called by its id; a video
            that is not there stays a row, with ``video`` ``None``, and is counted.
        expected: what a split must hold, by configuration and split.
        strict: refuse a split that is not as expected; otherwise the difference is noted in summary and card.
        overwrite: replace a folder that this command made.

    Raises:
        SourceError: an id twice in a split, a video without a caption, or, when ``strict``, another split than
            expected.
        OutputError: ``out`` exists and may not be replaced.
    """
    target = Path(out)
    _check_target(target, overwrite)
    for (config, split), entries in _parts(configs):
        _check_entries(entries, f"{config}/{split}")
    files = VideoFiles.of(videos)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        summary = CorpusSummary(target, {})
        for (config, split), entries in _parts(configs):
            notes = _differences(entries, (expected or {}).get((config, split)))
            if notes and strict:
                raise SourceError(f"{config}/{split} is not the split that papers report on: {'; '.join(notes)}")
            rows = [_row(entry, files) for entry in entries]
            _write(unfinished / config / f"{split}.parquet", rows)
            summary.splits.setdefault(config, {})[split] = _summed(rows, notes)
        if not summary.splits:
            raise SourceError("the annotations hold no video; nothing was written")
        write_text(unfinished / RECORD, json.dumps(_record(summary), indent=2) + "\n")
        write_text(unfinished / "README.md", card(summary))
        if target.exists():
            shutil.rmtree(target)
        os.replace(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return summary


def config_entries(summary: CorpusSummary) -> list[dict[str, Any]]:
    """What the front matter of the card lists under ``configs``; the first configuration is the default."""
    stamp = hashlib.sha256(json.dumps(_record(summary)).encode()).hexdigest()[:16]
    return [
        {
            "config_name": config,
            **({"default": True} if number == 0 else {}),
            "description": f"build {stamp}",
            "data_files": [{"split": split, "path": f"{config}/{split}.parquet"} for split in parts],
        }
        for number, (config, parts) in enumerate(summary.splits.items())
    ]


def _parts(configs: Configs) -> Iterable[tuple[tuple[str, str], Sequence[Entry]]]:
    return (
        ((config, split), entries)
        for config, splits in configs.items()
        for split, entries in splits.items()
        if len(entries)
    )


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / RECORD).is_file():
        raise OutputError(f"{target} is there already and is not a built dataset; give another --out")
    if not overwrite:
        raise OutputError(f"{target} is there already; give another --out, or --overwrite to replace it")


def _check_entries(entries: Sequence[Entry], where: str) -> None:
    twice = [video_id for video_id, count in Counter(entry.video_id for entry in entries).items() if count > 1]
    if twice:
        raise SourceError(f"{where}: the id {twice[0]!r} is there twice; the annotations are damaged or mixed up")
    empty = [entry.video_id for entry in entries if not any(caption.strip() for caption in entry.captions)]
    if empty:
        raise SourceError(
            f"{where}: {len(empty)} videos have no caption, such as {empty[0]!r}; are these the annotations of the "
            f"split? Some test sets are released without captions: give the file that has them."
        )


def _differences(entries: Sequence[Entry], expected: Expected | None) -> tuple[str, ...]:
    notes = _blank(entries)
    if expected is None:
        return notes
    return (*notes, *_other_numbers(entries, expected))


def _blank(entries: Sequence[Entry]) -> tuple[str, ...]:
    blank = [entry.video_id for entry in entries for caption in entry.captions if not caption.strip()]
    return (f"{len(blank):,} blank captions, such as one of {blank[0]!r}",) if blank else ()


def _other_numbers(entries: Sequence[Entry], expected: Expected) -> list[str]:
    notes, captions = [], sum(len(entry.captions) for entry in entries)
    other = [entry for entry in entries if expected.each not in (None, len(entry.captions))]
    if len(entries) != expected.videos:
        notes.append(f"{len(entries):,} videos, expected {expected.videos:,}")
    elif expected.digest is not None and ids_digest(entry.video_id for entry in entries) != expected.digest:
        notes.append("other video ids than expected")
    if expected.captions is not None and captions != expected.captions:
        notes.append(f"{captions:,} captions, expected {expected.captions:,}")
    if other:
        notes.append(
            f"{len(other):,} videos have not {expected.each} captions, such as {other[0].video_id!r} with "
            f"{len(other[0].captions)}"
        )
    return notes


def _row(entry: Entry, files: VideoFiles) -> dict[str, Any]:
    path = files.path(entry.video_id)
    video = None if path is None else {"path": path, "bytes": None}
    return {**asdict(entry), "captions": list(entry.captions), "video": video}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=CORPUS_ROW.arrow_schema), path, compression="zstd")


def _summed(rows: list[dict[str, Any]], notes: tuple[str, ...]) -> SplitSummary:
    without = sum(row["video"] is None for row in rows)
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    return SplitSummary(len(rows), sum(len(row["captions"]) for row in rows), without, notes, digest)


def _record(summary: CorpusSummary) -> dict[str, Any]:
    splits = {
        config: {split: asdict(part) for split, part in parts.items()} for config, parts in summary.splits.items()
    }
    return {"panda_hf": __version__, "splits": splits}
