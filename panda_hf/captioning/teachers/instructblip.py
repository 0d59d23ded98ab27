"""Teachers of the InstructBLIP family: the Q-Former reads the instruction too. One frame, or four of a video."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, load_whole, pick_frame, pick_frames, prompt_for
from panda_hf.captioning.teachers.generating import pad_for_generation
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.checkpoints import resolve
from panda_hf.models.loading import Loading

VIDEO_FRAMES = 4
"""The number that ``InstructBlipVideoProcessor`` makes places for."""
QFORMER_TOKENS = 512
"""Positions that its Q-Former knows; a longer instruction is cut for the Q-Former alone."""


@dataclasses.dataclass(frozen=True)
class InstructBlipTeacher(LocalTeacher):
    """`InstructBlipForConditionalGeneration`, or the class for videos, and its processor."""

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """One view and one instruction per clip."""
        prompts = [prompt_for(self.card, clip, processor.tokenizer) for clip in clips]
        images = [self._view(clip) for clip in clips]
        inputs = processor(images=images, text=prompts, padding=True, return_tensors="pt")
        asked = qformer_tokens(processor.qformer_tokenizer, prompts)
        inputs.update({"qformer_input_ids": asked["input_ids"], "qformer_attention_mask": asked["attention_mask"]})
        return inputs

    def _view(self, clip: ClipInput) -> np.ndarray:
        return pick_frames(clip, VIDEO_FRAMES) if shows_video(self.card) else pick_frame(clip, self.card.name)


def qformer_tokens(tokenizer: Any, prompts: list[str]) -> Any:
    """The instructions as the Q-Former reads them, padded on the right.

    The processor would pad them on the side of the language model; on the left that moves their positions, so that a
    caption would depend on the longest instruction of its batch.
    """
    return tokenizer(
        prompts, padding=True, padding_side="right", truncation=True, max_length=QFORMER_TOKENS, return_tensors="pt"
    )


def shows_video(card: TeacherCard) -> bool:
    """Whether the class for videos runs it."""
    return "video" in card.sees


def load(card: TeacherCard, device: str, loading: Loading) -> InstructBlipTeacher:
    """Build an InstructBLIP teacher; one that sees videos also of a checkpoint for images.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import (
        InstructBlipForConditionalGeneration,
        InstructBlipProcessor,
        InstructBlipVideoForConditionalGeneration,
        InstructBlipVideoProcessor,
    )

    if not shows_video(card):
        model, processor = load_whole(
            InstructBlipForConditionalGeneration, card, device, loading, InstructBlipProcessor
        )
    elif model_type_of(card) == "instructblip":
        model, images = load_whole(
            InstructBlipVideoForConditionalGeneration, card, device, loading, InstructBlipProcessor
        )
        model.config.video_token_index = model.config.image_token_index
        processor = for_videos(images)
    else:
        model, processor = load_whole(
            InstructBlipVideoForConditionalGeneration, card, device, loading, InstructBlipVideoProcessor
        )
    pad_for_generation(model, processor.tokenizer)
    return InstructBlipTeacher(card, model, processor)


def model_type_of(card: TeacherCard) -> str | None:
    """What the checkpoint says it is; ``None`` where it cannot be read, which loading it then says better."""
    from transformers import AutoConfig

    try:
        return str(AutoConfig.from_pretrained(resolve(card.checkpoint), revision=card.revision or "main").model_type)
    except (OSError, ValueError):
        return None


def for_videos(processor: Any) -> Any:
    """A processor for videos with the sizes and words of one for images, whose ``<image>`` stands for each token."""
    from tokenizers import AddedToken
    from transformers import InstructBlipVideoProcessor, InstructBlipVideoVideoProcessor

    images, tokenizer = processor.image_processor, processor.tokenizer
    frames = InstructBlipVideoVideoProcessor(
        size=dict(images.size), image_mean=images.image_mean, image_std=images.image_std, resample=images.resample
    )
    tokenizer.video_token = AddedToken(str(processor.image_token), normalized=False, special=True)
    return InstructBlipVideoProcessor(
        frames, tokenizer, processor.qformer_tokenizer, num_query_tokens=processor.num_query_tokens
    )
