"""Any vision-language model of `AutoModelForImageTextToText` as a teacher, asked through its own chat template."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.teachers.base import ClipInput, TeacherCard, load_whole, pick_frame

CARDS = (
    TeacherCard(
        "mini_video",
        "image_text_to_text",
        "mini/video",
        ("video",),
        max_new_tokens=40,
        num_beams=3,
        source="beams 3 as the official student's inference, without its sampling",
    ),
)


@dataclasses.dataclass(frozen=True)
class ImageTextToTextTeacher:
    """A model of the auto class and its processor.

    A processor that knows videos is given the frames as one video, any other as a series of images; a card that sees
    only an image gives one frame.
    """

    card: TeacherCard
    model: Any
    processor: Any

    def caption(self, clips: Sequence[ClipInput], *, max_new_tokens: int, num_beams: int) -> list[str]:
        """Caption each clip; see :class:`~panda_hf.captioning.teachers.base.Teacher`."""
        import torch

        inputs = self._inputs(clips).to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            ids = self.model.generate(**inputs, max_new_tokens=max_new_tokens, num_beams=num_beams, do_sample=False)
        if not self.model.config.is_encoder_decoder:
            ids = ids[:, inputs["input_ids"].shape[1] :]
        return list(self.processor.batch_decode(ids, skip_special_tokens=True))

    def _inputs(self, clips: Sequence[ClipInput]) -> Any:
        views = [self._view(clip) for clip in clips]
        as_video = "video" in self.card.sees and knows_videos(self.processor)
        prompts = [
            chat_prompt(self.processor, self._words(clip), 1 if as_video else len(view), as_video)
            for clip, view in zip(clips, views, strict=True)
        ]
        pixels = {"videos": views} if as_video else {"images": [list(view) for view in views]}
        return self.processor(text=prompts, padding=True, return_tensors="pt", **pixels)

    def _view(self, clip: ClipInput) -> Any:
        return clip.frames if "video" in self.card.sees else pick_frame(clip, self.card.name)[None]

    def _words(self, clip: ClipInput) -> str:
        if "text" not in self.card.sees:
            return build_prompt(self.processor.tokenizer)
        return build_prompt(
            self.processor.tokenizer, title=clip.title, description=clip.description, subtitle=clip.subtitle
        )


def knows_videos(processor: Any) -> bool:
    """Whether frames can be given as one video."""
    return getattr(processor, "video_processor", None) is not None


def chat_prompt(processor: Any, words: str, count: int, as_video: bool) -> str:
    """One user turn by the processor's chat template: ``count`` images or videos, then ``words``."""
    pictures: list[dict[str, str]] = [{"type": "video" if as_video else "image"}] * count
    turn = {"role": "user", "content": [*pictures, {"type": "text", "text": words}]}
    return str(processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False))


def load(card: TeacherCard, device: str) -> ImageTextToTextTeacher:
    """Build a teacher of any class that the auto class knows.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import AutoModelForImageTextToText

    model, processor = load_whole(AutoModelForImageTextToText, card, device)
    processor.tokenizer.padding_side = "left"  # generation continues at the right end of every row
    return ImageTextToTextTeacher(card, model, processor)
