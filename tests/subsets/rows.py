"""Made-up rows of the release, and the rules once more in plain Python, one row at a time."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

from datasets import Dataset

from panda_hf import schema
from panda_hf.subsets import Subset

LABELS = ("desirable", "0_low_desirable_score", "3_screen_in_screen")
WORDS = "a man woman in blue shirt red car drives walks Straße café 犬 dog dogs on the road".split()
MASK = 2**64 - 1


def made_rows(videos: int, seed: int = 0, unknown: float = 0.1) -> list[dict[str, Any]]:
    """Rows of so many videos, 1 to 6 clips each; a share of the values is None."""
    rng = random.Random(seed)

    def known(value: Any) -> Any:
        return None if rng.random() < unknown else value

    rows = []
    for video in range(videos):
        video_id, time = f"{'-' * rng.randrange(2)}v{video:04d}{'_' * rng.randrange(3)}", 0.0
        for index in range(rng.randint(1, 6)):
            start = round(time + rng.uniform(0, 5), 3)
            time = round(start + rng.uniform(1, 9), 3)
            shots = [{"start": float(i), "end": i + 1.0} for i in range(rng.choice([0, 1, 1, 2, 3]))]
            rows.append(
                {
                    "clip_id": f"{video_id}.{index}",
                    "video_id": video_id,
                    "url": f"https://www.youtube.com/watch?v={video_id}",
                    "start": known(start),
                    "end": time,
                    "caption": known(" ".join(rng.choices(WORDS, k=8)) + "."),
                    "matching_score": known(rng.randrange(1500, 2200) / 4096),
                    "desirable_filtering": known(rng.choice(LABELS)),
                    "shot_boundary_detection": known(shots),
                }
            )
    return rows


def as_dataset(rows: list[dict[str, Any]]) -> Dataset:
    return Dataset.from_list(rows, features=schema.RELEASE_ROW)


def write_release(folder: Path, rows: list[dict[str, Any]], files: int = 2, name: str = "full") -> Path:
    """A dataset folder of one configuration with one split, in several files."""
    (folder / name).mkdir(parents=True)
    step = -(-len(rows) // files)
    for i in range(files):
        path = folder / name / f"train-{i:05d}-of-{files:05d}.parquet"
        as_dataset(rows[i * step : (i + 1) * step]).to_parquet(path)
    config = f"- config_name: {name}\n  default: true\n  data_files:\n  - split: train\n    path: {name}/*.parquet"
    (folder / "README.md").write_text(f"---\nconfigs:\n{config}\n---\n# A card\n\nIts words.\n", encoding="utf-8")
    return folder


def plain_hash(text: str, seed: int) -> int:
    """FNV-1a of the bytes, then SplitMix64's finish, one byte at a time."""
    word = 14695981039346656037
    for byte in text.encode():
        word = ((word ^ byte) * 1099511628211) & MASK
    word = (word + (seed + 1) * 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def plain_selection(rows: list[dict[str, Any]], rule: Subset) -> list[str]:
    """The clip ids that pass, by loops over rows and videos."""
    rows = [row for row in rows if _passes(row, rule)]
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_video.setdefault(row["video_id"], []).append(row)
    if rule.exactly_per_video is not None:
        by_video = {video: clips for video, clips in by_video.items() if len(clips) >= rule.exactly_per_video}
    keys = {
        "best": lambda row: -row["matching_score"],
        "first": lambda row: row["start"],
        "random": lambda row: plain_hash(row["clip_id"], rule.seed),
    }
    limit = rule.exactly_per_video or rule.max_clips_per_video
    if limit is not None:
        by_video = {video: sorted(clips, key=keys[rule.pick])[:limit] for video, clips in by_video.items()}
    if rule.max_videos is not None:
        drawn = sorted(by_video, key=lambda video: plain_hash(video, rule.seed))[: rule.max_videos]
        by_video = {video: by_video[video] for video in drawn}
    kept = [row["clip_id"] for clips in by_video.values() for row in clips]
    if rule.max_clips is not None:
        kept = sorted(kept, key=lambda clip: plain_hash(clip, rule.seed))[: rule.max_clips]
    return [row["clip_id"] for row in rows if row["clip_id"] in set(kept)]


def _passes(row: dict[str, Any], rule: Subset) -> bool:
    score, shots = row["matching_score"], row["shot_boundary_detection"]
    seconds = None if row["start"] is None else round(row["end"] - row["start"], 6)
    caption = row["caption"]
    tests = [
        rule.above_score is None or (score is not None and score > rule.above_score),
        rule.min_score is None or (score is not None and score >= rule.min_score),
        rule.max_score is None or (score is not None and score <= rule.max_score),
        not rule.labels or row["desirable_filtering"] in rule.labels,
        not rule.single_shot or (shots is not None and len(shots) == 1),
        rule.min_seconds is None or (seconds is not None and seconds >= rule.min_seconds),
        rule.max_seconds is None or (seconds is not None and seconds <= rule.max_seconds),
        not rule.keywords or (caption is not None and _found(caption, rule.keywords, rule.match)),
        not rule.exclude_keywords or (caption is not None and not _found(caption, rule.exclude_keywords, "any")),
        rule.pick != "best" or rule.per_video is None or score is not None,
        rule.pick != "first" or rule.per_video is None or seconds is not None,
    ]
    return all(tests)


def _found(caption: str, keywords: tuple[str, ...], match: str) -> bool:
    found = [re.search(rf"(?<!\w){re.escape(word)}(?!\w)", caption, re.IGNORECASE) is not None for word in keywords]
    return any(found) if match == "any" else all(found)
