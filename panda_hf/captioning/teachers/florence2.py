"""Teachers of the Florence-2 family: one frame and a task word, such as ``<CAPTION>``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, load_whole, pick_frame
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading

DEFAULT_TASK = "<CAPTION>"


@dataclasses.dataclass(frozen=True)
class Florence2Teacher(LocalTeacher):
    """`Florence2ForConditionalGeneration` and its processor."""

    def length(self, clip: ClipInput) -> int:
        """The prompt is always the same."""
        return 0

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """One frame and the task word per clip."""
        frames = [pick_frame(clip, self.card.name) for clip in clips]
        return processor(images=frames, text=[self.card.task or DEFAULT_TASK] * len(frames), return_tensors="pt")


def load(card: TeacherCard, device: str, loading: Loading) -> Florence2Teacher:
    """Build a Florence-2 teacher.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import Florence2ForConditionalGeneration

    return Florence2Teacher(card, *load_whole(Florence2ForConditionalGeneration, card, device, loading))
