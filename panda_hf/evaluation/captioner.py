"""Let captioners write a caption for each video of a benchmark; what is written is kept, and not written again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm import tqdm

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.errors import SourceError, VideoError
from panda_hf.evaluation.names import called, file_name
from panda_hf.evaluation.prediction_files import read_predictions
from panda_hf.evaluation.predictions import Predictions
from panda_hf.models.release import release_models
from panda_hf.publishing.card_parts import write_text
from panda_hf.stage import Batch
from panda_hf.video import probe

log = logging.getLogger(__name__)

SAVE_EVERY = 4
"""Batches of rows between two savings of the captions, so that a killed run goes on there."""


@dataclass(frozen=True, kw_only=True)
class Captioner:
    """A model that captions a benchmark."""

    name: str
    """What tables call it."""
    stages: tuple[Caption, ...]
    """The model once, or once per seed of sampled captions."""

    def provenance(self) -> dict[str, Any]:
        """Checkpoint and settings, for the results; a folder is called by its name, not by its place."""
        held = self.stages[0].provenance()
        seeds = [stage.card().decoding.seed for stage in self.stages]
        parts = {role: called(checkpoint) for role, checkpoint in held.get("parts", {}).items()}
        own = {"checkpoint": called(held["checkpoint"]), "parts": parts}
        return {**held, **own, **({"seed": seeds} if len(seeds) > 1 else {})}


def write_captions(
    rows: Dataset,
    captioners: Sequence[Captioner],
    *,
    num_frames: int = 8,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, list[Predictions]]:
    """Captions by captioner and video id, one set per stage; one model after another is in memory.

    A captioner sees the frames alone, no title or subtitle: the protocol of the paper's Table 3. A video that is
    missing or cannot be read has no prediction, and is then an error or counted, as the caller decides.

    Args:
        rows: a benchmark (:func:`panda_hf.evaluation.references.load_benchmark`).
        captioners: with names that differ.
        num_frames: spread evenly over the whole video.
        folder: where the captions are kept as JSON, ``{id: caption}``; those of the same model, settings and
            benchmark are taken from there. ``None`` keeps nothing.

    Raises:
        SourceError: when captions must be written and no row has a readable video.
    """
    content = _content(rows)
    written = {}
    for captioner in captioners:
        kept = [_Kept.open(captioner.name, stage, content, num_frames, folder) for stage in captioner.stages]
        _complete(kept, rows, SampleFrames(num_frames=num_frames), captioner.name)
        written[captioner.name] = [one.captions for one in kept]
        release_models()
    return written


@dataclass(frozen=True)
class _Kept:
    """One set of captions, the stage that writes it and the file that keeps it."""

    stage: Caption
    captions: Predictions
    path: Path | None

    @classmethod
    def open(cls, name: str, stage: Caption, content: Any, num_frames: int, folder: Any) -> _Kept:
        """What was written before with the same settings, nothing otherwise."""
        if folder is None:
            return cls(stage, {}, None)
        card = stage.card()
        stamp = _digest([stage.provenance(), num_frames, content, _content_of(card.checkpoint)])
        seed = f".seed-{card.decoding.seed}" if card.decoding.sample else ""
        path = Path(folder) / f"{file_name(name)}{seed}.{stamp}.json"
        return cls(stage, read_predictions(path) if path.exists() else {}, path)

    def write(self, batch: Batch) -> str | None:
        """Caption a batch of frame packs; the first error of its rows, if any."""
        done = self.stage(batch)
        said = zip(batch["video_id"], done[schema.caption_column(self.stage.teacher)], strict=True)
        self.captions.update({name: text for name, text in said if text is not None})
        notes = [note for row in done.get(schema.CAPTION_ERRORS) or [] for note in row or []]
        return next((error["message"] for error in [*done["error"], *notes] if error is not None), None)

    def save(self) -> None:
        """Write the captions, whole or not at all."""
        if self.path is None or not self.captions:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, json.dumps(self.captions, indent=1, ensure_ascii=False) + "\n")


def _complete(kept: Sequence[_Kept], rows: Dataset, frames: SampleFrames, name: str) -> None:
    """Caption the videos that any of the sets lacks."""
    videos = rows.select_columns(["video_id", "video"])
    open_rows = [i for i, one in enumerate(videos["video_id"]) if any(one not in run.captions for run in kept)]
    size = max(run.stage.rows_at_once for run in kept)
    starts, read, errors = range(0, len(open_rows), size), 0, []
    for number, start in enumerate(tqdm(starts, name, unit="batch", disable=None if open_rows else True), 1):
        clips = [clip for i in open_rows[start : start + size] if (clip := clip_row(videos[i])) is not None]
        read += len(clips)
        if clips:
            batch = {column: [clip[column] for clip in clips] for column in schema.CLIP_ROW}
            packed = {**batch, **frames(batch)}
            errors += [error for run in kept if (error := run.write(packed)) is not None]
        if number % SAVE_EVERY == 0:
            _save(kept)
    _save(kept)
    _refuse_nothing(kept, name, len(open_rows), read, errors)


def _save(kept: Sequence[_Kept]) -> None:
    for run in kept:
        run.save()


def _refuse_nothing(kept: Sequence[_Kept], name: str, asked: int, read: int, errors: Sequence[str]) -> None:
    """A model that wrote nothing has failed; of one that failed on some videos the rest is worth a table."""
    if all(run.captions for run in kept) or not asked:
        return
    if not read:
        raise SourceError("none of the benchmark's rows has a readable video file; build it with --videos FOLDER")
    reason = f"the first error was: {errors[0]}" if errors else "it wrote nothing"
    raise SourceError(f"{name} captioned none of {read:,} videos; {reason}")


def clip_row(row: dict[str, Any]) -> dict[str, Any] | None:
    """A benchmark's row as a clip row of the whole video; ``None`` without a file that can be read."""
    if row["video"] is None:
        return None
    try:
        duration = probe(row["video"]).duration
    except VideoError as error:
        log.warning("%s has no prediction: %s", row["video_id"], error)
        return None
    if duration is None or duration <= 0:
        log.warning("%s has no prediction: how long the video lasts is not known", row["video_id"])
        return None
    known = {"clip_id": row["video_id"], "video_id": row["video_id"], "video": row["video"]}
    return {**dict.fromkeys(schema.CLIP_ROW), **known, "start": 0.0, "end": duration}


def _content(rows: Dataset) -> list[Any]:
    """What tells a benchmark's videos from others: ids, and size and time of the files."""
    if "video" not in rows.column_names:
        raise SourceError("the benchmark has no column `video`; models need the videos, or give --predictions FILE")
    videos = rows.select_columns(["video_id", "video"])
    return [[row["video_id"], _size(row["video"])] for row in videos]


def _size(video: Any) -> Any:
    if isinstance(video, Mapping):
        return _stat(video.get("path")) if video.get("bytes") is None else len(video["bytes"])
    return _stat(video)


def _content_of(checkpoint: str) -> list[Any]:
    """Sizes and times of the files of a local checkpoint, which may be trained further under the same name."""
    folder = Path(checkpoint)
    return [[path.name, _stat(path)] for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def _stat(path: Any) -> list[int] | None:
    try:
        found = os.stat(path)
    except (OSError, TypeError, ValueError):
        return None
    return [found.st_size, found.st_mtime_ns]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]
