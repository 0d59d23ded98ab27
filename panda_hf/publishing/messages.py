"""The tables of what failed, what was filtered, and what was used with a reservation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from panda_hf.publishing import drawing, wording
from panda_hf.publishing.output import OutputFolder
from panda_hf.stage import Row

MAX_MESSAGES = 200
"""Rows of each table of failures, filtered videos and warnings."""


@dataclass
class Messages:
    """A table of messages, bounded; ``total`` counts all."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    total: int = 0

    def add(self, *cells: object, limit: int = 600) -> None:
        """Count a row, and keep it while there is room."""
        self.total += 1
        if len(self.rows) < MAX_MESSAGES:
            self.rows.append(tuple(wording.clean("–" if cell is None else cell, limit) for cell in cells))


def display_name(row: Row) -> str:
    """What a video is called on a page: its file's name, else its id."""
    path = (row.get("video") or {}).get("path") or row["video_id"]
    return wording.clean(PurePosixPath(str(path).replace("\\", "/")).name, 160)


def gather(output: OutputFolder) -> tuple[Messages, Messages, Messages]:
    """The failures, the filtered rows and the warnings of a run."""
    failures = Messages(("File", "Stage", "Error", "Message"))
    filtered = Messages(("File", "Clip", "Reason"))
    warnings = Messages(("File", "Warning"))
    names: dict[str, str] = {}
    for row in output.videos():
        names[row["video_id"]] = display_name(row)
        if row.get("warning"):
            warnings.add(names[row["video_id"]], row["warning"])
    for row in output.clips("failed"):
        error = row["error"] or {}
        name = _clip_name(row, names)
        failures.add(name, error.get("stage"), error.get("type"), error.get("message"))
    for row in output.clips("filtered"):
        filtered.add(names.get(row["video_id"], row["video_id"]), row["clip_id"] or "whole video", row["filtered"])
    return failures, filtered, warnings


def _clip_name(row: Row, names: dict[str, str]) -> str:
    name = names.get(row["video_id"]) or str(row["video_id"])
    return name if row["clip_id"] is None else f"{name}, clip {drawing.index_of(row)}"
