"""An independent reading of the release's CSV: csv, ast.literal_eval, arithmetic. Slow and plain."""

from __future__ import annotations

import ast
import csv
from pathlib import Path
from typing import Any


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    whole, thousandths = rest.split(".")
    return (int(hours) * 3600000 + int(minutes) * 60000 + int(whole) * 1000 + int(thousandths)) / 1000


def read(path: Path) -> list[dict[str, Any]]:
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [clip for row in csv.DictReader(file) for clip in clips(row)]
    finally:
        csv.field_size_limit(limit)


def clips(row: dict[str, str]) -> list[dict[str, Any]]:
    times, captions, scores = (ast.literal_eval(row[name]) for name in ("timestamp", "caption", "matching_score"))
    labels = ast.literal_eval(row["desirable_filtering"]) if "desirable_filtering" in row else [None] * len(times)
    shots = ast.literal_eval(row["shot_boundary_detection"]) if "shot_boundary_detection" in row else None
    return [
        {
            "clip_id": f"{row['videoID']}.{i}",
            "video_id": row["videoID"],
            "url": row["url"],
            "start": seconds(times[i][0]),
            "end": seconds(times[i][1]),
            "caption": captions[i],
            "matching_score": scores[i],
            "desirable_filtering": labels[i],
            "shot_boundary_detection": (
                None if shots is None else [{"start": seconds(a), "end": seconds(b)} for a, b in shots[i]]
            ),
        }
        for i in range(len(times))
    ]
