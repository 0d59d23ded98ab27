"""The books of a run: what went in is what was kept, filtered and failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panda_hf.errors import PandaError


class AccountsError(PandaError, RuntimeError):
    """Rows were lost or doubled: a mistake in this package."""


@dataclass(frozen=True)
class Counts:
    """How many rows ended where."""

    kept: int = 0
    filtered: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.kept + self.filtered + self.failed

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.kept + other.kept, self.filtered + other.filtered, self.failed + other.failed)

    def equation(self, what: str) -> str:
        """``12 videos in = 9 kept + 1 filtered + 2 failed``."""
        return f"{self.total:,} {what} in = {self.kept:,} kept + {self.filtered:,} filtered + {self.failed:,} failed"


@dataclass(frozen=True)
class RunSummary:
    """What a run made."""

    out: Path | str
    """A folder, or the address of a store."""
    videos: Counts
    """Input videos. Kept: at least one clip was kept. Failed: otherwise, if anything of it failed."""
    clips: Counts
    """Rows of the configuration ``clips``; a video without clips is one row, filtered or failed."""
    kept_seconds: float
    """Length of all kept clips together."""
    shards: int
    resumed_shards: int
    """How many of them an earlier run had made."""
    seconds: float
    """Wall time of this run."""
    videos_now: int = 0
    """Videos that this run finished, those of earlier ones aside."""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of work by stage, of all runs and workers together."""

    @property
    def ok(self) -> bool:
        """Whether at least one clip was kept; a command exits non-zero otherwise."""
        return self.clips.kept > 0

    def throughput(self) -> list[str]:
        """How fast it went and where the time went, in words; nothing where nothing was done."""
        lines = []
        if self.videos_now and self.seconds:
            rate = 3600 * self.videos_now / self.seconds
            lines.append(f"{self.videos_now:,} videos in {self.seconds:,.1f} s: {rate:,.0f} per hour")
        if work := per_video(self.stage_seconds, self.videos.total):
            lines.append(f"work per video: {work}")
        return lines

    def __str__(self) -> str:
        lines = [self.videos.equation("videos"), self.clips.equation("clip rows")]
        if not self.ok:
            lines.append(
                "nothing was kept" + (": every video failed" if self.videos.failed == self.videos.total else "")
            )
        return "\n".join(lines)


def per_video(stage_seconds: Mapping[str, float], videos: int, most: int | None = None) -> str:
    """What the stages took of a video, the longest first: ``Split 0.41 s (53%), …``; empty where nothing was done.

    Args:
        stage_seconds: seconds of work by stage, of all videos together.
        videos: how many these are.
        most: only so many stages.
    """
    spent = sum(stage_seconds.values())
    if not spent or not videos:
        return ""
    longest = sorted(stage_seconds.items(), key=lambda item: -item[1])[:most]
    return ", ".join(f"{stage} {seconds / videos:.2g} s ({seconds / spent:.0%})" for stage, seconds in longest)


def total(shards: Iterable[dict[str, Any]], key: str) -> Counts:
    """The sum of the ``videos`` or ``clips`` counts of shard records."""
    return sum((Counts(**shard[key]) for shard in shards), Counts())


def summary(out: Path | str, shards: Sequence[dict[str, Any]], seconds: float, resumed: int = 0) -> RunSummary:
    """What shard records say of a run."""
    return RunSummary(
        out=out,
        videos=total(shards, "videos"),
        clips=total(shards, "clips"),
        kept_seconds=sum(shard["kept_seconds"] for shard in shards),
        shards=len(shards),
        resumed_shards=resumed,
        seconds=seconds,
        stage_seconds=added(shard["stage_seconds"] for shard in shards),
    )


def added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Sums by name; what adds up to nothing is kept as 0."""
    sums: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums


def check(shards: Iterable[dict[str, Any]], videos_in: int | None) -> None:
    """Compare what each stage of the books says.

    Args:
        shards: the manifest's shard records: ids as they came in, counts as the videos were finished, rows as they
            lie in the files.
        videos_in: how many videos the source holds, ``None`` when it cannot say.

    Raises:
        AccountsError: when two figures differ that must be equal.
    """
    entered = 0
    for shard in shards:
        entered += len(shard["video_ids"])
        _equal(shard, "videos", len(shard["video_ids"]), Counts(**shard["videos"]).total)
        _equal(shard, "clip rows", shard["clip_rows"], Counts(**shard["clips"]).total)
        for what, split, written in _written(shard):
            _equal(shard, f"rows in {split}", what, written)
    if videos_in is not None and entered != videos_in:
        raise AccountsError(f"{videos_in} videos went in, {entered} came out; please report this with the manifest")


def _written(shard: dict[str, Any]) -> Iterable[tuple[int, str, int]]:
    clips = Counts(**shard["clips"])
    expected = {"clips/train": clips.kept, "clips/filtered": clips.filtered, "clips/failed": clips.failed}
    for folder, rows in {**expected, "videos": len(shard["video_ids"])}.items():
        files = [file["rows"] for path, file in shard["files"].items() if path.rpartition("/")[0] == folder]
        yield rows, folder, sum(files)


def _equal(shard: dict[str, Any], what: str, expected: int, found: int) -> None:
    if expected != found:
        raise AccountsError(f"shard {shard['shard']}: {expected} {what} expected, {found} found; please report this")
