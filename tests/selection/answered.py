"""Annotated answers for the tests: clips of one colour, captions that name colours, people who pick the right one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.video import pack_frames

COLOURS = ("red", "blue", "green")
TEACHERS = ("one", "two", "three")


def answer(clip_id: str, annotator: str, captions: tuple[str, ...], picked: list[int]) -> dict:
    candidates = [{"teacher": t, "caption": c} for t, c in zip(TEACHERS, captions, strict=False)]
    return {"clip_id": clip_id, "annotator": annotator, "candidates": candidates, "picked": picked}


def table(rows: list[dict]) -> Dataset:
    features = dict(schema.ANSWER_ROW)
    if rows and "frames" in rows[0]:
        features |= schema.FRAMES_COLUMNS
    return Dataset.from_list(rows, features=Features(features))


def coloured(index: int, seed: int = 0) -> np.ndarray:
    """Frames uint8 (4, 16, 16, 3), mostly of the clip's colour."""
    frames = np.random.default_rng([seed, index]).integers(0, 40, (4, 16, 16, 3), dtype=np.uint8)
    frames[..., (0, 2, 1)[index % 3]] += 200
    return frames


def rows_of(count: int, people: int = 1) -> list[dict]:
    """One clip for each of ``count`` videos; every person picks the caption with the clip's colour."""
    rows = []
    for i in range(count):
        captions = tuple(f"a {COLOURS[(i + k) % 3]} ball" for k in range(3))
        turned = captions[i % 2 :] + captions[: i % 2]
        for person in range(people):
            row = answer(f"video{i}.0", f"p{person}", turned, [turned.index(captions[0])])
            rows.append({**row, "frames": pack_frames(coloured(i), [0.0, 1.0, 2.0, 3.0])})
    return rows


def write(path: Path, count: int, people: int = 1) -> Path:
    table(rows_of(count, people)).to_parquet(path)
    return path
