"""The report of a dataset of a million clip rows: time, memory, size of the page.

A few films are curated for real, then their rows are repeated under new ids until there are enough, in shards as a run
writes them. The report counts all rows and shows a sample of them.

    python benchmarks/report.py --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.running import curate

FILMS = 4
COPIES_PER_SHARD = 500


def repeated(table: pa.Table, first_copy: int) -> pa.Table:
    """Each row so many times, one copy of all after the other, under ids of its own."""
    rows, count = table.num_rows, COPIES_PER_SHARD
    many = table.take(pa.array(np.tile(np.arange(rows), count)))
    copies = pa.array(np.repeat(np.arange(first_copy, first_copy + count), rows).astype(str))
    for name in {"video_id", "clip_id"} & set(table.column_names):
        many = many.set_column(
            many.column_names.index(name), name, pc.binary_join_element_wise(copies, many[name], "_")
        )
    return many


def grow(out: Path, rows: int) -> int:
    """Repeat the rows of a dataset until there are so many; returns how many there are then."""
    tables = {path: pq.read_table(path) for kind in ("clips", "videos") for path in (out / kind).rglob("*.parquet")}
    lines = (out / "manifest.jsonl").read_text().splitlines()
    shard = next(json.loads(line) for line in lines if json.loads(line)["record"] == "shard")
    per_shard = COPIES_PER_SHARD * sum(table.num_rows for path, table in tables.items() if "clips" in path.parts)
    count = -(-rows // per_shard)
    with open(out / "manifest.jsonl", "a", encoding="utf-8") as manifest:
        for number in range(1, count + 1):
            for path, table in tables.items():
                pq.write_table(repeated(table, number * COPIES_PER_SHARD), path.with_name(f"{number:06d}.parquet"))
            manifest.write(json.dumps({**shard, "shard": number, "files": {}, "thumbnails": []}) + "\n")
    return per_shard * count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panda_hf_report_") as name:
        films, out = Path(name) / "films", Path(name) / "out"
        for seed in range(FILMS):
            write_film(make_film(seed, "test", 3), films)
        curate(films, out, num_workers=0, progress=False)
        rows = grow(out, given.rows)
        subprocess.run([sys.executable, "-m", "panda_hf", "report", str(out)], check=True, stdout=subprocess.DEVNULL)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{rows:,} clip rows: {spent.ru_utime + spent.ru_stime:.1f} s of the processor, "
            f"{spent.ru_maxrss / 1024:,.0f} MiB at most, page of {(out / 'report.html').stat().st_size / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
