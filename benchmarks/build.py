"""The release's CSV to Parquet: `build_release` beside one process of csv, literal_eval and the same Parquet writing.

Both read the same file in one run and write rows of the same schema with the same Parquet settings; afterwards the
rows are compared, all of them. The baseline reads a slice (--baseline-videos) and its rate is scaled by videos: its
time grows with the rows, and a million videos would take it most of an hour. Memory is the peak of the resident set,
sampled ten times a second; each side runs in a process of its own.

    python benchmarks/build.py --videos 50000
    python benchmarks/build.py --videos 1000000 --zip
"""

from __future__ import annotations

import argparse
import ast
import csv
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from panda_hf.mini.release_csv import write_release_csv
from panda_hf.release import ReleaseCSV, build_release
from panda_hf.release.shards import PARQUET
from panda_hf.release.table import SCHEMA

BASELINE_ROWS = 50_000  # rows of a row group, like ours


def seconds_of(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    whole, thousandths = seconds.split(".")
    return (((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 1000 + int(thousandths)) / 1000


def baseline_rows(row: dict[str, str]):
    cells = {name: ast.literal_eval(row[name]) for name in row if name not in ("videoID", "url")}
    late = "desirable_filtering" in cells
    for i, (start, end) in enumerate(cells["timestamp"]):
        shots = (
            [{"start": seconds_of(a), "end": seconds_of(b)} for a, b in cells["shot_boundary_detection"][i]]
            if late
            else None
        )
        yield {
            "clip_id": f"{row['videoID']}.{i}",
            "video_id": row["videoID"],
            "url": row["url"],
            "start": seconds_of(start),
            "end": seconds_of(end),
            "caption": cells["caption"][i],
            "matching_score": cells["matching_score"][i],
            "desirable_filtering": cells["desirable_filtering"][i] if late else None,
            "shot_boundary_detection": shots,
        }


def baseline(source: Path, out: Path, videos: int) -> dict[str, float]:
    csv.field_size_limit(2**31 - 1)
    out.mkdir(parents=True)
    began, clips = time.perf_counter(), 0
    with (
        open(source, newline="", encoding="utf-8") as file,
        pq.ParquetWriter(out / "train.parquet", SCHEMA, **PARQUET) as writer,
    ):
        rows = (clip for row in itertools.islice(csv.DictReader(file), videos) for clip in baseline_rows(row))
        while group := list(itertools.islice(rows, BASELINE_ROWS)):
            writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
            clips += len(group)
    return {"seconds": time.perf_counter() - began, "clips": clips, "videos": videos}


def ours(source: Path, out: Path, workers: int | None) -> dict[str, float]:
    began = time.perf_counter()
    part = build_release([ReleaseCSV(source, "full/train")], out, workers=workers).parts[0]
    return {"seconds": time.perf_counter() - began, "clips": part.clips, "videos": part.videos_read}


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def measured(*arguments: str) -> dict[str, float]:
    """Run one side in a process of its own and watch its memory, children included."""
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            pids = [process.pid, *map(int, children.read_text().split())] if children.exists() else [process.pid]
            peak[0] = max(peak[0], sum(map(resident, pids)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    said, _ = process.communicate()
    stop.set()
    if process.returncode:
        raise SystemExit(process.returncode)
    return {**json.loads(said.splitlines()[-1]), "peak_mb": peak[0] / 2**20}


def same_rows(ours_folder: Path, theirs: Path, videos: int) -> int:
    """Compare all rows that the baseline wrote with ours, in order; their number."""
    files = sorted((ours_folder / "full").glob("*.parquet"))
    batches = (batch for file in files for batch in pq.ParquetFile(file).iter_batches(65_536))
    compared, rest = 0, None
    for theirs_batch in pq.ParquetFile(theirs / "train.parquet").iter_batches(65_536):
        held = rest
        while held is None or held.num_rows < theirs_batch.num_rows:
            new = pa.Table.from_batches([next(batches)])
            held = new if held is None else pa.concat_tables([held, new])
        if not held.slice(0, theirs_batch.num_rows).equals(pa.Table.from_batches([theirs_batch])):
            raise SystemExit(f"rows differ after row {compared}")
        compared += theirs_batch.num_rows
        rest = held.slice(theirs_batch.num_rows)
    return compared


def line(name: str, figures: dict[str, float]) -> str:
    seconds = figures["seconds"]
    return (
        f"{name:26} {figures['videos']:>10,.0f} videos {figures['clips']:>12,.0f} clips {seconds:9.2f} s "
        f"{figures['videos'] / seconds:>10,.0f} videos/s {figures['clips'] / seconds:>12,.0f} clips/s "
        f"{figures['peak_mb']:>7,.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=50_000, help="rows of the made CSV")
    parser.add_argument("--baseline-videos", type=int, default=10_000, help="how many of them the baseline reads")
    parser.add_argument("--late-columns", action="store_true", help="with the two columns of October 2024")
    parser.add_argument("--zip", action="store_true", help="ours reads a zip archive of the same CSV")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    parser.add_argument("--side", choices=["baseline", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side == "baseline":
        print(json.dumps(baseline(args.csv, args.out, args.baseline_videos)))
    elif args.side == "ours":
        print(json.dumps(ours(args.csv, args.out, args.workers)))
    else:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            compare(Path(folder), args)


def compare(folder: Path, args: argparse.Namespace) -> None:
    made = write_release_csv(folder / "made.csv", args.videos, late_columns=args.late_columns, workers=2)
    source = made
    if args.zip:
        source = write_release_csv(folder / "made.zip", args.videos, late_columns=args.late_columns, workers=2)
    print(
        f"{made.stat().st_size / 2**20:,.0f} MB of CSV"
        + (f", {source.stat().st_size / 2**20:,.0f} MB zipped" if args.zip else "")
    )
    slice_of = ["--baseline-videos", str(min(args.baseline_videos, args.videos))]
    slow = measured("--side", "baseline", "--csv", str(made), "--out", str(folder / "theirs"), *slice_of)
    print(line("csv + ast.literal_eval", slow))
    workers = ["--workers", str(args.workers)] if args.workers else []
    fast = measured("--side", "ours", "--csv", str(source), "--out", str(folder / "ours"), *workers)
    print(line("build_release", fast))
    ratio = (fast["clips"] / fast["seconds"]) / (slow["clips"] / slow["seconds"])
    print(f"ratio: {ratio:.1f} times the clips per second")
    print(f"rows compared, all equal: {same_rows(folder / 'ours', folder / 'theirs', args.videos):,}")


if __name__ == "__main__":
    main()
