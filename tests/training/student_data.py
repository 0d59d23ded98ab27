"""Clips for the tests of student training: one colour each, told of in the caption."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, Value

from panda_hf import schema
from panda_hf.training.student_examples import StudentExample
from panda_hf.video import pack_frames

COLOURS = {"red": (250, 0, 0), "blue": (0, 0, 250), "green": (0, 250, 0)}


def example(index: int, frames: int = 6) -> StudentExample:
    """Frame ``k`` has ``k`` in its top left corner, so that tests see which ones were taken."""
    name, colour = list(COLOURS.items())[index % 3]
    pictures = np.zeros((frames, 32, 32, 3), np.uint8) + np.array(colour, np.uint8)
    pictures[:, 0, 0, 0] = np.arange(frames)
    return StudentExample(pictures, f"a {name} ball", "and here it is", "my film", f"clip {index}", f"v{index}.0")


def write_clips(path: Path, count: int, per_video: int = 2, group: int | None = None) -> Path:
    """A Parquet file of clip rows with frame packs."""
    rows = []
    for i in range(count):
        one = example(i)
        rows.append(
            {
                "clip_id": f"v{i // per_video}.{i % per_video}",
                "video_id": f"v{i // per_video}",
                "frames": pack_frames(one.frames, list(range(len(one.frames)))),
                "title": one.title,
                "description": one.description,
                "subtitle": one.subtitle,
                "caption": one.caption,
            }
        )
    words = {name: Value("string") for name in rows[0] if name != "frames"}
    Dataset.from_list(rows, features=Features({**words, **schema.FRAMES_COLUMNS})).to_parquet(path, batch_size=group)
    return path


class Recorded:
    """Examples that write down which of them were read, in a file that survives a kill."""

    def __init__(self, count: int, path: Path, stop_at: int | None = None) -> None:
        self.count, self.path, self.stop_at, self.seen = count, path, stop_at, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> StudentExample:
        if self.seen == self.stop_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen += 1
        with open(self.path, "a") as file:
            file.write(f"{index}\n")
        return example(index)


def train_recorded(start: Path, out: Path, record: Path, stop_at: int | None = None) -> None:
    """Six steps of four clips, two at once, that write down what they read; killed before clip ``stop_at``."""
    from panda_hf.training.student_run import Adapting, train_student_on
    from panda_hf.training.student_settings import StudentSettings

    if stop_at is not None:
        torch.set_num_threads(1)  # a forked process has no other threads
    settings = StudentSettings(steps=6, batch_size=4, at_once=2, num_frames=4, save_every=2, learning_rate=1e-2)
    examples: Any = Recorded(10, record, stop_at)
    adapting = Adapting(frozen=("vision", "qformer"))
    train_student_on(str(start), examples, None, out, settings, adapting=adapting)
