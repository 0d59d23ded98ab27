"""Stages that do little, for runs that are quick: what a "video" is and does stands in its file as text."""

from __future__ import annotations

import faulthandler
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Features, Value

from panda_hf import schema
from panda_hf.clips import explode_clips
from panda_hf.errors import CheckpointError, VideoError
from panda_hf.stage import Batch, Row, Stage, run_rows
from panda_hf.video import pack_frames


@dataclass(frozen=True, kw_only=True)
class FakeSplit(Stage):
    """The file holds the number of its clips, or a word: what is to happen."""

    seconds: float = 0.0

    @property
    def reads(self) -> tuple[str, ...]:
        return ("video",)

    @property
    def appends(self) -> Features:
        return schema.SPLIT_COLUMNS

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        return run_rows(self._split, batch, list(self.appends))

    def _split(self, row: Row) -> Row:
        path = Path(row["video"]["path"])
        words = path.read_text().split() if path.exists() else ["missing"]
        time.sleep(self.seconds)
        if words[0] == "abort":
            os.abort()
        if words[0] == "abort-once":
            path.write_text("2")
            os.abort()
        if words[0] == "segfault-once":
            path.write_text(words[1])
            faulthandler._sigsegv()
        if words[0] == "hang":
            time.sleep(1000)
        if words[0] == "exit":
            raise SystemExit(7)
        if not words[0].isdigit():
            raise VideoError(f"{path.name}: {words[0]}")
        spans = [{"start": float(i), "end": i + 1.0} for i in range(int(words[0]))]
        return {
            "duration": float(words[0]),
            "fps": 25.0,
            "width": 32,
            "height": 16,
            "shots": spans,
            "clips": [{**span, "shot_boundary_detection": [{"start": 0.0, "end": 1.0}]} for span in spans],
            "dropped": [] if spans else [{"start": 0.0, "end": 1.0, "reason": "still"}],
            "warning": None,
        }


@dataclass(frozen=True, kw_only=True)
class OneClip(Stage):
    """The same clip of every video."""

    start: float
    end: float

    @property
    def reads(self) -> tuple[str, ...]:
        return ("video",)

    @property
    def appends(self) -> Features:
        return schema.SPLIT_COLUMNS

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        clip = {"start": self.start, "end": self.end, "shot_boundary_detection": []}
        blank = {column: [None] * len(batch["video"]) for column in self.appends}
        return {**blank, "clips": [[clip]] * len(batch["video"])}


@dataclass(frozen=True, kw_only=True)
class FakeFrames(Stage):
    """Three frames whose brightness is the clip's start."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id", "start")

    @property
    def appends(self) -> Features:
        return schema.FRAMES_COLUMNS

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        packs = [pack_frames(np.full((3, 16, 32, 3), int(s) % 256, np.uint8), [s, s, s]) for s in batch["start"]]
        return {"frames": packs}


@dataclass(frozen=True, kw_only=True)
class FakeCaption(Stage):
    """Says the clip's id."""

    text: str = "this is"
    seconds: float = 0.0
    fails_on: int | None = None
    needs_checkpoint: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id", "frames")

    @property
    def appends(self) -> Features:
        return Features({"caption": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        if self.needs_checkpoint:
            raise CheckpointError("no checkpoint 'fake' here")
        time.sleep(self.seconds)
        return run_rows(self._caption, batch, ["caption"])

    def _caption(self, row: Row) -> Row:
        if row["clip_id"].endswith(f".{self.fails_on}"):
            raise ValueError(f"{row['clip_id']}: no words for it")
        return {"caption": f"{self.text} {row['clip_id']}"}


@dataclass(frozen=True, kw_only=True)
class SetAside(Stage):
    """Filter clip 1 of each video."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id",)

    @property
    def appends(self) -> Features:
        return Features({"filtered": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        return {"filtered": ["second" if clip.endswith(".1") else None for clip in batch["clip_id"]]}


def fake_steps(**caption: Any) -> list[Any]:
    return [FakeSplit(), explode_clips, SetAside(), FakeFrames(), FakeCaption(**caption)]


def write_videos(folder: Path, **contents: str | int) -> Path:
    """Files ``NAME.mp4`` that hold the given words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in contents.items():
        (folder / f"{name}.mp4").write_text(str(words))
    return folder
