"""The `Cut` stage: write each clip as its own mp4."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from datasets import Features, Value

from panda_hf.errors import VideoError
from panda_hf.running.naming import safe_file_name
from panda_hf.stage import Batch, Failure, Row, Stage
from panda_hf.video import CutClip, cut_clips
from panda_hf.video.copy import copy_clips
from panda_hf.video.cut import Way


@dataclass(frozen=True, kw_only=True)
class Cut(Stage):
    """Append `clip_path`: the clip as a file of its own, exact to the frame, its sound as AAC.

    Rows that a filter set aside are not cut. The file is called after ``clip_id``, made safe for every file system.
    """

    folder: str
    """Where the files go; made when it is missing."""
    prefix: str | None = None
    """What stands before the file name in ``clip_path``; ``None`` for ``folder``."""
    way: Way = "encode"
    """``encode`` makes H.264 that every player shows alike. ``copy`` takes over the video's own packets where they
    allow it, at a fraction of the work, and encodes the others; a player that ignores edit lists shows up to one group
    of pictures before such a clip."""

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
        """The path of the clip's file, with forward slashes, and, where copies are asked for, what it became.

        ``clip_way`` is ``copy`` or ``encode``. Both are ``None`` where no file was written.
        """
        ways = {"clip_way": Value("string")} if self.way == "copy" else {}
        return Features({"clip_path": Value("string"), **ways})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Cut the clips that stand side by side and come from one video in one pass over it."""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        made: list[Row] = [dict.fromkeys(self.appends) for _ in rows]
        kept = [i for i, row in enumerate(rows) if row["filtered"] is None]
        for _, same in groupby(kept, key=lambda i: rows[i]["video"]):
            places = list(same)
            for i, new in zip(places, self._cut([rows[i] for i in places]), strict=True):
                made[i] = new
        return {column: [row[column] for row in made] for column in self.appends}

    def _cut(self, rows: list[Row]) -> list[Row]:
        """The new columns of clips of one video."""
        names = [safe_file_name(row["clip_id"]) + ".mp4" for row in rows]
        tasks = [(row["start"], row["end"], Path(self.folder) / name) for row, name in zip(rows, names, strict=True)]
        try:
            clips = (copy_clips if self.way == "copy" else cut_clips)(rows[0]["video"], tasks)
        except Exception as error:  # the row becomes an error row
            if len(rows) == 1:
                return [dict.fromkeys(self.appends, Failure.of(error))]
            return [new for row in rows for new in self._cut([row])]
        return [self._row(clip, name) for clip, name in zip(clips, names, strict=True)]

    def _row(self, clip: CutClip | VideoError, name: str) -> Row:
        if isinstance(clip, VideoError):
            return dict.fromkeys(self.appends, Failure.of(clip))
        prefix = self.folder if self.prefix is None else self.prefix
        path = f"{prefix.rstrip('/')}/{name}" if prefix else name
        return {"clip_path": path, **({"clip_way": clip.way} if self.way == "copy" else {})}
