"""`Answer`: what one person said of one clip, as a record that is written and read back."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Mode = Literal["best", "good"]
"""Pick the one best caption, or mark every good one."""

MAX_NAME = 80
"""Characters of an annotator's name."""
MAX_SECONDS = 86_400.0
"""A longer stay on one clip is no measure of work."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one person said of one clip.

    Attributes:
        annotator: who, from :func:`annotator_name`.
        clip_id: of which clip.
        chosen: places among the clip's captions, in the dataset's order, ascending; empty: all are bad.
        candidates: the digest of these captions (``Task.digest``), so that answers to other captions are known.
        shown: the order in which the captions were shown.
        mode: what was asked.
        seconds: from sight of the clip to the answer; ``None``: unknown.
        at: when, UTC, ISO 8601.
    """

    annotator: str
    clip_id: str
    chosen: tuple[int, ...]
    candidates: str
    shown: tuple[int, ...]
    mode: Mode
    seconds: float | None = None
    at: str = ""

    def __post_init__(self) -> None:
        """Refuse answers that cannot be."""
        if sorted(self.shown) != list(range(len(self.shown))) or not self.shown:
            raise ValueError(f"shown {self.shown} must be an order of all captions")
        if list(self.chosen) != sorted(set(self.chosen)) or not set(self.chosen) <= set(self.shown):
            raise ValueError(f"chosen {self.chosen} must be different places among {len(self.shown)} captions")
        if self.mode not in get_args(Mode) or (self.mode == "best" and len(self.chosen) > 1):
            raise ValueError(
                f"mode {self.mode!r} with chosen {self.chosen}: 'best' takes one caption, 'good' any number"
            )

    @property
    def all_bad(self) -> bool:
        """Whether no caption was good enough."""
        return not self.chosen

    def record(self) -> dict[str, Any]:
        """As a line of the store."""
        return {"record": "answer", **asdict(self)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answer:
        """The answer that :meth:`record` wrote.

        Raises:
            ValueError, TypeError, KeyError: when the record is none of ours.
        """
        return cls(
            annotator=annotator_name(record["annotator"]),
            clip_id=str(record["clip_id"]),
            chosen=tuple(int(k) for k in record["chosen"]),
            candidates=str(record["candidates"]),
            shown=tuple(int(k) for k in record["shown"]),
            mode=record["mode"],
            seconds=duration(record.get("seconds")),
            at=str(record.get("at", "")),
        )


def annotator_name(given: Any) -> str:
    """A name as it is kept: one line without control characters.

    Raises:
        ValueError: when nothing is left, or it is too long.
    """
    text = unicodedata.normalize("NFC", given) if isinstance(given, str) else ""
    name = " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())
    if not name or len(name) > MAX_NAME:
        raise ValueError(f"a name needs 1 to {MAX_NAME} characters, got {len(name)}. Type another one.")
    return name


def duration(seconds: Any) -> float | None:
    """``seconds`` where it is a plausible number of seconds, else ``None``."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return round(float(seconds), 3) if math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS else None


def now() -> str:
    """The time, UTC, as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
