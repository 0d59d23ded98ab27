"""`Rework`: run stages again on some rows of a finished dataset; all that comes of it appears at once."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from panda_hf.errors import OutputError
from panda_hf.running import accounts, manifest, spool
from panda_hf.running.accounts import Counts, RunSummary, added
from panda_hf.running.again import undone
from panda_hf.running.commit import check_files, record_of, write_tables
from panda_hf.running.folder import clear_unfinished
from panda_hf.running.local import Executor
from panda_hf.running.manifest import Manifest, sync_folder
from panda_hf.running.plan import Plan
from panda_hf.running.progress import RunProgress
from panda_hf.running.shard import outcome
from panda_hf.running.spool import Done, Job, read_done, read_rows, shard_name
from panda_hf.running.swap import CHANGE, begin_swap
from panda_hf.stage import Row, Stage

log = logging.getLogger(__name__)

_RECORD = "record.json"
_WHAT = "change.json"


@dataclass(frozen=True)
class ReworkSummary:
    """What a rework did."""

    run: RunSummary
    """The dataset as it is now."""
    chosen: int
    """Rows that stages ran on; a video that was done from its beginning is one."""
    kept_as_they_were: Counter[str]
    """Rows that were fine, failed now, and stayed what they were: how many for each reason."""
    before: Counts
    """The clip rows as they were."""

    def __str__(self) -> str:
        lines = [f"{self.chosen:,} rows were done again", *str(self.run).splitlines()]
        lines += [f"{count:,} rows stay as they were: {why}" for why, count in self.kept_as_they_were.most_common(5)]
        return "\n".join(lines)


@dataclass
class _Open:
    """A shard on its way."""

    record: dict[str, Any]
    clips: dict[str, list[Row]]
    """Rows by video."""
    videos: dict[str, Row]
    jobs: dict[str, Job]
    waiting: set[str]


@dataclass
class Rework:
    """One rework of the dataset in ``out``, which nobody else writes to meanwhile.

    New shards are assembled beside the old ones; when all are there, they take their places. Interrupted before, the
    same rework goes on with the videos that are not done; later, whoever opens the folder next finishes it.
    """

    out: Path
    books: Manifest
    plan: Plan
    what: dict[str, Any]
    """What the manifest says of it, beside the steps; what is gone on with must say the same."""
    chosen: Callable[[Row], bool]
    """Whether the stages run again on a clip row."""
    stages: tuple[Stage, ...]
    """Those that run again."""
    from_start: dict[str, Callable[[], Row]] = field(default_factory=dict)
    """Videos that are done from their beginning: how to get the row of the source."""
    every_shard: bool = False
    """Whether shards without any chosen row get the new columns too."""
    count: int = 0
    kept_as_they_were: Counter[str] = field(default_factory=Counter)
    open: dict[int, _Open] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """The folder for what is not finished."""
        return self.out / CHANGE

    def go(self, executor: Executor, progress: bool) -> ReworkSummary:
        """Do it."""
        started = time.perf_counter()
        check_files(self.out, self.books)
        before = accounts.total(self.books.shards.values(), "clips")
        self._begin()
        with RunProgress(None, progress) as shown:
            for job in executor.run(self._jobs()):
                done = self._done(job)
                shown.video(job, done)
                self._finished(job.shard, job.row["video_id"])
        self._swap()
        self.books = Manifest.load(self.books.path)
        check_files(self.out, self.books)
        run = accounts.summary(self.out, list(self.books.shards.values()), time.perf_counter() - started)
        return ReworkSummary(run, self.count, self.kept_as_they_were, before)

    def _begin(self) -> None:
        clear_unfinished(self.place)
        said = json.dumps({**self.what, "steps": self.plan.describe()}, sort_keys=True)
        known = self.place / _WHAT
        if known.exists() and known.read_text(encoding="utf-8") != said:
            raise OutputError(
                f"another rework of {self.out} was not finished: {json.loads(known.read_text())['kind']}. "
                f"Run that command again, or delete {self.place} to drop it."
            )
        known.write_text(said, encoding="utf-8")

    def _jobs(self) -> Iterator[Job]:
        for number in sorted(self.books.shards):
            if (self.place / shard_name(number) / _RECORD).exists():
                self._note(self._made(number))
                continue
            shard = self._read(number)
            if not shard.jobs and not self.every_shard:
                continue
            self.open[number] = shard
            for video_id in list(shard.jobs):
                if read_done(shard.jobs[video_id].folder, video_id) is None:
                    yield shard.jobs[video_id]
                else:
                    self._finished(number, video_id)
            if not shard.jobs:
                self._assemble(number)

    def _read(self, number: int) -> _Open:
        """A shard as it is, with the jobs of its videos."""
        record = self.books.shards[number]
        clips: dict[str, list[Row]] = {video_id: [] for video_id in record["video_ids"]}
        videos: dict[str, Row] = {}
        for name in record["files"]:
            for row in pq.read_table(self.out / name).to_pylist():
                if name.startswith("clips/"):
                    clips[row["video_id"]].append(row)
                else:
                    videos[row["video_id"]] = row
        for rows in clips.values():
            rows.sort(key=_place_in_video)
        jobs = {}
        for index, video_id in enumerate(record["video_ids"]):
            if job := self._job(number, index, videos[video_id], clips[video_id]):
                jobs[video_id] = job
        return _Open(record, clips, videos, jobs, set(jobs))

    def _job(self, number: int, index: int, video: Row, clips: list[Row]) -> Job | None:
        folder = self.place / f"{shard_name(number)}-{index:06d}"
        if video["video_id"] in self.from_start:
            return Job(number, index, self.plan.row(self.from_start[video["video_id"]]()), folder)
        chosen = [undone(row, self.stages, self.plan.clip_features) for row in clips if self.chosen(row)]
        return Job(number, index, video, folder, chosen) if chosen else None

    def _done(self, job: Job) -> Done:
        done = read_done(job.folder, job.row["video_id"])
        if done is None:
            raise OutputError(f"{job.name}: its result is missing from {job.folder}; did something else delete it?")
        return done

    def _finished(self, number: int, video_id: str) -> None:
        self.open[number].waiting.discard(video_id)
        if not self.open[number].waiting:
            self._assemble(number)

    def _assemble(self, number: int) -> None:
        """Make the new tables of a shard; they count for nothing yet."""
        shard = self.open.pop(number)
        staging = self.place / f"commit-{shard_name(number)}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        kept: Counter[str] = Counter()
        parts = [self._part(shard, video_id, index, kept) for index, video_id in enumerate(shard.record["video_ids"])]
        files = write_tables(staging, number, [folder for folder, _ in parts])
        names = self._side_files(shard, staging, number, parts)
        record = record_of(number, files, names, [done for _, done in parts])
        seconds = added([shard.record["stage_seconds"], record["stage_seconds"]])
        record["stage_seconds"] = {stage: round(spent, 3) for stage, spent in seconds.items()}
        made = {"record": record, "chosen": _chosen(shard), "kept": dict(kept)}
        (staging / _RECORD).write_text(json.dumps(made), encoding="utf-8")
        for path in staging.rglob("*"):
            if path.is_file():
                manifest.sync_file(path)
        os.replace(staging, self.place / shard_name(number))
        sync_folder(self.place)
        self._note(made)
        for folder, _ in parts:
            shutil.rmtree(folder, ignore_errors=True)
        for job in shard.jobs.values():
            shutil.rmtree(job.folder, ignore_errors=True)

    def _part(self, shard: _Open, video_id: str, index: int, kept: Counter[str]) -> tuple[Path, Done]:
        """The result of one video: old rows, and new ones in the places of those that were done again."""
        job = shard.jobs.get(video_id)
        if job is not None and job.clips is None:
            return job.folder, self._done(job)
        new = {row["clip_id"]: row for row in read_rows(job.folder, "clips").to_pylist()} if job else {}
        rows = [self._better(row, new.get(row["clip_id"]), kept) for row in shard.clips[video_id]]
        blank = dict.fromkeys(self.plan.video_features)
        video = {**blank, **shard.videos[video_id], **outcome(rows)}
        seconds = self._done(job).stage_seconds if job else {}
        folder = self.place / f"{shard_name(shard.record['shard'])}-{index:06d}-whole"
        part = spool.part_folder(folder)
        spool.finish(part, folder, self.plan, video, rows, clip_rows=len(rows), stage_seconds=seconds, warnings=[])
        done = read_done(folder, video_id)
        assert done is not None
        return folder, done

    def _better(self, old: Row, new: Row | None, kept: Counter[str]) -> Row:
        """The new row; the old one where there is none, or where the new one failed and the old one had not."""
        blank = dict.fromkeys(self.plan.clip_features)
        if new is None:
            return {**blank, **old}
        if new["error"] is not None and old["error"] is None:
            kept[f"{new['error']['stage']}: {new['error']['type']}: {new['error']['message']}"[:200]] += 1
            return {**blank, **old}
        return new

    def _side_files(self, shard: _Open, staging: Path, number: int, parts: list[tuple[Path, Done]]) -> list[str]:
        """Bring new pictures and clips into ``staging``; the names of all that the shard has now."""
        sources = [(job.folder, done) for job in shard.jobs.values() for done in [self._done(job)]]
        prefixes = {"thumbnails": "thumbnails", "media": f"media/{shard_name(number)}"}
        new: list[str] = []
        for folder, done in sources:
            for kind, prefix in prefixes.items():
                for name in getattr(done, kind):
                    (staging / prefix).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / kind / name, staging / prefix / name)
                    new.append(f"{prefix}/{name}")
        clips = [row for folder, _ in parts for row in read_rows(folder, "clips").to_pylist()]
        cut = {row["clip_path"] for row in clips if row.get("clip_path")}
        old = [*shard.record["thumbnails"], *shard.record["media"]]
        names = dict.fromkeys([*old, *new])
        return [name for name in names if not name.startswith("media/") or name in cut]

    def _made(self, number: int) -> dict[str, Any]:
        return json.loads((self.place / shard_name(number) / _RECORD).read_text(encoding="utf-8"))

    def _note(self, made: dict[str, Any]) -> None:
        self.count += made["chosen"]
        self.kept_as_they_were.update(made["kept"])

    def _swap(self) -> None:
        """Check the books, then let everything new take its place."""
        moves, gone, records = dict[str, str](), list[str](), list[dict[str, Any]]()
        for number, old in sorted(self.books.shards.items()):
            if not (self.place / shard_name(number) / _RECORD).exists():
                continue
            new = self._made(number)["record"]
            if new["video_ids"] != old["video_ids"]:
                raise accounts.AccountsError(f"shard {number}: its videos are others than before; please report this")
            root = self.place / shard_name(number)
            files = [path for path in root.rglob("*") if path.is_file() and path.name != _RECORD]
            moves |= {path.relative_to(self.place).as_posix(): path.relative_to(root).as_posix() for path in files}
            gone += sorted(_names(old) - _names(new))
            records.append(new)
        if not records:
            shutil.rmtree(self.place.parent, ignore_errors=True)
            return
        accounts.check([{**self.books.shards, **{r["shard"]: r for r in records}}[n] for n in self.books.shards], None)
        change = {"record": "change", "id": uuid.uuid4().hex, "finished": manifest.now(), **self.what}
        change |= {"steps": self.plan.describe(), "chosen": self.count, "as_before": self.kept_as_they_were.total()}
        begin_swap(self.out, moves, gone, [*records, change])
        shutil.rmtree(self.place.parent, ignore_errors=True)


def _names(record: dict[str, Any]) -> set[str]:
    return {*record["files"], *record["thumbnails"], *record["media"]}


def _chosen(shard: _Open) -> int:
    return sum(1 if job.clips is None else len(job.clips) for job in shard.jobs.values())


def _place_in_video(row: Row) -> int:
    return int(row["clip_id"].rpartition(".")[2]) if row["clip_id"] is not None else -1
