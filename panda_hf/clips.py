"""`explode_clips`: from video rows to clip rows, the one place where the number of rows changes."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from datasets import Features

from panda_hf import schema
from panda_hf.errors import MissingColumnError
from panda_hf.stage import AnyDataset, Batch, Row, features_of, replace_rows
from panda_hf.video import by_reference

_CONSUMED = {*schema.SPLIT_COLUMNS, "subtitles"}


def explode_clips(dataset: AnyDataset) -> AnyDataset:
    """Turn each video row, as ``Split`` left it, into one row per clip.

    A clip is virtual: ``video`` still refers to the long video, ``start`` and ``end`` say which part. A video held as
    bytes is written once to the cache folder and referred to from there. A video that failed, or of which no clip was
    left, stays as one row without ``clip_id``: ``error`` or ``filtered`` says why. Columns that neither ``Split`` nor
    this function knows are repeated on each clip row.

    Raises:
        MissingColumnError: when ``Split`` has not run on ``dataset``.
    """
    return replace_rows(dataset, explode_batch, clip_features(features_of(dataset)))


def clip_features(features: Features) -> Features:
    """The columns of the clip rows that ``explode_clips`` makes of video rows with ``features``.

    Raises:
        MissingColumnError: when ``features`` lacks the columns of ``Split``.
    """
    if "clips" not in features:
        raise MissingColumnError(f"explode_clips needs the columns of Split; the dataset has {sorted(features)}")
    kept = {name: kind for name, kind in features.items() if name not in _CONSUMED and name not in schema.CLIP_ROW}
    return Features({**schema.CLIP_ROW, **kept})


def explode_batch(batch: Batch) -> Batch:
    """The clip rows of a batch of video rows: what ``explode_clips`` maps over a dataset."""
    rows: list[Row] = []
    for i in range(len(batch["video"])):
        rows += clip_rows({column: values[i] for column, values in batch.items()})
    columns = [c for c in batch if c not in _CONSUMED and c not in schema.CLIP_ROW] + list(schema.CLIP_ROW)
    return {column: [row[column] for row in rows] for column in columns}


def clip_rows(video_row: Row) -> list[Row]:
    """The clip rows of one video row; exactly one, without ``clip_id``, when there is no clip."""
    own = {column: value for column, value in video_row.items() if column not in _CONSUMED}
    blank = {**dict.fromkeys(schema.CLIP_ROW), **own, "video_id": video_id_of(video_row)}
    blank["warning"] = video_row.get("warning")
    clips = video_row.get("clips") or []
    if not clips:
        reason = None if blank["error"] else video_row.get("filtered") or _why_none(video_row.get("dropped") or [])
        return [{**blank, "video": _without_bytes(video_row["video"]), "filtered": reason}]
    blank["video"] = by_reference(video_row["video"])
    return [_clip_row(blank, clip, i, video_row.get("subtitles") or []) for i, clip in enumerate(clips)]


def video_id_of(video_row: Row) -> str:
    """The row's ``video_id``; the file's name without its last suffix when the row has none."""
    if video_row.get("video_id"):
        return str(video_row["video_id"])
    video = video_row.get("video") or {}
    return PurePosixPath(str(video.get("path") or "video").replace("\\", "/")).stem


def spoken_between(subtitles: list[Row], start: float, end: float) -> str | None:
    """The text of all cues that overlap ``[start, end)`` seconds, in order; ``None`` when nothing is said."""
    said = [cue["text"].strip() for cue in subtitles if cue["start"] < end and cue["end"] > start]
    return " ".join(text for text in said if text) or None


def _clip_row(blank: Row, clip: Row, index: int, subtitles: list[Row]) -> Row:
    return {
        **blank,
        "clip_id": f"{blank['video_id']}.{index}",
        "start": clip["start"],
        "end": clip["end"],
        "subtitle": spoken_between(subtitles, clip["start"], clip["end"]),
        "shot_boundary_detection": clip["shot_boundary_detection"],
    }


def _why_none(dropped: list[Row]) -> str:
    counts = Counter(segment["reason"] for segment in dropped)
    return "no clip left: " + (", ".join(f"{n} {reason}" for reason, n in sorted(counts.items())) or "no shot found")


def _without_bytes(video: dict[str, Any] | None) -> dict[str, Any] | None:
    return video and {"path": video.get("path"), "bytes": None}
