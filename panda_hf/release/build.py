"""`build_release`: the CSV files of the release to Parquet, all cores, bounded memory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import pyarrow as pa

from panda_hf import __version__
from panda_hf.errors import OutputError, SourceError
from panda_hf.release.duplicates import remove_duplicates
from panda_hf.release.shards import Place, ShardResult, write_shard
from panda_hf.release.source import BLOCK_BYTES, Block, Header, ReleaseCSV, ReleaseFile
from panda_hf.release.summary import BuildSummary, PartSummary, add_counts
from panda_hf.release.unfinished import move, unfinished
from panda_hf.rights import OptOut

RECORD = "build.json"
"""What tells a folder that a build made from any other folder."""
MAX_WORKERS = 8
"""More threads wait for the one that reads and unzips."""
SMALLEST_SHARD, LARGEST_SHARD, SHARDS = 8 * 2**20, 48 * 2**20, 64

Progress = Callable[[str, int, int], None]
"""Called with the part, bytes of CSV done, and bytes in all."""


def build_release(
    sources: Sequence[ReleaseCSV],
    out: str | os.PathLike[str],
    *,
    finish: Callable[[Path, BuildSummary], None] | None = None,
    workers: int | None = None,
    opt_out: OptOut | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BuildSummary:
    """Write each file's clips as ``<part>-00000-of-000NN.parquet``, and what is malformed to ``rejected/``.

    A record in which anything does not fit, one clip's time or one missing caption, is kept aside whole, with its
    line and the cause: the positions in its lists can then not be trusted. What the shards hold depends on the file
    alone, not on the number of workers.

    Threads do the work: it is done by pyarrow and NumPy, which leave Python's lock.

    Args:
        sources: the files, each of another part.
        out: the folder to make. It appears when everything is written.
        finish: called with the folder under its temporary name, before it appears: writes the card and ``build.json``.
        workers: threads; ``None`` for all cores, at most ``MAX_WORKERS``.
        opt_out: videos that are left out, and only counted. Channels are not known here.
        overwrite: replace a folder that a build made.
        progress: told now and then how far it is.

    Raises:
        SourceError: a file cannot be read or is not of the release, or two are of the same part.
        OutputError: ``out`` is there and may not be replaced, or cannot be written.
    """
    began = time.monotonic()
    target = Path(out)
    listed = opt_out or OptOut()
    versions = {"panda_hf": __version__, "pyarrow": pa.__version__}
    summary = BuildSummary(target, opt_out_digest=listed.digest if listed else None, versions=versions)
    try:
        _check(sources, target, overwrite)
        with unfinished(target) as folder:
            _build_parts(sources, folder, summary, workers or min(MAX_WORKERS, _cores()), listed, progress)
            summary.wall_seconds = round(time.monotonic() - began, 3)
            if finish is not None:
                finish(folder, summary)
            move(folder, target, replace=overwrite)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error}. Give another --out, or make room") from error
    return summary


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _check(sources: Sequence[ReleaseCSV], target: Path, overwrite: bool) -> None:
    if not sources:
        raise SourceError("no CSV file was given")
    parts = [source.part for source in sources]
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        names = [str(source.path) for source in sources if source.part == twice]
        raise SourceError(f"{' and '.join(names)} are both {twice}; give one file for it")
    for source in sources:
        ReleaseFile(source).close()
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / RECORD).is_file():
        raise OutputError(f"{target} is there already and no build made it; give another --out")
    if not overwrite:
        raise OutputError(f"{target} is there already; give another --out, or --overwrite to replace it")


def _build_parts(
    sources: Sequence[ReleaseCSV],
    folder: Path,
    summary: BuildSummary,
    workers: int,
    opt_out: OptOut,
    progress: Progress | None,
) -> None:
    matched: set[str] = set()
    for source in sources:
        with ReleaseFile(source) as file:
            part, named = _build_part(file, folder, workers, opt_out, progress)
        summary.parts.append(part)
        matched |= named
    summary.unmatched_opt_outs = len(opt_out.videos - matched)
    summary.rejected_files = _number_rejects(folder)


def _build_part(
    file: ReleaseFile, folder: Path, workers: int, opt_out: OptOut, progress: Progress | None
) -> tuple[PartSummary, set[str]]:
    """Write the shards of one file; what came of it, and which entries of the opt-out list named a record."""
    source, header = file.source, file.header
    summary = PartSummary(source.part, source.name, Path(source.path).stat().st_size)
    summary.late_columns, summary.extra_columns = header.has_late_columns, header.extra
    with ThreadPoolExecutor(workers + 1, thread_name_prefix="build") as pool:
        digest = pool.submit(_sha256, Path(source.path))
        results = list(_shards(file, header, folder, pool, workers, opt_out, progress))
        summary.source_sha256 = digest.result()
    results.sort(key=lambda result: result.place.number)
    causes = remove_duplicates(results)
    for result in results:
        summary.videos_read += result.videos_read
        summary.videos += len(result.video_ids)
        summary.clips += result.clips
        summary.opted_out += result.opted_out
        summary.empty_lines += result.empty_lines
        summary.seconds += result.seconds
        add_counts(summary.rejected, result.causes)
    add_counts(summary.rejected, causes)
    summary.seconds = round(summary.seconds, 3)
    summary.files = _number_shards(folder, results)
    summary.parquet_bytes = sum((folder / name).stat().st_size for name in summary.files)
    summary.check()
    return summary, set().union(*(result.opt_outs for result in results))


def _shards(
    file: ReleaseFile,
    header: Header,
    folder: Path,
    pool: ThreadPoolExecutor,
    workers: int,
    opt_out: OptOut,
    progress: Progress | None,
) -> Iterator[ShardResult]:
    """Results as they come; never more shards in memory than workers, and the one that is being read."""
    running: set[Future[ShardResult]] = set()
    done = 0
    try:
        for number, blocks in enumerate(_grouped(file.blocks(), _shard_bytes(file.size))):
            if len(running) >= workers:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
            place = Place(folder, file.source.part, number, file.source.name)
            done += sum(len(block.data) for block in blocks)
            running.add(pool.submit(write_shard, place, blocks, header, opt_out))
            if progress is not None:
                progress(file.source.part, done, file.size)
        for future in running:
            yield future.result()
        running = set()
    finally:
        for future in running:
            future.cancel()


def _shard_bytes(size: int) -> int:
    return min(max(size // SHARDS, SMALLEST_SHARD), LARGEST_SHARD)


def _grouped(blocks: Iterator[Block], size: int) -> Iterator[list[Block]]:
    held: list[Block] = []
    total = 0
    for block in blocks:
        held.append(block)
        total += len(block.data)
        if total + BLOCK_BYTES // 2 > size:
            yield held
            held, total = [], 0
    if held:
        yield held


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _number_shards(folder: Path, results: Sequence[ShardResult]) -> list[str]:
    """Give the files their final names, numbered without gaps."""
    files = [result.place for result in results if result.clips]
    names = []
    for number, place in enumerate(files):
        name = f"{place.part}-{number:05d}-of-{len(files):05d}.parquet"
        os.replace(place.clips, folder / name)
        names.append(name)
    return names


def _number_rejects(folder: Path) -> list[str]:
    found = sorted((folder / "rejected").glob("*.parquet"))
    names = []
    for number, path in enumerate(found):
        name = f"rejected/rejected-{number:05d}-of-{len(found):05d}.parquet"
        os.replace(path, folder / name)
        names.append(name)
    return names
