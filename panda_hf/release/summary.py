"""What came of a build: counts that add up, and where everything is."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class PartSummary:
    """One part: the CSV file it is from, and what it became."""

    part: str
    source: str
    """The file's name, without folders."""
    source_bytes: int = 0
    source_sha256: str = ""
    late_columns: bool = False
    extra_columns: tuple[str, ...] = ()
    videos_read: int = 0
    videos: int = 0
    clips: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Videos kept aside, by kind of cause."""
    opted_out: int = 0
    empty_lines: int = 0
    seconds: float = 0.0
    """Footage of the clips."""
    files: list[str] = field(default_factory=list)
    """Parquet files, relative to the output."""
    parquet_bytes: int = 0

    @property
    def rejected_videos(self) -> int:
        """How many records were kept aside."""
        return sum(self.rejected.values())

    def equation(self) -> str:
        """The account in words."""
        return (
            f"{self.part}: {_counted(self.videos_read, 'video')} read = {self.videos:,} written + "
            f"{self.rejected_videos:,} rejected + {self.opted_out:,} opted out; {_counted(self.clips, 'clip')}"
        )

    def check(self) -> None:
        """Raise where the account does not add up: that would be our own mistake."""
        assert self.videos_read == self.videos + self.rejected_videos + self.opted_out, self.equation()


@dataclass
class BuildSummary:
    """All parts of a build."""

    out: Path
    parts: list[PartSummary] = field(default_factory=list)
    rejected_files: list[str] = field(default_factory=list)
    opt_out_digest: str | None = None
    unmatched_opt_outs: int = 0
    """Videos of the opt-out list that no file has."""
    wall_seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def clips(self) -> int:
        """Clips of all parts."""
        return sum(part.clips for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file; the folder of the build is not in it."""
        held = dataclasses.asdict(self)
        del held["out"]
        return held


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def kind_of(cause: str) -> str:
    """The kind of a cause, for counting: what stands before the details."""
    head, _, rest = cause.partition(":")
    if head in ("unequal lists", "not CSV", "times out of order", "duplicate"):
        return head
    if rest:
        return (
            f"{head}: {rest.split(',')[0].split('found')[0].strip()[:40]}"
            if "time" not in rest
            else f"{head}: bad time"
        )
    return "wrong number of cells" if " cells, expected" in cause else cause


def add_counts(total: dict[str, int], causes: list[str]) -> None:
    """Count causes by kind."""
    for kind, count in Counter(map(kind_of, causes)).items():
        total[kind] = total.get(kind, 0) + count
