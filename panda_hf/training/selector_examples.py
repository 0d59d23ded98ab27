"""Clips to learn to select from: frames drawn and cropped anew at every visit, captions, and who was right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

from panda_hf.models.umt.processing_umt import resize_frames
from panda_hf.training.selector import SelectorExample


class FramesOf(Protocol):
    """Where frames come from, such as ``panda_hf.selection.clip_frames.ClipFrames``."""

    def __call__(self, clip_id: str, count: int, drawn: Callable[[int], np.ndarray] | None = None) -> np.ndarray:
        """Frames uint8 (n, height, width, 3), one of each of ``count`` stretches, where ``drawn`` says."""


@dataclass(frozen=True)
class Lines:
    """A clip in words.

    Attributes:
        clip_id: of its frames.
        captions: the candidates; of a generic pair, right captions of which one is drawn at each visit.
        targets: their shares of the annotators' choice; ``None``: a generic pair.
    """

    clip_id: str
    captions: tuple[str, ...]
    targets: tuple[float, ...] | None


class ClipExamples(Dataset[SelectorExample]):
    """Examples for ``train_on_candidates``.

    Args:
        clips: in words.
        frames: of a clip by its id.
        num_frames: of each.
        drawn: whether frames lie anywhere in their stretches of the clip, and a caption of a pair is drawn, as in
            training; else the middles and the first caption.
    """

    def __init__(self, clips: Sequence[Lines], frames: FramesOf, num_frames: int, *, drawn: bool) -> None:
        self.clips, self.frames, self.num_frames, self.drawn = clips, frames, num_frames, drawn

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        clip = self.clips[index]
        frames = self.frames(clip.clip_id, self.num_frames, _uniform if self.drawn else None)
        if clip.targets is not None:
            return SelectorExample(frames, clip.captions, clip.targets)
        place = int(torch.randint(len(clip.captions), ())) if self.drawn else 0
        return SelectorExample(frames, (clip.captions[place],), (1.0,))


@dataclass(frozen=True)
class RandomCrop:
    """The same random part of all frames, as a square: area 0.5 to 1, aspect 3:4 to 4:3 (paper, appendix C; UMT)."""

    size: int
    """Height and width of the result, pixels."""
    least: float = 0.5
    """Smallest share of the area."""
    flip: bool = False
    """Mirror half of the clips, as UMT does; captions that say left or right become wrong."""

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames uint8 (n, height, width, 3) to (n, size, size, 3)."""
        height, width = frames.shape[1:3]
        area, aspect = _between(self.least, 1.0), math.exp(_between(math.log(3 / 4), math.log(4 / 3)))
        # relative to the picture, so that the whole of it is always possible
        h = min(height, max(1, round(height * math.sqrt(area / aspect))))
        w = min(width, max(1, round(width * math.sqrt(area * aspect))))
        top, left = int(torch.randint(height - h + 1, ())), int(torch.randint(width - w + 1, ()))
        part = frames[:, top : top + h, left : left + w]
        if self.flip and torch.rand(()) < 0.5:
            part = part[:, :, ::-1]
        return resize_frames(part, self.size)


def _uniform(count: int) -> np.ndarray:
    """Torch's generator, which every process of a loader seeds in its own way."""
    return torch.rand(count).numpy()


def _between(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
