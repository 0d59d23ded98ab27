"""Teachers of the BLIP-2 family: one frame, a Q-Former, a language model with or without an encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.teachers.base import ClipInput, TeacherCard, load_whole, pick_frame

_LAVIS = "LAVIS generate defaults: beams 5, max_length 30, no sampling; empty prompt where the teacher reads no text"

CARDS = (
    TeacherCard("mini_image", "blip2", "mini/image", ("image",), max_new_tokens=30, num_beams=5, source=_LAVIS),
    TeacherCard("mini_text", "blip2", "mini/text", ("image", "text"), max_new_tokens=30, num_beams=5, source=_LAVIS),
)


@dataclasses.dataclass(frozen=True)
class Blip2Teacher:
    """`Blip2ForConditionalGeneration` and its processor; it reads the text around a clip if its card says so."""

    card: TeacherCard
    model: Any
    processor: Any

    def caption(self, clips: Sequence[ClipInput], *, max_new_tokens: int, num_beams: int) -> list[str]:
        """Caption one frame per clip by beam search; see :class:`~panda_hf.captioning.teachers.base.Teacher`."""
        import torch

        inputs = self.processor(
            images=[pick_frame(clip, self.card.name) for clip in clips],
            text=[self._prompt(clip) for clip in clips],
            padding=True,
            return_tensors="pt",
        ).to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            ids = self.model.generate(**inputs, max_new_tokens=max_new_tokens, num_beams=num_beams, do_sample=False)
        if not self.model.language_model.config.is_encoder_decoder:
            ids = ids[:, inputs["input_ids"].shape[1] :]
        return list(self.processor.batch_decode(ids, skip_special_tokens=True))

    def _prompt(self, clip: ClipInput) -> str:
        if "text" not in self.card.sees:
            return ""
        return build_prompt(
            self.processor.tokenizer, title=clip.title, description=clip.description, subtitle=clip.subtitle
        )


def load(card: TeacherCard, device: str) -> Blip2Teacher:
    """Build a BLIP-2 teacher.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import Blip2ForConditionalGeneration

    model, processor = load_whole(Blip2ForConditionalGeneration, card, device)
    processor.tokenizer.padding_side = "left"  # generation continues at the right end of every row
    return Blip2Teacher(card, model, processor)
