"""The `Cut` stage: write each clip as its own mp4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets import Features, Value

from panda_hf.running.naming import safe_file_name
from panda_hf.stage import Batch, Row, Stage, run_rows
from panda_hf.video import cut_clip


@dataclass(frozen=True, kw_only=True)
class Cut(Stage):
    """Append `clip_path`: the clip as a file of its own, H.264 and AAC, exact to the frame.

    Rows that a filter set aside are not cut. The file is called after ``clip_id``, made safe for every file system.
    """

    folder: str
    """Where the files go; made when it is missing."""
    prefix: str | None = None
    """What stands before the file name in ``clip_path``; ``None`` for ``folder``."""

    @property
    def reads(self) -> tuple[str, ...]:
        """A clip row's reference to its video."""
        return ("clip_id", "video", "start", "end")

    @property
    def uses(self) -> tuple[str, ...]:
        """Why a row was set aside."""
        return ("filtered",)

    @property
    def appends(self) -> Features:
        """The path of the clip's file, with forward slashes; ``None`` where none was written."""
        return Features({"clip_path": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Cut one clip after the other."""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        return run_rows(self._cut, batch, ["clip_path"])

    def _cut(self, row: Row) -> Row:
        if row["filtered"] is not None:
            return {"clip_path": None}
        name = safe_file_name(row["clip_id"]) + ".mp4"
        cut_clip(row["video"], row["start"], row["end"], Path(self.folder) / name)
        prefix = self.folder if self.prefix is None else self.prefix
        return {"clip_path": f"{prefix.rstrip('/')}/{name}" if prefix else name}
