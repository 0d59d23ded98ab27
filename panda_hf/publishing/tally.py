"""The figures of a run: the funnel, what each teacher contributed, the matching scores. Counted in one pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

from panda_hf.stage import Row

STATUSES = ("kept", "filtered", "failed")
NO_REASON = "no reason"
"""Stands for the reason of a dropped part that names none."""


@dataclass
class Dropped:
    """What the splitting left out for one reason."""

    count: int = 0
    seconds: float = 0.0


@dataclass
class Teacher:
    """What one teacher contributed."""

    name: str
    captions: int = 0
    """Clips for which it wrote a candidate."""
    selected: int = 0
    """Clips for which its candidate was chosen."""
    scored: int = 0
    score_sum: float = 0.0
    selected_sum: float = 0.0

    @property
    def mean_score(self) -> float | None:
        """Mean matching score of its candidates; ``None`` when none was scored."""
        return self.score_sum / self.scored if self.scored else None

    @property
    def mean_selected_score(self) -> float | None:
        """Mean matching score of those of its candidates that were chosen."""
        return self.selected_sum / self.selected if self.selected else None


@dataclass
class Tally:
    """Everything that is counted over an output folder. Seconds are of source footage."""

    videos: Counter[str] = field(default_factory=Counter)
    """Number of videos by status; videos in = kept + filtered + failed."""
    footage_seconds: float = 0.0
    """Duration of all videos that could be read."""
    shots: int = 0
    dropped: dict[str, Dropped] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)
    """Number of clips (rows with a ``clip_id``) by status."""
    captioned: int = 0
    """Kept clips that have a caption."""
    kept_seconds: float = 0.0
    teachers: dict[str, Teacher] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    """The matching score of each kept clip's caption."""

    @property
    def videos_in(self) -> int:
        """Number of input videos."""
        return sum(self.videos.values())

    @property
    def clips_in(self) -> int:
        """Number of clips that came out of the splitting."""
        return sum(self.clips.values())

    @property
    def ranked_teachers(self) -> list[Teacher]:
        """The teachers, the one chosen most often first."""
        return sorted(self.teachers.values(), key=lambda teacher: (-teacher.selected, teacher.name))

    @property
    def chosen(self) -> int:
        """Number of captions chosen, of all teachers."""
        return sum(teacher.selected for teacher in self.teachers.values())

    def equation(self) -> str:
        """``rows in = kept + filtered + failed`` for the videos, with the numbers in it."""
        kept, filtered, failed = (self.videos[status] for status in STATUSES)
        return f"{self.videos_in:,} videos in = {kept:,} kept + {filtered:,} filtered + {failed:,} failed"

    def add_videos(self, rows: Iterable[Row]) -> None:
        """Count rows of the ``videos`` configuration."""
        for row in rows:
            self.videos[row["status"]] += 1
            self.footage_seconds += row.get("duration") or 0.0
            self.shots += len(row.get("shots") or [])
            self.add_dropped(row.get("dropped") or [])

    def add_dropped(self, segments: Iterable[Row]) -> None:
        """Count parts that the splitting left out."""
        for segment in segments:
            dropped = self.dropped.setdefault(segment["reason"] or NO_REASON, Dropped())
            dropped.count += 1
            dropped.seconds += segment["end"] - segment["start"]

    def add_clips(self, status: str, rows: Iterable[Row]) -> None:
        """Count clip rows of one status; rows that stand for a whole video are not clips."""
        for row in rows:
            if row.get("clip_id") is None:
                continue
            self.clips[status] += 1
            if status == "kept":
                self._add_kept(row)

    def _add_kept(self, row: Row) -> None:
        self.kept_seconds += row["end"] - row["start"]
        self.captioned += row.get("caption") is not None
        chosen, score = row.get("caption_teacher"), row.get("matching_score")
        for candidate in row.get("candidates") or []:
            self._add_candidate(candidate)
        if chosen is not None:
            teacher = self.teachers.setdefault(chosen, Teacher(chosen))
            teacher.selected += 1
            teacher.selected_sum += score if is_number(score) else 0.0
        if is_number(score):
            self.scores.append(score)

    def _add_candidate(self, candidate: Row) -> None:
        name = candidate.get("teacher") or "unknown"
        teacher = self.teachers.setdefault(name, Teacher(name))
        teacher.captions += candidate.get("caption") is not None
        if is_number(candidate.get("score")):
            teacher.scored += 1
            teacher.score_sum += candidate["score"]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a score is there and finite."""
    return isinstance(value, (int, float)) and math.isfinite(value)
