"""Let captioners write a caption for each video of a benchmark; what is written is kept, and not written again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm import tqdm

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.errors import SourceError, VideoError
from panda_hf.evaluation.names import file_name
from panda_hf.evaluation.predictions import Predictions, read_predictions
from panda_hf.models.release import release_models
from panda_hf.publishing.card_parts import write_text
from panda_hf.stage import Batch
from panda_hf.video import probe

log = logging.getLogger(__name__)

SAVE_EVERY = 16
"""Batches between two savings of the captions, so that a killed run goes on there."""


@dataclass(frozen=True, kw_only=True)
class Captioner:
    """A model that captions a benchmark."""

    name: str
    """What tables call it."""
    stages: tuple[Caption, ...]
    """The model once, or once per seed of sampled captions."""

    def provenance(self) -> dict[str, Any]:
        """Checkpoint and settings, for the results."""
        seeds = [stage.card().decoding.seed for stage in self.stages]
        return {**self.stages[0].provenance(), **({"seed": seeds} if len(seeds) > 1 else {})}


def write_captions(
    rows: Dataset,
    captioners: Sequence[Captioner],
    *,
    num_frames: int = 8,
    batch_size: int = 8,
    folder: str | os.PathLike[str] | None = None,
) -> dict[str, list[Predictions]]:
    """Captions by captioner and video id, one set per stage; one model after another is in memory.

    A captioner sees the frames alone, no title or subtitle: the protocol of the paper's Table 3. A video that is
    missing or cannot be read has no prediction, and is then an error or counted, as the caller decides.

    Args:
        rows: a benchmark (:func:`panda_hf.evaluation.references.load_benchmark`).
        captioners: with names that differ.
        num_frames: spread evenly over the whole video.
        batch_size: videos that a model sees at once.
        folder: where the captions are kept as JSON, ``{id: caption}``; those of the same model, settings and
            benchmark are taken from there. ``None`` keeps nothing.

    Raises:
        SourceError: when captions must be written and no row has a readable video.
    """
    content = _content(rows)
    written = {}
    for captioner in captioners:
        kept = [_Kept.open(captioner.name, stage, content, num_frames, folder) for stage in captioner.stages]
        _complete(kept, rows, SampleFrames(num_frames=num_frames), batch_size, captioner.name)
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

    def write(self, batch: Batch) -> None:
        """Caption a batch of frame packs."""
        said = self.stage(batch)[schema.caption_column(self.stage.teacher)]
        self.captions.update({n: text for n, text in zip(batch["video_id"], said, strict=True) if text is not None})

    def save(self) -> None:
        """Write the captions, whole or not at all."""
        if self.path is None or not self.captions:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, json.dumps(self.captions, indent=1, ensure_ascii=False) + "\n")


def _complete(kept: Sequence[_Kept], rows: Dataset, frames: SampleFrames, batch_size: int, name: str) -> None:
    """Caption the videos that any of the sets lacks."""
    videos = rows.select_columns(["video_id", "video"])
    open_rows = [i for i, one in enumerate(videos["video_id"]) if any(one not in run.captions for run in kept)]
    starts, read = range(0, len(open_rows), batch_size), 0
    for number, start in enumerate(tqdm(starts, name, unit="batch", disable=None if open_rows else True), 1):
        clips = [clip for i in open_rows[start : start + batch_size] if (clip := clip_row(videos[i])) is not None]
        read += len(clips)
        batch = {column: [clip[column] for clip in clips] for column in schema.CLIP_ROW}
        packed = {**batch, **frames(batch)} if clips else batch
        for run in kept if clips else ():
            run.write(packed)
            if number % SAVE_EVERY == 0:
                run.save()
    if open_rows and not read and not any(run.captions for run in kept):
        raise SourceError("none of the benchmark's rows has a readable video file; build it with --videos FOLDER")
    for run in kept:
        run.save()


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
    return [[row["video_id"], _stat((row["video"] or {}).get("path"))] for row in videos]


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
