"""Teachers of the BLIP-2 family: one frame, a Q-Former, a language model with or without an encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, load_whole, pick_frame, prompt_for, reads_words
from panda_hf.captioning.teachers.generating import pad_for_generation
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading


@dataclasses.dataclass(frozen=True)
class Blip2Teacher(LocalTeacher):
    """`Blip2ForConditionalGeneration` and its processor; it is asked in words only if it may read any."""

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """One frame and one prompt per clip."""
        return processor(
            images=[pick_frame(clip, self.card.name) for clip in clips],
            text=[self._prompt(clip, processor) for clip in clips],
            padding=True,
            return_tensors="pt",
        )

    def _prompt(self, clip: ClipInput, processor: Any) -> str:
        if not reads_words(self.card):
            return ""
        return prompt_for(self.card, clip, processor.tokenizer)


def load(card: TeacherCard, device: str, loading: Loading) -> Blip2Teacher:
    """Build a BLIP-2 teacher.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import Blip2ForConditionalGeneration

    model, processor = load_whole(Blip2ForConditionalGeneration, card, device, loading)
    pad_for_generation(model, processor.tokenizer)
    return Blip2Teacher(card, model, processor)
