"""Teachers of the GIT family: a small model that goes on from the pixels of one frame or of several, unasked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, load_whole, pick_frame, pick_frames
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading


@dataclasses.dataclass(frozen=True)
class GitTeacher(LocalTeacher):
    """`GitForCausalLM` and its processor; the checkpoint says how many frames it takes."""

    def length(self, clip: ClipInput) -> int:
        """There is no prompt."""
        return 0

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """Frames (clips, frames, 3, height, width), or (clips, 3, height, width), and the token that starts a text."""
        import torch

        count = self.model.config.num_image_with_embedding
        if count is None:
            inputs = processor(images=[pick_frame(clip, self.card.name) for clip in clips], return_tensors="pt")
        else:
            frames = [frame for clip in clips for frame in pick_frames(clip, count)]
            inputs = processor(images=frames, return_tensors="pt")
            inputs["pixel_values"] = inputs["pixel_values"].unflatten(0, (len(clips), count))
        inputs["input_ids"] = torch.full((len(clips), 1), processor.tokenizer.cls_token_id)
        return inputs


def load(card: TeacherCard, device: str, loading: Loading) -> GitTeacher:
    """Build a GIT teacher.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import GitForCausalLM

    return GitTeacher(card, *load_whole(GitForCausalLM, card, device, loading))
