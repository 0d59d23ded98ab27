"""The same films through every executor: identical rows, and what each costs over calling the stages in a loop.

The loop calls the stages of the plan on each film in this process and writes nothing; every other line makes the whole
dataset. Overhead is the processor's time, that of all processes together, over the loop's: it says what the machinery
costs, also on a machine that others use; wall time stands beside it. Rows are compared, all of them, all columns.

    python benchmarks/executors.py --films 200
    python benchmarks/executors.py --fake --films 200              # stages that do nothing: the machinery alone
    python benchmarks/executors.py --fake --memory 2000 --plot memory.svg     # memory of a worker over many videos
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from panda_hf.clips import explode_batch
from panda_hf.running import curate, merge
from panda_hf.running.inputs import list_videos
from panda_hf.running.local import LocalExecutor
from panda_hf.running.plan import Plan
from panda_hf.running.process import WorkerProcess
from panda_hf.running.shard import batches

PARTS = 8


def fake_films(folder: Path, count: int) -> None:
    folder.mkdir()
    for i in range(count):
        (folder / f"film-{i:05d}.mp4").write_text(str(i % 5 + 1))


def steps_of(fake: bool) -> list[Any]:
    if fake:
        from tests.running.fakes import fake_steps

        return fake_steps()
    from panda_hf.pipeline import panda_70m

    return panda_70m()


def bare(films: Path, steps: list[Any]) -> None:
    """The stages alone, in one process."""
    videos = list_videos(films)
    plan = Plan.of(steps, videos.features)
    for entry in videos:
        batch = {name: [value] for name, value in {**plan.row(entry.load()), "filtered": None, "error": None}.items()}
        for stage in plan.video_stages:
            batch |= stage(batch)
        for clips in batches(explode_batch(batch), plan.batch_size):
            for stage in plan.clip_stages:
                clips |= stage(clips)


def in_parts(films: Path, out: Path, **options: Any) -> None:
    for i in range(PARTS):
        curate(films, out, shard=f"{i}/{PARTS}", num_workers=1, **options)
    merge(out)


def rows_of(out: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: [row for file in sorted((out / kind).rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]
        for kind in ("clips", "videos")
    }


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Wall time and time of the processor, its own and that of processes it started, in seconds."""
    started, before = time.perf_counter(), _processor()
    action()
    return time.perf_counter() - started, _processor() - before


def _processor() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def compare(films: Path, folder: Path, steps: list[Any], per_shard: int) -> None:
    options: dict[str, Any] = {"steps": steps, "progress": False, "videos_per_shard": per_shard}
    wall, alone = timed(lambda: bare(films, steps))
    print(f"{'':<24}{'wall':>9}{'processor':>12}  overhead")
    print(f"{'stages in a loop':<24}{wall:7.1f} s{alone:10.2f} s", flush=True)
    runs: dict[str, Callable[[Path], Any]] = {
        "this process": lambda out: curate(films, out, num_workers=0, **options),
        "1 worker": lambda out: curate(films, out, num_workers=1, **options),
        "2 workers": lambda out: curate(films, out, num_workers=2, **options),
        f"{PARTS} parts, then merged": lambda out: in_parts(films, out, **options),
    }
    first: Any = None
    for name, run in runs.items():
        out = folder / name.replace(" ", "-")
        wall, spent = timed(lambda run=run, out=out: run(out))
        rows = rows_of(out)
        first = first or rows
        same = "identical rows" if rows == first else "OTHER ROWS"
        clips, videos = len(rows["clips"]), len(rows["videos"])
        each = 1000 * (spent - alone) / len(rows["videos"])
        figures = f"{wall:7.1f} s{spent:10.2f} s  {spent / alone:6.2f} x, {each:,.0f} ms per video"
        print(f"{name:<24}{figures}  {videos:,} videos, {clips:,} clip rows, {same}", flush=True)
        if rows != first:
            raise SystemExit(1)


def watch_memory(films: Path, folder: Path, steps: list[Any], count: int, plot: Path | None) -> None:
    """Resident memory of one worker after each video; it is not replaced meanwhile."""
    from panda_hf.running import local

    local.MAX_VIDEOS_PER_WORKER = count + 1
    seen: list[int] = []
    is_fresh = LocalExecutor._is_fresh

    def noted(executor: LocalExecutor, worker: WorkerProcess) -> bool:
        seen.append(worker.bytes)
        return is_fresh(executor, worker)

    LocalExecutor._is_fresh = noted  # type: ignore[method-assign]
    curate(films, folder / "memory", steps=steps, num_workers=1, progress=False)
    early, late = max(seen[len(seen) // 10 : len(seen) // 5]), max(seen[-len(seen) // 10 :])
    print(
        f"{len(seen)} videos in one worker: {early / 2**20:,.0f} MiB after a tenth, {late / 2**20:,.0f} MiB at the end"
    )
    if plot:
        import matplotlib.pyplot as plt

        plt.figure(figsize=(6, 3))
        plt.plot([value / 2**20 for value in seen], linewidth=1)
        plt.xlabel("videos")
        plt.ylabel("memory of the worker, MiB")
        plt.ylim(bottom=0)
        plt.tight_layout()
        plt.savefig(plot)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--fake", action="store_true", help="stages that do nothing")
    parser.add_argument("--memory", type=int, metavar="VIDEOS", help="watch the memory of one worker instead")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--videos-per-shard", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panda_hf_executors_") as name:
        folder, count = Path(name), given.memory or given.films
        if given.fake:
            fake_films(folder / "films", count)
        else:
            from panda_hf.mini.films import write_films

            write_films(folder / "films", "test", count, workers=2)
        steps = steps_of(given.fake)
        if given.memory:
            watch_memory(folder / "films", folder, steps, count, given.plot)
        else:
            compare(folder / "films", folder, steps, given.videos_per_shard)


if __name__ == "__main__":
    main()
