"""The `Cut` stage: write each clip as its own mp4."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from datasets import Features, Value

from panda_hf.errors import VideoError
from panda_hf.running.naming import safe_file_name
from panda_hf.stage import Batch, Failure, Row, Stage
from panda_hf.video import CutClip, VideoLike, cut_clips
from panda_hf.video.copy import copy_clips
from panda_hf.video.cut import Way
from panda_hf.video.cut_many import Task
from panda_hf.video.encode import Codec, encoder_of
from panda_hf.video.smart import smart_clips


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
    """``encode`` makes pictures that every player shows alike. ``copy`` takes over the video's own packets where they
    allow it, at a fraction of the work, and encodes the others; a player that ignores edit lists shows up to one group
    of pictures before such a clip. ``smart`` copies only what stands alone, encodes the frames at the ends that do
    not, and decodes each clip to see that it is right."""
    codec: Codec = "h264"
    """What is encoded becomes this; only with ``way="encode"`` another than H.264."""
    version: int = 2

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.way != "encode" and self.codec != "h264":
            raise ValueError(f"way={self.way!r} keeps the packets of the video; codec={self.codec!r} asks for others")

    def check(self) -> None:
        """Raise ``OutputError`` when this PyAV cannot encode what is asked for."""
        encoder_of(self.codec)

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

        ``clip_way`` is ``copy``, ``smart`` or ``encode``; ``clip_way_reason`` says why it is ``encode``, else
        it is ``None``. All are ``None`` where no file was written.
        """
        told = ("clip_path",) if self.way == "encode" else ("clip_path", "clip_way", "clip_way_reason")
        return Features({name: Value("string") for name in told})

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
        tasks: list[Task] = [
            (row["start"], row["end"], Path(self.folder) / name) for row, name in zip(rows, names, strict=True)
        ]
        try:
            clips = self._written(rows[0]["video"], tasks)
        except Exception as error:  # the row becomes an error row
            if len(rows) == 1:
                return [dict.fromkeys(self.appends, Failure.of(error))]
            return [new for row in rows for new in self._cut([row])]
        return [self._row(clip, name) for clip, name in zip(clips, names, strict=True)]

    def _written(self, video: VideoLike, tasks: list[Task]) -> list[CutClip | VideoError]:
        if self.way == "encode":
            return cut_clips(video, tasks, codec=self.codec)
        return (copy_clips if self.way == "copy" else smart_clips)(video, tasks)

    def _row(self, clip: CutClip | VideoError, name: str) -> Row:
        if isinstance(clip, VideoError):
            return dict.fromkeys(self.appends, Failure.of(clip))
        prefix = self.folder if self.prefix is None else self.prefix
        path = f"{prefix.rstrip('/')}/{name}" if prefix else name
        told = {"clip_path": path, "clip_way": clip.way, "clip_way_reason": clip.why}
        return {column: told[column] for column in self.appends}
