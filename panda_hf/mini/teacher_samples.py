"""What the teachers with frozen eyes learn from: features in place of frames, and the words around a scene."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import BatchFeature
from transformers.modeling_outputs import BaseModelOutputWithPooling

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.registry import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput
from panda_hf.captioning.teachers.instructblip import qformer_tokens
from panda_hf.captioning.teachers.video_llama import VideoLlamaTeacher
from panda_hf.mini import speech, teacher_features, world
from panda_hf.mini.teacher_data import clip_times, noisy, small_frames, told_caption, training_scene
from panda_hf.mini.truth import canonical_caption
from panda_hf.models.video_llama import VideoLlamaProcessor
from panda_hf.training.captioner import CaptionSample

FEATURE_NOISE = 0.05
"""Of the deviation of the features: grain that differs each time a scene comes."""


@dataclasses.dataclass(frozen=True)
class ConversationScenes(Dataset[CaptionSample]):
    """Drawn scenes in the conversation of a Video-LLaMA, with what frames and speech can tell."""

    folder: Path
    count: int
    processor: VideoLlamaProcessor
    card: TeacherCard
    epochs: int = 1

    def __len__(self) -> int:
        return self.count * self.epochs

    def __getitem__(self, index: int) -> CaptionSample:
        number = index % self.count
        rng = np.random.default_rng([index, 83])
        frames = noisy(small_frames(self.folder, number), rng)
        scene, drawn_by = training_scene(number)
        times = tuple(clip_times(scene, drawn_by))
        subtitle = speech.scene_text(scene, rng).subtitle if "subtitle" in self.card.sees else None
        clip = ClipInput("", frames, times, subtitle=subtitle)
        prompt = VideoLlamaTeacher(self.card, None, self.processor).prompt(clip, len(frames), self.processor)
        return CaptionSample(list(frames), prompt, heard_caption(scene, subtitle), as_video=True)


@dataclasses.dataclass(frozen=True)
class ImagePatchScenes(Dataset[CaptionSample]):
    """Encoded frames with title, description and subtitle, and what these can tell."""

    folder: Path
    count: int
    processor: Any
    epochs: int = 1

    def __len__(self) -> int:
        return self.count * self.epochs

    def __getitem__(self, index: int) -> CaptionSample:
        number = index % self.count
        rng = np.random.default_rng([index, 89])
        scene, _ = training_scene(number)
        patches = _grainy(teacher_features.image_patches(self.folder, number), rng)
        title, description, subtitle = speech.scene_text(scene, rng)
        prompt = build_prompt(self.processor.tokenizer, title=title, description=description, subtitle=subtitle)
        return CaptionSample([patches], prompt, told_caption(scene, subtitle))


def heard_caption(scene: world.Scene, subtitle: str | None) -> str:
    """What the frames and the subtitle can tell: name and place only where they are spoken."""
    spoken = (subtitle or "").lower()
    name = scene.name if scene.name and scene.name in spoken else None
    place = scene.place if scene.place and scene.place in spoken else None
    return canonical_caption(dataclasses.replace(scene, name=name, place=place), "text")


@contextlib.contextmanager
def patches_as_frames(model: Any, processor: Any) -> Iterator[Any]:
    """Let an InstructBLIP take the patches of a frame for the frame; the processor that does so too."""
    model.vision_model.forward = lambda pixel_values, **kwargs: BaseModelOutputWithPooling(pixel_values)
    try:
        yield _PatchProcessor(processor)
    finally:
        del model.vision_model.forward


class _PatchProcessor:
    """An InstructBLIP processor's inputs, with patches in place of pixels."""

    def __init__(self, processor: Any) -> None:
        self.processor, self.tokenizer = processor, processor.tokenizer

    def __call__(self, images: Sequence[np.ndarray], text: list[str], **kwargs: Any) -> BatchFeature:
        places = self.processor.image_token.content * self.processor.num_query_tokens
        start = self.tokenizer.bos_token  # the processor, too, puts the places before it
        words = self.tokenizer(
            [places + start + one for one in text], padding=True, add_special_tokens=False, return_tensors="pt"
        )
        asked = qformer_tokens(self.processor.qformer_tokenizer, text)
        return BatchFeature(
            {
                **words,
                "pixel_values": torch.from_numpy(np.stack(images)),
                "qformer_input_ids": asked["input_ids"],
                "qformer_attention_mask": asked["attention_mask"],
            }
        )


def _grainy(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    whole = features.astype(np.float32)
    return whole + rng.normal(0, FEATURE_NOISE * whole.std(), whole.shape).astype(np.float32)
