"""`status`: how far a run is, on one machine or many, from what it left in its output."""

from __future__ import annotations

import calendar
import json
import os
import time
from dataclasses import dataclass
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.running import accounts, manifest
from panda_hf.running.accounts import Counts
from panda_hf.running.manifest import read_lines
from panda_hf.running.merge import missing_shards
from panda_hf.running.shared import ENDS, HEAD, RECORDS, WORKERS, read_records
from panda_hf.running.store import Store

ALIVE_SECONDS = 120.0
"""A worker that said something less long ago is taken for alive; it does so between videos, which may be long. Only
what is shown depends on clocks."""


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    source: str
    finished: bool
    """Whether it is a whole dataset."""
    shards: int
    missing: list[int] | None
    """Shards that are not committed yet; ``None`` when it is not known how many there will be."""
    videos_in: int | None
    """Videos in the input; ``None`` when that is not known."""
    videos: Counts
    """Of committed shards, like the rest."""
    clips: Counts
    kept_seconds: float
    stage_seconds: dict[str, float]
    """Seconds of work, all workers together."""
    parts_through: list[str]
    """Parts (``3/64``) whose worker came to its end."""
    workers: list[dict[str, Any]]
    """What workers that are alive last said of themselves."""

    @property
    def videos_per_hour(self) -> float | None:
        """Of the workers that are alive; ``None`` when none is."""
        rates = [worker["videos_per_hour"] for worker in self.workers if worker.get("videos_per_hour")]
        return sum(rates) if rates else None

    @property
    def seconds_left(self) -> float | None:
        """At that rate; ``None`` when it cannot be told."""
        rate = self.videos_per_hour
        if self.finished or rate is None or self.videos_in is None:
            return None
        return 3600 * max(0, self.videos_in - self.videos.total) / rate


def status(out: str | os.PathLike[str]) -> Status:
    """How far the run in ``out`` is; a folder, or an address such as ``s3://bucket/folder``.

    Raises:
        OutputError: when there is no run.
    """
    store = Store.of(out)
    lines = store.read(manifest.NAME)
    if lines is not None:
        return _of_manifest(store, read_lines(lines))
    content = store.read(HEAD)
    if content is None:
        raise OutputError(f"{store.url} holds no run: neither {manifest.NAME} nor {HEAD}; give the --out of a run")
    records, ends = read_records(store, RECORDS), read_records(store, ENDS)
    return _status(json.loads(content), records, ends, read_records(store, WORKERS), finished=False)


def _of_manifest(store: Store, records: list[dict[str, Any]]) -> Status:
    shards = {record["shard"]: record for record in records if record["record"] == "shard"}
    said = store.read(manifest.SIGN)
    finished = any(record["record"] == "end" for record in records)
    return _status(records[0], list(shards.values()), [], [json.loads(said)] if said else [], finished)


def _status(
    head: dict[str, Any],
    records: list[dict[str, Any]],
    ends: list[dict[str, Any]],
    said: list[dict[str, Any]],
    finished: bool,
) -> Status:
    seconds: dict[str, float] = {}
    for record in records:
        for stage, spent in record["stage_seconds"].items():
            seconds[stage] = seconds.get(stage, 0.0) + spent
    return Status(
        source=head["source"],
        finished=finished,
        shards=len(records),
        missing=[] if finished else missing_shards(head, ends, {record["shard"] for record in records}),
        videos_in=head["input"]["videos"] or max((end["input"] for end in ends), default=None),
        videos=accounts.total(records, "videos"),
        clips=accounts.total(records, "clips"),
        kept_seconds=sum(record["kept_seconds"] for record in records),
        stage_seconds=seconds,
        parts_through=[end["part"] for end in ends],
        workers=[] if finished else [one for one in said if _is_alive(one)],
    )


def _is_alive(worker: dict[str, Any]) -> bool:
    return abs(seconds_ago(worker["said"])) < ALIVE_SECONDS and not worker.get("through")


def seconds_ago(said: str) -> float:
    """How long ago a time of the manifest is; below 0 where the clock that wrote it is ahead."""
    return time.time() - calendar.timegm(time.strptime(said, manifest.TIME_FORMAT))
