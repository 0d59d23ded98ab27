"""One video through all steps: a function of its row and the plan, whoever calls it."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panda_hf import schema
from panda_hf.clips import explode_batch
from panda_hf.errors import NO_ROOM, CheckpointError, ContractError, EndpointError, MissingColumnError
from panda_hf.running import spool
from panda_hf.running.cut import Cut
from panda_hf.running.naming import safe_file_name
from panda_hf.running.plan import Plan
from panda_hf.running.spool import Job
from panda_hf.running.thumbnails import write_thumbnail
from panda_hf.stage import Batch, Failure, Row, Stage

MAX_WARNINGS = 20
"""So many warnings of one video are kept."""
FATAL = (CheckpointError, ContractError, EndpointError, MissingColumnError)
"""Errors that every other video would meet too: they end the run instead of failing its rows one by one."""
DISK_ERRORS = NO_ROOM | {errno.EROFS}

log = logging.getLogger(__name__)


@dataclass
class Work:
    """What is on hand while one video is worked on."""

    plan: Plan
    part: Path
    media_prefix: str
    rank: int | None
    on_stage: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, stage: Stage, batch: Batch) -> Batch:
        """Append the stage's columns; what the stage does not catch fails the live rows of the batch."""
        if isinstance(stage, Cut):
            stage = replace(stage, folder=str(self.part / "media"), prefix=self.media_prefix)
        self.on_stage(stage.name)
        started = time.perf_counter()
        try:
            return {**batch, **stage(batch, self.rank)}
        except FATAL:
            raise
        except Exception as error:  # the rows become error rows
            return {**batch, **_failed(stage, batch, error)}
        finally:
            self.seconds[stage.name] = self.seconds.get(stage.name, 0.0) + time.perf_counter() - started


def run_video(
    plan: Plan, job: Job, *, rank: int | None = None, on_stage: Callable[[str], None] = lambda name: None
) -> None:
    """Run one video through the plan and leave its result in ``job.folder``.

    Args:
        plan: the steps.
        job: the video. When its row already has an ``error``, no stage runs and the error row is written.
        rank: index of the worker, handed to the stages.
        on_stage: told the name of each stage before it runs.

    Raises:
        PandaError: one of ``FATAL``; everything else becomes an error row.
        OSError: when the disk is full or may not be written.
    """
    stages = ["start"]

    def note(name: str) -> None:
        stages.append(name)
        on_stage(name)

    with collected_warnings() as warnings:
        try:
            _run(plan, job, rank, note, warnings)
        except Exception as error:  # the video becomes an error row
            if isinstance(error, FATAL) or getattr(error, "errno", None) in DISK_ERRORS:
                raise
            log.warning("%s: %s", job.name, error, exc_info=True)
            _run(plan, _with_error(job, Failure.of(error), stages[-1]), rank, on_stage, warnings)


def fail_video(plan: Plan, job: Job, failure: Failure, stage: str) -> None:
    """Leave an error row for a video whose worker could not finish it."""
    _run(plan, _with_error(job, failure, stage), None, lambda name: None, [failure.message])


def _with_error(job: Job, failure: Failure, stage: str) -> Job:
    error = failure.as_row(stage)
    if job.clips is not None:
        return replace(job, clips=[{**clip, "error": clip["error"] or error} for clip in job.clips])
    return replace(job, row={**job.row, "error": error})


def _run(plan: Plan, job: Job, rank: int | None, on_stage: Callable[[str], None], warnings: list[str]) -> None:
    part = spool.part_folder(job.folder)
    work = Work(plan, part, f"media/{spool.shard_name(job.shard)}", rank, on_stage)
    if job.clips is not None:
        _run_again(work, job.clips, job, warnings)
        return
    split = {name: [job.row.get(name)] for name in [*plan.input_features, "filtered", "error"]}
    for stage in plan.video_stages:
        split = work.run(stage, split)
    clips = explode_batch(split)
    rows = [row for batch in batches(clips, plan.batch_size) for row in _clip_rows(work, batch)]
    video = video_result({name: values[0] for name, values in split.items()}, rows)
    counted = len(clips["clip_id"])
    spool.finish(part, job.folder, plan, video, rows, clip_rows=counted, stage_seconds=work.seconds, warnings=warnings)


def _run_again(work: Work, clips: list[Row], job: Job, warnings: list[str]) -> None:
    """Run the stages of a rework on clips that are there already."""
    columns = columns_of(clips, work.plan)
    rows = [row for batch in batches(columns, work.plan.batch_size) for row in _clip_rows(work, batch)]
    known = {"clip_rows": len(rows), "stage_seconds": work.seconds, "warnings": warnings}
    spool.finish(work.part, job.folder, work.plan, job.row, rows, **known)


def columns_of(clips: list[Row], plan: Plan) -> Batch:
    """Rows of clips as columns."""
    return {name: [clip.get(name) for clip in clips] for name in plan.clip_features}


def video_result(video: Row, clips: list[Row]) -> Row:
    """The row of the configuration ``videos``.

    Args:
        video: the video row after the stages before ``explode_clips``.
        clips: its clip rows at the end.
    """
    reference = video["video"]
    named = {"video_id": clips[0]["video_id"], "video": reference and {**reference, "bytes": None}}
    return {**video, **named, **outcome(clips)}


def outcome(clips: list[Row]) -> Row:
    """The columns of the configuration ``videos`` that its clip rows decide."""
    statuses = [spool.status_of(row) for row in clips]
    status = next(status for status in ("kept", "failed", "filtered") if status in statuses)
    error = next((row["error"] for row in clips if row["error"] is not None), None) if status == "failed" else None
    return {
        "status": status,
        "clips": sum(row["clip_id"] is not None for row in clips),
        "clips_kept": statuses.count("kept"),
        "filtered": clips[0]["filtered"] if status == "filtered" else None,
        "error": error,
    }


def _clip_rows(work: Work, batch: Batch) -> list[Row]:
    for stage in work.plan.clip_stages if work.plan.redone is None else work.plan.redone:
        batch = work.run(stage, batch)
    if work.plan.thumbnails:
        write_thumbnails(work.part / "thumbnails", batch)
    names = [name for name in batch if name not in schema.FRAMES_COLUMNS]
    return [{name: batch[name][i] for name in names} for i in range(len(batch["clip_id"]))]


def write_thumbnails(folder: Path, batch: Batch) -> None:
    """One file for each clip of the batch that has frames."""
    for clip_id, frames in zip(batch["clip_id"], batch.get("frames") or [], strict=False):
        if clip_id is not None and frames is not None:
            write_thumbnail(frames, folder / f"{safe_file_name(clip_id)}.jpg")


def batches(rows: Batch, size: int) -> Iterator[Batch]:
    """The rows, so many at a time."""
    for start in range(0, len(rows["clip_id"]), size):
        yield {name: values[start : start + size] for name, values in rows.items()}


def _failed(stage: Stage, batch: Batch, error: Exception) -> Batch:
    rows = len(batch["error"])
    log.warning("%s: %s: %s", stage.name, type(error).__name__, error)
    failure = Failure.of(error).as_row(stage.name)
    columns: dict[str, list[Any]] = {name: [None] * rows for name in stage.appends}
    return {**columns, "error": [known if known is not None else failure for known in batch["error"]]}


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.messages) < MAX_WARNINGS:
            self.messages.append(record.getMessage())


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect what this package warns of meanwhile, instead of printing it."""
    logger, collector = logging.getLogger("panda_hf"), _Collector()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
