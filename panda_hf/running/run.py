"""`Run`: take the videos of a run one by one, hand them to an executor, commit each shard that is whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from panda_hf.errors import OutputError, SourceError
from panda_hf.rights import REASON, OptOut
from panda_hf.running import accounts, manifest
from panda_hf.running.accounts import RunSummary
from panda_hf.running.commit import commit_shard
from panda_hf.running.events import EventLog
from panda_hf.running.local import Executor
from panda_hf.running.manifest import Manifest
from panda_hf.running.part import Part
from panda_hf.running.plan import Plan
from panda_hf.running.progress import RunProgress
from panda_hf.running.shared import SharedManifest
from panda_hf.running.spool import Done, Job, read_done, shard_name
from panda_hf.running.videos import Entry, Videos
from panda_hf.stage import Row

SIGN_SECONDS = 15.0
"""At most so often a run leaves word of how far it is."""


@dataclass
class _Shard:
    """A shard whose videos are being worked on."""

    index: int
    done: dict[int, tuple[Path, Done]] = field(default_factory=dict)
    missing: int = 0
    complete: bool = False
    """Whether all its videos are known."""


@dataclass
class Run:
    """The videos of one part of the input on their way into shards, and those into the books."""

    work: Path
    """The folder for what is not finished."""
    books: Manifest | SharedManifest
    plan: Plan
    videos: Videos
    videos_per_shard: int
    opt_out: OptOut = OptOut()
    part: Part = Part()
    shown: RunProgress = field(init=False)
    resumed: int = 0
    seen: int = 0
    """Videos that the source held, once all jobs are taken."""
    open: dict[int, _Shard] = field(default_factory=dict)
    events: EventLog = field(default_factory=lambda: EventLog(None))
    signed: float = field(default_factory=time.monotonic)

    def go(self, executor: Executor, shown: RunProgress) -> None:
        """Work until every shard is committed."""
        self.shown = shown
        self.resumed = len(self.books.shards)
        for record in self.books.shards.values():
            shown.skipped(record)
        for job in executor.run(self._jobs()):
            self._finished(job)

    def finish(self, out: str | Path, seconds: float) -> RunSummary:
        """Check the books and close them."""
        if not self.seen:
            raise SourceError("the input was a stream without a single video")
        shards = [self.books.shards[index] for index in sorted(self.books.shards)]
        count = self.seen if self.videos.count is None else self.videos.count
        accounts.check(shards, self.part.videos(count, self.videos_per_shard))
        summary = replace(accounts.summary(out, shards, seconds, self.resumed), videos_now=self.shown.new_videos)
        self.events.end(summary.videos, summary.clips, seconds)
        if len(shards) > self.resumed or not self.books.ended:
            counts = {"videos": asdict(summary.videos), "clips": asdict(summary.clips)}
            end = {"record": "end", "finished": manifest.now(), "seconds": round(seconds, 3), "input": self.seen}
            self.books.append({**end, **counts})
            self.books.sign({**self.shown.state(), "through": True})
        return summary

    def _jobs(self) -> Iterator[Job]:
        """The videos that still have to be worked on, in order; nothing of a video is read before it is its turn."""
        shard = None
        for position, entry in enumerate(self.videos):
            self.seen = position + 1
            number, index = divmod(position, self.videos_per_shard)
            if not self.part.has(number):
                continue
            if number not in self.open and self.books.knows(number):
                self._check(number, index, entry)
                continue
            if shard is None or shard.index != number:
                self._complete(shard)
                shard = self.open.setdefault(number, _Shard(number))
            yield from self._job(shard, index, entry)
        self._complete(shard)

    def _job(self, shard: _Shard, index: int, entry: Entry) -> Iterator[Job]:
        place = self.work / f"{shard_name(shard.index)}-{index:06d}"
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
        self.events.video(job, done)
        self._sign()
        self._commit_if_ready(shard)

    def _sign(self) -> None:
        if time.monotonic() - self.signed >= SIGN_SECONDS:
            self.signed = time.monotonic()
            self.books.sign(self.shown.state())

    def _complete(self, shard: _Shard | None) -> None:
        if shard is not None:
            shard.complete = True
            self._commit_if_ready(shard)

    def _commit_if_ready(self, shard: _Shard) -> None:
        if shard.complete and shard.missing == 0:
            commit_shard(self.work, self.books, shard.index, [shard.done[i] for i in sorted(shard.done)])
            del self.open[shard.index]
            self.shown.shard(self.books.shards[shard.index])
            self.events.shard(self.books.shards[shard.index])

    def _check(self, shard: int, index: int, entry: Entry) -> None:
        ids = self.books.shards[shard]["video_ids"]
        if index >= len(ids) or ids[index] != entry.video_id:
            was = repr(ids[index]) if index < len(ids) else "the end of the input"
            raise OutputError(
                f"the output was made from another input: video {index} of shard {shard} was {was}, "
                f"now it is {entry.video_id!r}. Give another output folder, or the input of the first run."
            )
