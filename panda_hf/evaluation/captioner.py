"""Let a captioner write a caption for each video of a benchmark."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.errors import SourceError, VideoError
from panda_hf.evaluation.predictions import Predictions
from panda_hf.stage import apply
from panda_hf.video import probe

log = logging.getLogger(__name__)


def write_captions(
    rows: Dataset, captioners: Sequence[Caption], *, num_frames: int = 8, batch_size: int = 8
) -> dict[str, Predictions]:
    """Captions by captioner and video id; frames of each video are decoded once for all of them.

    A captioner sees the frames alone, no title or subtitle: the protocol of the paper's Table 3. A video that is
    missing or cannot be read has no prediction, and is then an error or counted, as the caller decides.

    Args:
        rows: a benchmark (:func:`panda_hf.evaluation.references.load_benchmark`).
        captioners: one ``Caption`` stage each.
        num_frames: spread evenly over the whole video.
        batch_size: videos that a model sees at once.

    Raises:
        SourceError: when no row has a video.
    """
    clips = [clip for row in rows.select_columns(["video_id", "video"]) if (clip := _clip_row(row)) is not None]
    if not clips:
        raise SourceError("none of the benchmark's rows has a readable video file; build it with --videos FOLDER")
    dataset = apply(
        Dataset.from_list(clips, features=Features(schema.CLIP_ROW)),
        SampleFrames(num_frames=num_frames),
        batch_size=batch_size,
    )
    return {captioner.teacher: _captions(dataset, captioner, batch_size) for captioner in captioners}


def _captions(dataset: Dataset, captioner: Caption, batch_size: int) -> Predictions:
    done = apply(dataset, captioner, batch_size=batch_size)
    column = schema.caption_column(captioner.teacher)
    return {name: said for name, said in zip(done["video_id"], done[column], strict=True) if said is not None}


def _clip_row(row: dict[str, Any]) -> dict[str, Any] | None:
    """The whole video as one clip; ``None`` without a file that can be read to its end."""
    if row["video"] is None:
        return None
    try:
        duration = probe(row["video"]).duration
    except VideoError as error:
        log.warning("%s has no prediction: %s", row["video_id"], error)
        return None
    if duration is None or duration <= 0:
        return None
    known = {"clip_id": row["video_id"], "video_id": row["video_id"], "video": row["video"]}
    return {**dict.fromkeys(schema.CLIP_ROW), **known, "start": 0.0, "end": duration}
