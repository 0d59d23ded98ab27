"""What the selector's vision tower, which stays as it is, makes of the judged clips: computed once, kept in files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from panda_hf.mini.lessons import named_by
from panda_hf.mini.selector_model import selector
from panda_hf.mini.teacher_data import saved
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.training.selector import video_tokens


def to_encode(pool: Executor, weights: Path, folder: Path, files: Sequence[Path]) -> list[Future[None]]:
    """Submit the files of frames that this vision tower has not encoded yet.

    Args:
        pool: who encodes.
        weights: of the whole selector.
        folder: the files' folder, or one above.
        files: uint8 (clips, frames, size, size, 3).
    """
    model, _ = loaded_selector(weights)
    wanted = [(frames, tokens_file(folder, model, frames)) for frames in files]
    return [pool.submit(_encode, weights, frames, out) for frames, out in wanted if not out.exists()]


def tokens_file(folder: Path, model: UMTForVideoTextRetrieval, frames: Path) -> Path:
    """Where the tokens of a file of frames lie, float16 (clips, frames, patches, hidden); see :func:`to_encode`."""
    return folder / f"tokens-{named_by(frames.parent.name, model.umt.vision_model)}" / frames.name


@cache
def loaded_selector(weights: Path) -> tuple[UMTForVideoTextRetrieval, UMTProcessor]:
    """The miniature's selector with weights from a file, and its processor."""
    model, processor = selector()
    model.load_state_dict(load_file(weights))
    return model, processor


def _encode(weights: Path, frames: Path, out: Path) -> None:
    model, processor = loaded_selector(weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    saved(out, np.stack(video_tokens(model.umt, processor, list(np.load(frames, mmap_mode="r")))))
