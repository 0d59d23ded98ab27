"""How much of a list of videos can still be had: counts by reason that add up, and an interval for a sample."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from panda_hf.download.reasons import TEMPORARY
from panda_hf.publishing import wording

NOT_TRIED = "not tried"
_Z_95 = 1.959963984540054


@dataclass
class Availability:
    """Counts over the videos of a plan; add each once."""

    videos: Counter[str] = field(default_factory=Counter)
    """By reason; ``ok`` are there."""
    clips: Counter[str] = field(default_factory=Counter)
    """Clips that were wanted, by the reason of their video."""
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Footage of these clips."""
    clips_made: int = 0
    clips_failed: int = 0
    """Of videos that are there, but this clip could not be cut."""
    clips_short: int = 0
    """Made, but the video ends before the clip should."""
    whole: int = 0
    """Videos that are there as files of their own, not their clips only."""
    bytes: int = 0
    limited: bool = False
    """Whether only the first videos of the list were wanted."""

    def add(self, reason: str, clips: int, seconds: float) -> None:
        """Count a video."""
        self.videos[reason] += 1
        self.clips[reason] += clips
        self.seconds[reason] += seconds

    @property
    def wanted(self) -> int:
        """Videos in the plan."""
        return sum(self.videos.values())

    @property
    def tried(self) -> int:
        """Videos of which it is known whether they can be had; the opted out are not asked for."""
        return self.wanted - self.videos[NOT_TRIED] - self.videos["opted-out"]

    @property
    def may_pass(self) -> int:
        """Videos that failed for a reason that may pass: another run may bring them."""
        return sum(count for reason, count in self.videos.items() if reason in TEMPORARY)

    @property
    def share(self) -> float | None:
        """Of the tried videos those that are there; ``None`` before any was tried."""
        return self.videos["ok"] / self.tried if self.tried else None

    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of ``share``, for the whole list when the videos are a sample of it."""
        if not self.tried:
            return None
        n, p = self.tried, self.videos["ok"] / self.tried
        middle = (p + _Z_95**2 / (2 * n)) / (1 + _Z_95**2 / n)
        half = _Z_95 * math.sqrt(p * (1 - p) / n + _Z_95**2 / (4 * n * n)) / (1 + _Z_95**2 / n)
        return middle - half, middle + half

    def equation(self) -> str:
        """The account in words."""
        parts = [f"{count:,} {reason}" for reason, count in self._ordered()]
        return f"{wording.plural(self.wanted, 'video')} wanted = " + " + ".join(parts or ["0"])

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        interval = self.interval()
        return {
            "videos_wanted": self.wanted,
            "videos_tried": self.tried,
            "videos_that_may_come": self.may_pass,
            "by_reason": {
                reason: {
                    "videos": count,
                    "clips": self.clips[reason],
                    "clip_hours": round(self.seconds[reason] / 3600, 3),
                }
                for reason, count in self._ordered()
            },
            "share_available": self.share,
            "share_95": list(interval) if interval else None,
            "limited": self.limited,
            "clips_made": self.clips_made,
            "clips_failed": self.clips_failed,
            "clips_shorter_than_listed": self.clips_short,
            "videos_kept_whole": self.whole,
            "bytes": self.bytes,
        }

    def of_clips(self) -> str:
        """The account of the clips in words."""
        text = f"{wording.plural(self.clips_made, 'clip')} made, {self.clips_failed:,} could not be cut"
        return text + (
            f"; {self.clips_short:,} shorter than listed: the video ends before" if self.clips_short else ""
        )

    def table(self, *, markdown: bool = False) -> list[str]:
        """Lines for a terminal, or for Markdown with the sum in bold."""
        rows = [("reason", "videos", "share", "clips")]
        rows += [
            (reason, f"{count:,}", f"{count / self.wanted:.1%}", f"{self.clips[reason]:,}")
            for reason, count in self._ordered()
        ]
        rows.append(("**all**" if markdown else "all", f"{self.wanted:,}", "100.0%", f"{sum(self.clips.values()):,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "| " + " | ".join(_cell(cell, n, i) for i, (cell, n) in enumerate(zip(row, widths, strict=True))) + " |"
            for row in rows
        ]
        return [
            lines[0],
            "|" + "|".join("-" * (n + 1) + ("-" if i == 0 else ":") for i, n in enumerate(widths)) + "|",
            *lines[1:],
        ]

    def verdict(self) -> str:
        """One sentence on what can still be had."""
        share, interval = self.share, self.interval()
        if share is None or interval is None:
            return "No video was tried."
        text = f"{self.videos['ok']:,} of {self.tried:,} tried videos can be had: {share:.1%}"
        if self.limited:
            text += f" (a sample from the start of the list; 95 % interval {interval[0]:.1%} to {interval[1]:.1%})"
        if self.may_pass:
            most = (self.videos["ok"] + self.may_pass) / self.tried
            text += (
                f", and up to {most:.1%} once the {self.may_pass:,} that failed for reasons that may pass are fetched"
            )
        return text + "."

    def _ordered(self) -> list[tuple[str, int]]:
        """``ok`` first, what was not tried last, the others by number."""
        return sorted(self.videos.items(), key=lambda item: (item[0] == NOT_TRIED, item[0] != "ok", -item[1], item[0]))


def _cell(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)
