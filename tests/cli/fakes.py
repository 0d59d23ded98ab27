"""A splitter that decides by the file's name, so that the command line can be tested without decoding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Features

from panda_hf import schema
from panda_hf.errors import VideoError
from panda_hf.stage import Batch, Row, Stage, run_rows


@dataclass(frozen=True, kw_only=True)
class SplitByName(Stage):
    """Two clips of each video; none of one called `still…`, an error for one called `broken…`."""

    seconds: float = 4.0

    @property
    def reads(self) -> tuple[str, ...]:
        return ("video",)

    @property
    def appends(self) -> Features:
        return schema.SPLIT_COLUMNS

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        return run_rows(self._split, batch, list(self.appends))

    def _split(self, row: Row) -> Row:
        name = Path(row["video"]["path"]).name
        if name.startswith("broken"):
            raise VideoError(f"{name} is broken: fetch it again")
        halves = [{"start": 0.0, "end": self.seconds / 2}, {"start": self.seconds / 2, "end": self.seconds}]
        clips: list[dict[str, Any]] = [{**half, "shot_boundary_detection": []} for half in halves]
        dropped = [{**half, "reason": "still"} for half in halves]
        still = name.startswith("still")
        known = {"duration": self.seconds, "fps": 25.0, "width": 64, "height": 48, "shots": halves, "warning": None}
        return {**known, "clips": [] if still else clips, "dropped": dropped if still else []}
