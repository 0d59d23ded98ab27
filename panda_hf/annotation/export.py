"""Answers as a dataset folder: clips with their pictures, captions and answers, for `load_dataset` and fine-tuning."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value, Video

from panda_hf.annotation.agreement import Agreement, overall, pairwise
from panda_hf.annotation.answers import Answer
from panda_hf.annotation.export_card import card
from panda_hf.annotation.media import Media
from panda_hf.annotation.orders import share_of
from panda_hf.annotation.store import AnswerStore
from panda_hf.annotation.tasks import Task, Tasks
from panda_hf.errors import OutputError, SourceError, VideoError

ANSWER = {
    "annotator": Value("string"),
    "chosen": List(Value("int32")),  # places among `captions`; empty: all bad
    "mode": Value("string"),  # "best" or "good"
    "seconds": Value("float32"),
    "at": Value("string"),
}
CLIPS = Features(
    {
        "clip_id": Value("string"),
        "video_id": Value("string"),
        "clip": Video(decode=False),  # the bytes of the clip alone
        "captions": List(Value("string")),
        "teachers": List(List(Value("string"))),  # who wrote each caption
        "answers": List(ANSWER),
        "targets": List(Value("float32")),  # the share of the choice of each caption; None: all said "all bad"
    }
)
"""One row per clip that somebody answered."""
ANSWERS = Features({"clip_id": Value("string"), **ANSWER, "captions": List(Value("string"))})
"""One row per answer, without pictures: ``captions`` are the chosen ones."""
_ROWS, _BYTES = 16, 400_000_000  # of a row group, and of a file


@dataclass
class ExportSummary:
    """What was written, and what was not.

    Attributes:
        folder: the dataset folder.
        clips: rows of each split.
        answers: that were written.
        all_bad: answers among them that found no caption good.
        annotators: how many gave them.
        left_out: answers that were not written, by reason.
        agreement: over all pairs of annotators; ``None`` when no clip has two answers.
    """

    folder: Path
    clips: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    all_bad: int = 0
    annotators: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    agreement: Agreement | None = None


def export_answers(
    tasks: Tasks, store: AnswerStore, media: Media, folder: str | Path, *, validation: float = 0.0
) -> ExportSummary:
    """Write the answers as a dataset folder, in place of an earlier export there; it appears whole.

    Args:
        tasks: the clips.
        store: the answers.
        media: where clips are found as files.
        folder: a new one, or one that an export made.
        validation: share of videos whose clips become the split ``validation``; no video is in both.

    Raises:
        OutputError: when the folder holds something else.
        SourceError: when there is no answer to export.
    """
    target = Path(folder)
    _check_target(target)
    if not 0 <= validation < 1:
        raise ValueError(f"validation is a share of videos from 0 to below 1, got {validation}")
    answers, summary = store.all(), ExportSummary(target)
    summary.agreement = overall(answers)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    kept = _write_clips(new / "clips", tasks, media, answers, validation, summary)
    if not kept:
        shutil.rmtree(new, ignore_errors=True)
        raise SourceError(f"{store.folder} holds no answer to a clip of {tasks.tables.dataset}; annotate first")
    _write(new / "answers", iter(kept), ANSWERS)
    text = card(summary, pairwise(answers), tasks.tables.dataset, Path(tasks.tables.dataset).name)
    (new / "README.md").write_text(text, encoding="utf-8")
    _replace(target, new)
    return summary


def _write_clips(
    folder: Path,
    tasks: Tasks,
    media: Media,
    answers: Mapping[str, Mapping[str, Answer]],
    validation: float,
    summary: ExportSummary,
) -> list[dict[str, Any]]:
    """Write the clips that have answers; the rows of the answers."""
    by_clip: dict[str, list[Answer]] = {}
    for said in answers.values():
        for answer in said.values():
            by_clip.setdefault(answer.clip_id, []).append(answer)
    for clip, given in by_clip.items():
        if clip not in tasks:
            summary.left_out["clip not in the dataset"] += len(given)
    splits: dict[str, list[str]] = {"train": [], "validation": []}
    for clip in tasks.clip_ids:
        if clip in by_clip:
            splits["validation" if _is_validation(tasks.task(clip), validation) else "train"].append(clip)
    kept: list[dict[str, Any]] = []
    for split, clips in splits.items():
        if clips:
            rows = _clip_rows(clips, by_clip, tasks, media, summary, kept)
            summary.clips[split] = _write(folder / split, rows, CLIPS)
    summary.annotators = len({row["annotator"] for row in kept})
    return kept


def _clip_rows(
    clips: Iterable[str],
    by_clip: Mapping[str, list[Answer]],
    tasks: Tasks,
    media: Media,
    summary: ExportSummary,
    kept: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    for clip in clips:
        task = tasks.task(clip)
        given = [answer for answer in by_clip[clip] if answer.candidates == task.digest]
        summary.left_out["captions changed since"] += len(by_clip[clip]) - len(given)
        try:
            data = media.file(clip).read_bytes() if given else b""
        except (VideoError, OSError):
            summary.left_out["media not found"] += len(given)
            continue
        if given:
            summary.answers += len(given)
            summary.all_bad += sum(answer.all_bad for answer in given)
            kept += [_answer_row(task, answer) for answer in given]
            yield _clip_row(task, given, data, media.file(clip).suffix)


def _clip_row(task: Task, given: list[Answer], data: bytes, suffix: str) -> dict[str, Any]:
    chosen = [answer.shares() for answer in given if not answer.all_bad]
    return {
        "clip_id": task.clip_id,
        "video_id": task.video_id,
        "clip": {"path": f"clip{suffix}", "bytes": data},
        "captions": list(task.captions),
        "teachers": [list(names) for names in task.teachers],
        "answers": [_told(answer) for answer in given],
        "targets": [sum(column) / len(chosen) for column in zip(*chosen, strict=True)] if chosen else None,
    }


def _answer_row(task: Task, answer: Answer) -> dict[str, Any]:
    return {"clip_id": task.clip_id, **_told(answer), "captions": [task.captions[k] for k in answer.chosen]}


def _told(answer: Answer) -> dict[str, Any]:
    return {
        "annotator": answer.annotator,
        "chosen": list(answer.chosen),
        "mode": answer.mode,
        "seconds": answer.seconds,
        "at": answer.at,
    }


def _is_validation(task: Task, share: float) -> bool:
    return share_of("split", task.video_id or task.clip_id) < share


def _write(folder: Path, rows: Iterator[dict[str, Any]], features: Features) -> int:
    """Write rows as Parquet files of bearable size; how many rows."""
    folder.mkdir(parents=True)
    writer, held, total, files = None, [], 0, 0
    for row in _ended(rows):
        if row is not None:
            held.append(row)
        if held and (row is None or len(held) == _ROWS):
            if writer is None:
                path = folder / f"{files:05d}.parquet"
                writer, files = pq.ParquetWriter(path, features.arrow_schema, compression="zstd"), files + 1
            writer.write_table(pa.Table.from_pylist(held, schema=features.arrow_schema))
            total, held = total + len(held), []
            if path.stat().st_size > _BYTES:
                writer.close()
                writer = None
    if writer is not None:
        writer.close()
    if not total:
        folder.rmdir()
    return total


def _ended(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any] | None]:
    yield from rows
    yield None


def _check_target(target: Path) -> None:
    if target.exists() and not (target / "README.md").is_file() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} holds something else than an export; give another folder")


def _replace(target: Path, new: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)
