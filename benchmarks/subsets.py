"""Rows per second of `make_subset` on a made-up build of the release's shape: `python benchmarks/subsets.py`."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from panda_hf.cli import app
from panda_hf.mini.release_csv import write_release_csv
from panda_hf.subsets import Subset, make_subset, panda_2m, panda_10m

RULES = {
    "score": Subset(above_score=0.43),
    "calm": Subset(desirable=True, single_shot=True, min_seconds=5, max_clips_per_video=3, pick="best"),
    "words": Subset(keywords=("man", "blue shirt", "car"), exclude_keywords=("dog",)),
    "10m": panda_10m(),
    "2m": panda_2m(),
    "drawn": Subset(max_videos=20_000, max_clips=100_000, max_clips_per_video=8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        csv, out = Path(scratch) / "panda70m_training_full.csv", Path(scratch) / "panda-70m"
        write_release_csv(csv, arguments.videos, late_columns=True)
        app(["build", "panda-70m", "--csv", str(csv), "--out", str(out)], standalone_mode=False)
        csv.unlink()
        print(f"\n{'rule':8} {'rows in':>12} {'kept':>12} {'seconds':>8} {'rows/s':>12} {'peak MB':>8}")
        for name, rule in RULES.items():
            began = time.perf_counter()
            record = make_subset(out, f"the-{name}", rule)
            seconds = time.perf_counter() - began
            rows, peak = record.data["clips"]["in"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{name:8} {rows:12,} {record.clips:12,} {seconds:8.2f} {rows / seconds:12,.0f} {peak:8.0f}")


if __name__ == "__main__":
    main()
