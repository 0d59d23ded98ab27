"""`curate`: from many videos to a dataset of captioned clips, in shards, resumable at any moment."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from panda_hf.errors import OutputError, SourceError
from panda_hf.publishing.card import write_card
from panda_hf.rights import REASON, OptOut
from panda_hf.running import accounts, folder, manifest
from panda_hf.running.accounts import RunSummary
from panda_hf.running.commit import check_files, commit_shard
from panda_hf.running.inputs import Source, list_videos
from panda_hf.running.local import Executor, InProcess, LocalExecutor, available_cores
from panda_hf.running.manifest import Manifest
from panda_hf.running.plan import Plan, Step
from panda_hf.running.progress import RunProgress
from panda_hf.running.spool import Done, Job, read_done, shard_name
from panda_hf.running.staged import OneModelAtATime
from panda_hf.running.videos import Entry, Videos
from panda_hf.stage import Row

log = logging.getLogger(__name__)


def curate(
    source: Source,
    out: str | os.PathLike[str],
    *,
    steps: Sequence[Step] | None = None,
    split: str | None = None,
    streaming: bool = False,
    limit: int | None = None,
    num_workers: int | None = None,
    one_model_at_a_time: bool = False,
    videos_per_shard: int = 32,
    batch_size: int = 32,
    time_limit_seconds: float | None = 600.0,
    export_clips: bool = False,
    thumbnails: bool = True,
    license: str | None = None,
    opt_out: OptOut | None = None,
    resume: bool = True,
    progress: bool = True,
) -> RunSummary:
    """Run the steps over all videos and write the clips as a dataset repository.

    ``out`` afterwards holds ``clips/{train,filtered,failed}/*.parquet`` (every clip row once: kept, set aside with its
    reason, or failed with its error), ``videos/*.parquet`` (one row per input video), ``manifest.jsonl``, a card,
    and ``thumbnails/`` and ``media/`` where asked for. ``load_dataset(out)`` and ``load_dataset(out, "videos")`` work.

    Interrupted at any moment, the same call goes on: committed shards are left alone, finished videos of other
    shards are not done again, and the result is the one of an undisturbed run.

    Args:
        source: see :func:`panda_hf.video_rows`.
        out: a new folder, or that of the run to go on with.
        steps: from :func:`panda_hf.panda_70m`, which is the default.
        split: which split, where ``source`` is a dataset.
        streaming: stream what ``load_dataset`` loads.
        limit: only so many videos from the start.
        num_workers: worker processes; ``None`` for all cores; 0 works in this process, without time limit.
        one_model_at_a_time: for models that do not fit on the GPU side by side: the videos of a shard go through one
            step, then through the next, all in this process and without time limit. The result is the same.
        videos_per_shard: videos whose clips share a Parquet file.
        batch_size: clips handed to a stage at once; a teacher's model sees ``Caption.model_batch_size`` of them.
        time_limit_seconds: a video that takes longer becomes an error row; ``None``: it may take forever. For the
            first video of a worker this includes loading the models.
        export_clips: also write each kept clip as mp4, column ``clip_path``.
        thumbnails: write small pictures of each clip for the report.
        license: of the footage, for the card, as the Hub spells it; ``None``: not stated.
        opt_out: videos and channels that are left out: nothing of them is opened, and of their rows only the id and
            the reason stay, so that the account adds up (``panda_hf.push`` leaves such rows out too). Another list may
            be given when a run goes on; it is honoured for videos that are not finished yet.
        resume: go on with an unfinished run in ``out``; when false, refuse.
        progress: show a bar and warnings on standard error.

    Raises:
        SourceError: the input cannot be read or holds no video.
        OutputError: ``out`` holds something else, was made with other settings, or is in use.
        PandaError: something every video would meet, such as a missing checkpoint.
        ValueError: an option is out of range.
    """
    _check_options(num_workers, videos_per_shard, batch_size, time_limit_seconds, limit)
    if one_model_at_a_time and num_workers:
        raise ValueError(f"num_workers={num_workers} with one_model_at_a_time: it runs in this process; leave it out")
    started = time.perf_counter()
    target = Path(out)
    videos = list_videos(source, split=split, streaming=streaming, limit=limit, without=target)
    if videos.count == 0:
        raise SourceError(f"{describe_source(source)} holds no video")
    plan = Plan.of(
        _default_steps() if steps is None else steps,
        videos.features,
        batch_size=batch_size,
        export_clips=export_clips,
        thumbnails=thumbnails,
    )
    plan.check_models()
    settings = {"videos_per_shard": videos_per_shard, "limit": limit}
    head = _head(plan, videos, source, settings)
    head["opt_out_digest"] = opt_out.digest if opt_out else None
    with folder.locked(target):
        book = folder.open_manifest(target, head, resume)
        run = _Run(target, book, plan, videos, videos_per_shard, opt_out or OptOut())
        executor: Executor = OneModelAtATime(plan, videos_per_shard)
        if not one_model_at_a_time:
            executor = _executor(plan, num_workers, videos.count, time_limit_seconds, target / folder.WORK)
        with RunProgress(videos.count, progress) as shown:
            run.go(executor, shown)
            summary = run.finish(time.perf_counter() - started)
            write_card(target, license=license)
    log.info("%s", summary)
    return summary


@dataclass
class _Shard:
    """A shard whose videos are being worked on."""

    index: int
    done: dict[int, tuple[Path, Done]] = field(default_factory=dict)
    missing: int = 0
    complete: bool = False
    """Whether all its videos are known."""


@dataclass
class _Run:
    """One call of :func:`curate`."""

    out: Path
    book: Manifest
    plan: Plan
    videos: Videos
    videos_per_shard: int
    opt_out: OptOut
    shown: RunProgress = field(init=False)
    resumed: int = 0
    open: dict[int, _Shard] = field(default_factory=dict)

    def go(self, executor: Executor, shown: RunProgress) -> None:
        """Work until every shard is committed."""
        self.shown = shown
        self.resumed = len(self.book.shards)
        for record in self.book.shards.values():
            shown.skipped(record)
        for job in executor.run(self._jobs()):
            self._finished(job)

    def finish(self, seconds: float) -> RunSummary:
        """Check the books, close the manifest, write the card."""
        if not self.book.shards:
            raise SourceError("the input was a stream without a single video")
        shards = [self.book.shards[index] for index in sorted(self.book.shards)]
        accounts.check(shards, self.videos.count)
        check_files(self.out, self.book)
        summary = RunSummary(
            out=self.out,
            videos=accounts.total(shards, "videos"),
            clips=accounts.total(shards, "clips"),
            kept_seconds=sum(shard["kept_seconds"] for shard in shards),
            shards=len(shards),
            resumed_shards=self.resumed,
            seconds=seconds,
        )
        if len(shards) > self.resumed or not self.book.ended:
            counts = {"videos": asdict(summary.videos), "clips": asdict(summary.clips)}
            self.book.append({"record": "end", "finished": manifest.now(), "seconds": round(seconds, 3), **counts})
        folder.discard_work(self.out)
        return summary

    def _jobs(self) -> Iterator[Job]:
        """The videos that still have to be worked on, in order; nothing of a video is read before it is its turn."""
        shard = None
        for position, entry in enumerate(self.videos):
            number, index = divmod(position, self.videos_per_shard)
            if number in self.book.shards:
                self._check(number, index, entry)
                continue
            if shard is None or shard.index != number:
                self._complete(shard)
                shard = self.open.setdefault(number, _Shard(number))
            yield from self._job(shard, index, entry)
        self._complete(shard)

    def _job(self, shard: _Shard, index: int, entry: Entry) -> Iterator[Job]:
        place = self.out / folder.WORK / f"{shard_name(shard.index)}-{index:06d}"
        done = read_done(place, entry.video_id)
        if done is not None:
            shard.done[index] = (place, done)
            self.shown.recovered(done)
            return
        shard.missing += 1
        yield Job(shard.index, index, self._row(entry), place)

    def _row(self, entry: Entry) -> Row:
        """The row of a video; of one that opted out only its id, and why nothing else is there."""
        row = self.plan.row(entry.load())
        path = (row.get("video") or {}).get("path")
        if not self.opt_out.names({"original_url": path, **row}):
            return row
        return {**dict.fromkeys(row), "video_id": entry.video_id, "filtered": REASON}

    def _finished(self, job: Job) -> None:
        done = read_done(job.folder, job.row["video_id"])
        if done is None:
            raise OutputError(f"{job.name}: its result is missing from {job.folder}; did something else delete it?")
        shard = self.open[job.shard]
        shard.done[job.index] = (job.folder, done)
        shard.missing -= 1
        self.shown.video(job, done)
        self._commit_if_ready(shard)

    def _complete(self, shard: _Shard | None) -> None:
        if shard is not None:
            shard.complete = True
            self._commit_if_ready(shard)

    def _commit_if_ready(self, shard: _Shard) -> None:
        if shard.complete and shard.missing == 0:
            commit_shard(self.out, self.book, self.plan, shard.index, [shard.done[i] for i in sorted(shard.done)])
            del self.open[shard.index]
            self.shown.shard(self.book.shards[shard.index])

    def _check(self, shard: int, index: int, entry: Entry) -> None:
        ids = self.book.shards[shard]["video_ids"]
        if index >= len(ids) or ids[index] != entry.video_id:
            was = repr(ids[index]) if index < len(ids) else "the end of the input"
            raise OutputError(
                f"{self.out} was made from another input: video {index} of shard {shard} was {was}, "
                f"now it is {entry.video_id!r}. Give another output folder, or the input of the first run."
            )


def _default_steps() -> Sequence[Step]:
    from panda_hf.pipeline import panda_70m  # loads torch

    return panda_70m()


def describe_source(source: Any) -> str:
    """What messages and the manifest call a source."""
    return os.path.abspath(source) if isinstance(source, str | os.PathLike) and os.path.exists(source) else (
        source if isinstance(source, str) else type(source).__name__
    )  # fmt: skip


def _check_options(
    num_workers: int | None,
    videos_per_shard: int,
    batch_size: int,
    time_limit_seconds: float | None,
    limit: int | None,
) -> None:
    for name, value, least in (
        ("num_workers", num_workers, 0),
        ("videos_per_shard", videos_per_shard, 1),
        ("batch_size", batch_size, 1),
        ("limit", limit, 1),
    ):
        if value is not None and value < least:
            raise ValueError(f"{name}={value}: expected at least {least}")
    if time_limit_seconds is not None and not time_limit_seconds > 0:
        raise ValueError(f"time_limit_seconds={time_limit_seconds}: expected more than 0, or None for no limit")


def _head(plan: Plan, videos: Videos, source: Source, settings: dict[str, Any]) -> dict[str, Any]:
    options = {"batch_size": plan.batch_size, "export_clips": plan.export_clips, "thumbnails": plan.thumbnails}
    return manifest.head_record(
        plan.describe(), {**settings, **options}, describe_source(source), videos.count, videos.digest
    )


def _executor(plan: Plan, num_workers: int | None, videos: int | None, limit: float | None, logs: Path) -> Executor:
    if num_workers == 0:
        return InProcess(plan)
    workers = available_cores() if num_workers is None else num_workers
    return LocalExecutor(plan, min(workers, videos or workers), limit, logs)
