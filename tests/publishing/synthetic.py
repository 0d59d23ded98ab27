"""An output folder as a run leaves it, written by plain pyarrow: the schema is the project's, the rows are made up."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Value

from panda_hf import schema

TEACHERS = ("mini_image", "mini_text", "mini_video")
CLIP_FEATURES = Features(
    {
        **schema.CLIP_ROW,
        **{schema.caption_column(teacher): Value("string") for teacher in TEACHERS},
        **schema.SELECT_COLUMNS,
        "clip_path": Value("string"),
    }
)
VIDEO_FEATURES = Features(
    {
        **{name: schema.VIDEO_ROW[name] for name in ("video_id", "video", "title", "description")},
        "status": Value("string"),
        "clips": Value("int32"),
        "clips_kept": Value("int32"),
        **{name: schema.SPLIT_COLUMNS[name] for name in schema.SPLIT_COLUMNS if name != "clips"},
        "filtered": Value("string"),
        "error": schema.ERROR,
    }
)
REASONS = ("too_short", "still", "redundant", "transition")
SENTENCES = (
    "a small red circle moves to the right across a striped green background",
    "a large blue square spins while a yellow star stays still beside it",
    "two triangles meet in the middle, and one of them grows",
    "a purple ring bounces off the left edge and comes back",
    "the dotted circle appears above a grey square, then fades away",
)


def clip_row(video: dict[str, Any], index: int, start: float, end: float, **values: Any) -> dict[str, Any]:
    """A kept clip row with blank columns where `values` says nothing."""
    return {
        **dict.fromkeys(CLIP_FEATURES),
        "clip_id": f"{video['video_id']}.{index}",
        "video_id": video["video_id"],
        "video": video["video"],
        "start": start,
        "end": end,
        "title": video["title"],
        "shot_boundary_detection": [{"start": 0.0, "end": end - start}],
        **values,
    }


def video_row(name: str, **values: Any) -> dict[str, Any]:
    """A kept video row without shots."""
    blank = dict.fromkeys(VIDEO_FEATURES)
    stem = name.rpartition(".")[0] or name
    video = {"path": f"videos/{name}", "bytes": None}
    return {**blank, "video_id": stem, "video": video, "status": "kept", "shots": [], "dropped": [], **values}


def candidates(rng: random.Random, sentences: tuple[str, ...] = SENTENCES) -> dict[str, Any]:
    """The columns that the teachers and the selector write, for one clip."""
    texts = {teacher: rng.choice(sentences) for teacher in TEACHERS}
    scores = {teacher: round(rng.gauss(0.32 + 0.04 * i, 0.08), 4) for i, teacher in enumerate(TEACHERS)}
    best = max(TEACHERS, key=scores.__getitem__)
    return {
        **{schema.caption_column(teacher): text for teacher, text in texts.items()},
        "caption": texts[best],
        "caption_teacher": best,
        "matching_score": scores[best],
        "candidates": [{"teacher": t, "caption": texts[t], "score": scores[t]} for t in TEACHERS],
    }


def film(rng: random.Random, name: str, shots: int, **values: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A video of which every shot became a clip or was dropped, with its clip rows."""
    times = [0.0]
    for _ in range(shots):
        times.append(round(times[-1] + rng.uniform(1.5, 9.0), 2))
    spans = [{"start": a, "end": b} for a, b in zip(times, times[1:], strict=False)]
    video = video_row(name, duration=times[-1], fps=24.0, width=320, height=180, shots=spans, **values)
    clips: list[dict[str, Any]] = []
    for span in spans:
        if clips and rng.random() < 0.35:
            video["dropped"].append({**span, "reason": rng.choice(REASONS)})
        else:
            clips.append(clip_row(video, len(clips), span["start"], span["end"], **candidates(rng)))
    video["clips"] = video["clips_kept"] = len(clips)
    return video, clips


def write_output(
    out: Path,
    videos: list[dict[str, Any]],
    kept: list[dict[str, Any]],
    filtered: list[dict[str, Any]] | None = None,
    failed: list[dict[str, Any]] | None = None,
) -> Path:
    """Write the rows as the Parquet files of an output folder; a split without rows has none, as after a real run."""
    splits = {"train": kept, "filtered": filtered or [], "failed": failed or []}
    for split, rows in splits.items():
        if rows:
            _write(out / "clips" / split / "00000.parquet", rows, CLIP_FEATURES)
    _write(out / "videos" / "00000.parquet", videos, VIDEO_FEATURES)
    return out


def _write(path: Path, rows: list[dict[str, Any]], features: Features) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [{**dict.fromkeys(features), **row} for row in rows]
    pq.write_table(pa.Table.from_pylist(full, schema=features.arrow_schema), path)


def write_manifest(out: Path, **values: Any) -> None:
    """Write a manifest of one finished run."""
    head = {
        "record": "settings",
        "made_by": "panda_hf",
        "format": 1,
        "started": "2026-11-20T10:00:00Z",
        "steps": [
            {"name": "Split", "settings": {"embedder": "descriptor", "settings": {"min_clip_seconds": 2.0}}},
            {"name": "explode_clips", "settings": {}},
            *({"name": "Caption", "settings": {"teacher": teacher}} for teacher in TEACHERS),
            {"name": "Select", "settings": {"selector": "mini/selector"}},
        ],
        "settings": {"export_clips": True},
        "source": "my videos",
        "versions": {"panda_hf": "0.1.0", "datasets": "5.2.0"},
        **values,
    }
    lines = [
        json.dumps(record, ensure_ascii=False)
        for record in (head, {"record": "end", "finished": "2026-11-20T10:05:00Z"})
    ]
    (out / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
