"""Commit a shard: assemble its files beside the output, move them in, then name them in the manifest."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from panda_hf.errors import OutputError
from panda_hf.running.accounts import Counts, added
from panda_hf.running.manifest import Manifest, now
from panda_hf.running.plan import STATUSES
from panda_hf.running.spool import Done, read_rows, shard_name

SPLITS = {"kept": "train", "filtered": "filtered", "failed": "failed"}
"""Status of a clip row: the split of the configuration ``clips`` it goes to."""
ROW_GROUP = 512
"""Rows held in memory while a Parquet file is written."""

_OURS = (
    re.compile(r"clips/(train|filtered|failed)/\d{6,}\.parquet"),
    re.compile(r"videos/\d{6,}\.parquet"),
    re.compile(r"thumbnails/[^/]+\.jpg"),
    re.compile(r"media/\d{6,}/[^/]+\.mp4"),
)


class Books(Protocol):
    """Where shards are committed: a :class:`Manifest`, or what many machines write to at once."""

    def commit(self, moves: dict[Path, str], record: dict[str, Any]) -> None:
        """Put files of this machine into the output under the given names, then the record that names them."""


def commit_shard(work: Path, books: Books, shard: int, done: Sequence[tuple[Path, Done]]) -> None:
    """Put the finished videos of a shard into the output, in order, and record them.

    Files are written whole and synced in ``work``, then moved into place, then named in the manifest. Before the last
    step they do not count: the next run removes them and the shard is assembled again.

    Args:
        work: the folder for what is not finished.
        books: the manifest of the output.
        shard: index of the shard.
        done: result folder and account of each video, in order.
    """
    staging = work / f"commit-{shard_name(shard)}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    files = write_tables(staging, shard, [folder for folder, _ in done])
    moves = {staging / name: name for name in files}
    for folder, known in done:
        moves |= {folder / "thumbnails" / name: f"thumbnails/{name}" for name in known.thumbnails}
        moves |= {folder / "media" / name: f"media/{shard_name(shard)}/{name}" for name in known.media}
    books.commit(moves, record_of(shard, files, list(moves.values()), [known for _, known in done]))
    shutil.rmtree(staging, ignore_errors=True)
    for folder, _ in done:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unnamed(out: Path, manifest: Manifest) -> list[str]:
    """Delete files of shards that were never recorded; only names that a commit makes are touched.

    Returns:
        What was deleted, relative to ``out``.
    """
    named = manifest.files()
    found = [path.relative_to(out).as_posix() for kind in ("clips", "videos", "thumbnails", "media")
             for path in (out / kind).rglob("*") if path.is_file()]  # fmt: skip
    stale = [name for name in found if name not in named and any(pattern.fullmatch(name) for pattern in _OURS)]
    for name in stale:
        (out / name).unlink()
    return sorted(stale)


def check_files(out: Path, manifest: Manifest) -> None:
    """Make sure that the tables the manifest names are there with as many rows as it says.

    Raises:
        OutputError: naming the first that is not.
    """
    for shard in manifest.shards.values():
        for name, known in shard["files"].items():
            try:
                rows = pq.read_metadata(out / name).num_rows
            except (OSError, pa.ArrowInvalid) as error:
                raise OutputError(f"{out / name} is in the manifest, but cannot be read: {error}") from error
            if rows != known["rows"]:
                raise OutputError(f"{out / name} holds {rows} rows, the manifest says {known['rows']}")


def write_tables(staging: Path, shard: int, folders: Sequence[Path]) -> dict[str, Any]:
    """Write the tables of a shard from the results of its videos, in order, into a folder.

    Returns:
        ``{"rows", "sha256"}`` by file name. A split without rows has no file: ``datasets`` cannot load an empty one.
    """
    name = f"{shard_name(shard)}.parquet"
    written = {f"videos/{name}": _write_table(staging / "videos" / name, (read_rows(f, "video") for f in folders))}
    for status in STATUSES:
        file = f"clips/{SPLITS[status]}/{name}"
        tables = (_with_status(read_rows(folder, "clips"), status) for folder in folders)
        written[file] = _write_table(staging / file, tables)
    return {file: {"rows": rows, "sha256": _sha256(staging / file)} for file, rows in written.items() if rows}


def _write_table(path: Path, tables: Iterable[pa.Table]) -> int:
    rows = 0
    with ExitStack() as stack:
        writer = None
        for group in _groups(tables):
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = stack.enter_context(pq.ParquetWriter(path, group.schema))
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of at least ``ROW_GROUP`` rows, the last one aside."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if any(part.num_rows for part in waiting):
        yield pa.concat_tables(waiting)


def _with_status(table: pa.Table, status: str) -> pa.Table:
    failed = pc.is_valid(table["error"])
    filtered = pc.and_not(pc.is_valid(table["filtered"]), failed)
    masks = {"failed": failed, "filtered": filtered, "kept": pc.invert(pc.or_(failed, filtered))}
    return table.filter(masks[status])


def record_of(shard: int, files: dict[str, Any], names: list[str], done: list[Done]) -> dict[str, Any]:
    """The record of a shard, from its tables, the names of its pictures and clips, and the accounts of its videos."""
    statuses = [known.status for known in done]
    seconds = added(known.stage_seconds for known in done)
    return {
        "record": "shard",
        "shard": shard,
        "video_ids": [known.video_id for known in done],
        "videos": {status: statuses.count(status) for status in STATUSES},
        "clips": asdict(sum((known.clips for known in done), Counts())),
        "clip_rows": sum(known.clip_rows for known in done),
        "kept_seconds": sum(known.kept_seconds for known in done),
        "files": files,
        "thumbnails": [name for name in names if name.startswith("thumbnails/")],
        "media": [name for name in names if name.startswith("media/")],
        "stage_seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
        "committed": now(),
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
