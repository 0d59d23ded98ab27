"""Answers as a dataset folder: one row per answer with the clip's pictures, for `load_dataset` and fine-tuning."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Value, Video

from panda_hf import schema
from panda_hf.annotation.agreement import overall, pairwise
from panda_hf.annotation.answers import Answer
from panda_hf.annotation.export_card import card
from panda_hf.annotation.export_summary import ExportSummary
from panda_hf.annotation.media import Media
from panda_hf.annotation.store import AnswerStore
from panda_hf.annotation.tasks import Task, Tasks
from panda_hf.errors import OutputError, SourceError, VideoError

FEATURES = Features(
    {
        **schema.ANSWER_ROW,
        "video_id": Value("string"),
        "clip": Video(decode=False),  # the bytes of the clip alone
        "mode": Value("string"),  # "best" or "good": what was asked
        "seconds": Value("float32"),  # from sight of the clip to the answer; None: unknown
        "at": Value("string"),  # when, UTC
    }
)
"""One row per answer that counts; rows of a clip follow each other."""
DATA = "data"
_ROWS, _BYTES = 32, 400_000_000  # of a row group, and of a file
_DICTIONARY = 1 << 28  # so that bytes of a clip with several answers stand in a row group once


def export_answers(tasks: Tasks, store: AnswerStore, media: Media, folder: str | Path) -> ExportSummary:
    """Write the answers as a dataset folder, in place of an earlier export there; it appears whole.

    Args:
        tasks: the clips.
        store: the answers.
        media: where clips are found as files.
        folder: a new one, or one that an export made.

    Raises:
        OutputError: when the folder holds something else.
        SourceError: when there is no answer to export.
    """
    target = Path(folder)
    _check_target(target)
    answers, summary = store.all(), ExportSummary(target)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        kept: dict[str, dict[str, Answer]] = {}
        _write(new / DATA, _rows(tasks, media, _by_clip(tasks, answers, summary), summary, kept))
        if not summary.answers:
            raise SourceError(f"{store.folder} holds no answer to a clip of {tasks.tables.dataset}; annotate first")
        summary.annotators, summary.agreement = len(kept), overall(kept)
        text = card(summary, pairwise(kept), tasks.tables.dataset, _digest(new / DATA))
        (new / "README.md").write_text(text, encoding="utf-8")
        _replace(target, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return summary


def _by_clip(
    tasks: Tasks, answers: Mapping[str, Mapping[str, Answer]], summary: ExportSummary
) -> dict[str, list[Answer]]:
    """The answers that count, by clip; the others are noted."""
    found: dict[str, list[Answer]] = {}
    for said in answers.values():
        for clip, answer in said.items():
            if tasks.is_answered_by(answer):
                found.setdefault(clip, []).append(answer)
            else:
                summary.left_out["captions changed since" if clip in tasks else "clip not in the dataset"] += 1
    return found


def _rows(
    tasks: Tasks,
    media: Media,
    by_clip: Mapping[str, list[Answer]],
    summary: ExportSummary,
    kept: dict[str, dict[str, Answer]],
) -> Iterator[dict[str, Any]]:
    for clip in tasks.clip_ids:
        given = by_clip.get(clip, [])
        if not given:
            continue
        try:
            file = media.file(clip)
            pictures = {"path": f"clip{file.suffix}", "bytes": file.read_bytes()}
        except (VideoError, OSError):
            summary.left_out["media not found"] += len(given)
            continue
        summary.clips += 1
        for answer in given:
            summary.answers += 1
            summary.all_bad += answer.all_bad
            kept.setdefault(answer.annotator, {})[clip] = answer
            yield _row(tasks.task(clip), answer, pictures)


def _row(task: Task, answer: Answer, pictures: dict[str, Any]) -> dict[str, Any]:
    """An answer, teacher by teacher: who picks a caption picks it of every teacher who wrote it."""
    places = [(k, teacher) for k, teachers in enumerate(task.teachers) for teacher in teachers]
    return {
        "clip_id": task.clip_id,
        "annotator": answer.annotator,
        "candidates": [{"teacher": teacher, "caption": task.captions[k]} for k, teacher in places],
        "picked": [i for i, (k, _) in enumerate(places) if k in answer.chosen],
        "video_id": task.video_id,
        "clip": pictures,
        "mode": answer.mode,
        "seconds": answer.seconds,
        "at": answer.at,
    }


def _write(folder: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as Parquet files of bearable size."""
    folder.mkdir(parents=True)
    groups = iter(lambda: _table(rows), None)
    for number, first in enumerate(groups):
        path = folder / f"train-{number:05d}.parquet"
        with pq.ParquetWriter(path, first.schema, compression="zstd", dictionary_pagesize_limit=_DICTIONARY) as writer:
            writer.write_table(first)
            while path.stat().st_size < _BYTES and (more := _table(rows)) is not None:
                writer.write_table(more)


def _table(rows: Iterator[dict[str, Any]]) -> pa.Table | None:
    """The next rows; ``None`` when there are none."""
    held = list(itertools.islice(rows, _ROWS))
    return pa.Table.from_pylist(held, schema=FEATURES.arrow_schema) if held else None


def _digest(folder: Path) -> str:
    """Sixteen digits that change when any byte of the files does."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _check_target(target: Path) -> None:
    if target.exists() and not (target / DATA).is_dir() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} holds something else than an export; give another folder")


def _replace(target: Path, new: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)
