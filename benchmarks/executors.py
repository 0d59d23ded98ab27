"""The same films through every executor: identical rows, and what each costs over calling the stages in a loop.

The loop calls the stages of the plan on each film in this process and writes nothing; every other line makes the whole
dataset. Overhead is the processor's time, that of all processes together, over the loop's: it says what the machinery
costs, also on a machine that others use; wall time stands beside it. Rows are compared, all of them, all columns.

    python benchmarks/executors.py --films 200
    python benchmarks/executors.py --fake --films 200              # stages that do nothing: the machinery alone
    python benchmarks/executors.py --memory 2000 --scenes 1 --distinct 40 --plot memory.png     # of one worker
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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


def short_films(folder: Path, count: int, scenes: int, distinct: int) -> None:
    """``count`` films of so many scenes each; only ``distinct`` of them differ, the others are links to these."""
    from panda_hf.mini.film import make_film
    from panda_hf.mini.films import write_film

    for seed in range(min(count, distinct)):
        write_film(make_film(seed, "test", scenes), folder)
    for path in sorted(folder.iterdir()):
        stem, _, rest = path.name.partition(".")
        for number in range(int(stem[-4:]) + distinct, count, distinct):
            os.link(path, folder / f"film_test_{number:04d}.{rest}")


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


class Descendants:
    """Processor time of all processes below this one, seen every half second: nobody waits for those of Ray."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_again, daemon=True)

    def __enter__(self) -> Descendants:
        self._look()
        self._before = sum(self._seen.values())
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()
        self._look()
        self.seconds = sum(self._seen.values()) - self._before

    def _look_again(self) -> None:
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        parents, spent = {}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                pid = int(stat.parent.name)
                parents[pid], spent[pid] = (
                    int(fields[1]),
                    (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
                )
        known = {os.getpid(), *self._seen} & parents.keys()
        while new := {pid for pid, parent in parents.items() if parent in known} - known:
            known |= new
        self._seen |= {pid: spent[pid] for pid in known}


@contextlib.contextmanager
def two_nodes() -> Iterator[str]:
    """A Ray cluster of two nodes with a core each, processes of this machine; its address."""
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 200 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def on_ray(films: Path, out: Path, **options: Any) -> tuple[float, float]:
    with two_nodes() as address, Descendants() as spent:
        wall, _ = timed(lambda: curate(films, out, executor="ray", address=address, **options))
    return wall, spent.seconds


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
    runs: dict[str, Callable[[Path], tuple[float, float]]] = {
        "1 worker": lambda out: timed(lambda: curate(films, out, num_workers=1, **options)),
        "2 workers": lambda out: timed(lambda: curate(films, out, num_workers=2, **options)),
        "Ray, 2 nodes": lambda out: on_ray(films, out, **options),
        f"{PARTS} parts, then merged": lambda out: timed(lambda: in_parts(films, out, **options)),
    }
    first: Any = None
    for name, run in runs.items():
        out = folder / name.replace(" ", "-")
        wall, spent = run(out)
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
    marks = [round(len(seen) * share) - 1 for share in (0.05, 0.1, 0.25, 0.5, 0.75, 1)]
    held = ", ".join(f"{seen[mark] / 2**20:,.0f} after {mark + 1:,}" for mark in marks)
    print(f"{len(seen):,} videos in one worker, MiB held: {held}; at most {max(seen) / 2**20:,.0f}")
    if plot:
        import matplotlib.pyplot as plt

        plt.figure(figsize=(6, 3), dpi=150)
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
    parser.add_argument("--scenes", type=int, default=2, help="of each film")
    parser.add_argument(
        "--distinct", type=int, metavar="N", help="make only so many films, the others are links to them"
    )
    parser.add_argument("--videos-per-shard", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panda_hf_executors_") as name:
        folder, count = Path(name), given.memory or given.films
        if given.fake:
            fake_films(folder / "films", count)
        else:
            short_films(folder / "films", count, given.scenes, given.distinct or count)
        steps = steps_of(given.fake)
        if given.memory:
            watch_memory(folder / "films", folder, steps, count, given.plot)
        else:
            compare(folder / "films", folder, steps, given.videos_per_shard)


if __name__ == "__main__":
    main()
