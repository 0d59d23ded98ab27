"""What exporting the clips of a video costs, in CPU seconds: one by one, in one pass, as copies, by smart cuts.

    python benchmarks/cut.py VIDEO      a video of yours
    python benchmarks/cut.py FOLDER     the film of 570 s that benchmarks/split.py makes of the videos in a folder

User and system time of this process, after its imports; the clips lie at even distances.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from split import long_film

from panda_hf.video import CutClip, cut_clip, cut_clips, probe
from panda_hf.video.copy import copy_clips
from panda_hf.video.cut_many import Task
from panda_hf.video.smart import smart_clips

TOGETHER = {"one pass": cut_clips, "copy": copy_clips, "smart": smart_clips}
WAYS = ("one by one", *TOGETHER)


def spans(duration: float, clips: int, share: float) -> list[tuple[float, float]]:
    """Clips at even distances that cover a share of the video, as the release's cover most of theirs."""
    step = duration / clips
    return [(i * step, i * step + share * step) for i in range(clips)]


def export(way: str, video: Path, tasks: Sequence[Task], threads: int) -> Sequence[object]:
    """Write the clips; what was made of each."""
    if way == "one by one":
        return [cut_clip(video, start, end, path, threads=threads) for start, end, path in tasks]
    return TOGETHER[way](video, tasks, threads=threads)


def measure(way: str, video: Path, times: Sequence[tuple[float, float]], threads: int) -> tuple[float, int]:
    """CPU seconds, and how many of the clips are copies, whole or in part."""
    with tempfile.TemporaryDirectory() as scratch:
        tasks = [(*span, Path(scratch) / f"{i}.mp4") for i, span in enumerate(times)]
        began = time.process_time()
        made = export(way, video, tasks, threads)
        cpu = time.process_time() - began
    done = [one for one in made if isinstance(one, CutClip)]
    if len(done) < len(tasks):
        raise SystemExit(f"{len(tasks) - len(done)} of {len(tasks)} clips were not written: {made}")
    return cpu, sum(one.way != "encode" for one in done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[3, 8, 18])
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    arguments = parser.parse_args()
    video = long_film(str(arguments.video)) if arguments.video.is_dir() else arguments.video
    duration = probe(video).duration or 0.0
    print(f"{video.name}: {duration:.1f} s, {arguments.threads} thread(s), {os.cpu_count()} cores")
    print(f"{'clips':>6} {'way':>11} {'CPU s':>8} {'copied':>7}")
    for clips in arguments.clips:
        for way in arguments.ways:
            cpu, copied = measure(way, video, spans(duration, clips, arguments.share), arguments.threads)
            print(f"{clips:6} {way:>11} {cpu:8.2f} {copied:7}", flush=True)


if __name__ == "__main__":
    main()
