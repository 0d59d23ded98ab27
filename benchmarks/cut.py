"""One pass for all clips of a video beside one cut after the other: `python benchmarks/cut.py VIDEO`."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from panda_hf.video import CutClip, cut_clip, cut_clips, probe


def spans(duration: float, clips: int, share: float) -> list[tuple[float, float]]:
    """Clips at even distances that cover a share of the video, as the release's cover most of theirs."""
    step = duration / clips
    return [(i * step, i * step + share * step) for i in range(clips)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[3, 8, 18])
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    duration = probe(arguments.video).duration or 0.0
    print(f"{arguments.video.name}: {duration:.1f} s, {arguments.threads} thread(s), {os.cpu_count()} cores")
    print(f"{'clips':>6} {'one by one s':>13} {'one pass s':>11} {'ratio':>6}")
    for clips in arguments.clips:
        with tempfile.TemporaryDirectory() as scratch:
            tasks = [
                (start, end, Path(scratch) / f"many-{i}.mp4")
                for i, (start, end) in enumerate(spans(duration, clips, arguments.share))
            ]
            began = time.perf_counter()
            for i, (start, end, _) in enumerate(tasks):
                cut_clip(arguments.video, start, end, Path(scratch) / f"one-{i}.mp4", threads=arguments.threads)
            alone = time.perf_counter() - began
            began = time.perf_counter()
            made = cut_clips(arguments.video, tasks, threads=arguments.threads)
            together = time.perf_counter() - began
            assert all(isinstance(one, CutClip) for one in made)
            print(f"{clips:6} {alone:13.2f} {together:11.2f} {alone / together:6.2f}")


if __name__ == "__main__":
    main()
