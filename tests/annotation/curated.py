"""A small curated folder with eight teachers' captions and clips of their own, as `panda-hf curate` leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Value, Video

from panda_hf import schema
from tests.video.films import picture, write_film

TEACHERS = tuple("abcdefgh")
FEATURES = Features({**schema.CLIP_ROW, **schema.SELECT_COLUMNS, "clip_path": Value("string")})
CARD = """---
configs:
- config_name: clips
  default: true
  data_files:
  - split: train
    path: clips/train/*.parquet
---
"""
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> <b>a cube</b> & ${1+1} {{value}} </li>"


def clip_row(number: int, captions: list[str | None], **values: Any) -> dict[str, Any]:
    """A kept clip, two of each video, whose candidates are `captions`."""
    candidates = [{"teacher": t, "caption": c, "score": None} for t, c in zip(TEACHERS, captions, strict=False)]
    video = number // 2
    named = {"clip_id": f"film_{video}.{number % 2}", "video_id": f"film_{video}", "candidates": candidates}
    return {**dict.fromkeys(FEATURES), **named, **values}


def captions(number: int, count: int = 8) -> list[str | None]:
    """Different sentences for each clip."""
    return [f"clip {number}: what teacher {teacher} saw in it" for teacher in TEACHERS[:count]]


def write_rows(out: Path, rows: list[dict[str, Any]], *, clip: bool = False, group: int = 4) -> Path:
    """Write rows as the split `train` of a folder, in small row groups."""
    features = Features({**FEATURES, "clip": Video(decode=False)}) if clip else FEATURES
    path = out / "clips" / "train" / "000000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [{**dict.fromkeys(features), **row} for row in rows]
    pq.write_table(pa.Table.from_pylist(full, schema=features.arrow_schema), path, row_group_size=group)
    (out / "README.md").write_text(CARD)
    return out


def curated(out: Path, clips: int = 6, count: int = 8) -> Path:
    """Write `clips` clips with media; picture `i` of clip `n` shows the number `100 n + i`."""
    media = out / "media" / "000000"
    media.mkdir(parents=True)
    for number in range(clips):
        write_film(media / f"{number}.mp4", 10, fps=10, pictures=[picture(100 * number + i) for i in range(10)])
    rows = [clip_row(n, captions(n, count), clip_path=f"media/000000/{n}.mp4") for n in range(clips)]
    return write_rows(out, rows)
