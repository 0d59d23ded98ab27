"""What the parts of the pipeline teacher learn from; the writer: notes that the other parts made of unseen scenes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import BatchFeature
from transformers.modeling_outputs import BaseModelOutputWithPooling

from panda_hf.captioning.registry import TeacherCard
from panda_hf.captioning.teachers import videochat_text as pipeline
from panda_hf.captioning.teachers.base import ClipInput
from panda_hf.mini import speech, teacher_data, teacher_features, world
from panda_hf.mini.teacher_data import FRAMES, training_scene
from panda_hf.mini.teacher_parts import motion_label
from panda_hf.mini.truth import canonical_caption
from panda_hf.training.captioner import CaptionSample


@dataclasses.dataclass(frozen=True)
class MotionScenes(Dataset[dict[str, Any]]):
    """Drawn scenes and the label of what moves in them."""

    folder: Path
    count: int
    epochs: int = 1

    def __len__(self) -> int:
        return self.count * self.epochs

    def __getitem__(self, index: int) -> dict[str, Any]:
        scene, _ = training_scene(index % self.count)
        rng = np.random.default_rng([index, 97])
        frames = teacher_data.small_frames(self.folder, index % self.count).astype(np.float32)
        return {"frames": frames * rng.uniform(0.93, 1.07) + rng.uniform(-8, 8), "label": motion_label(scene)}


@dataclasses.dataclass(frozen=True)
class MotionCollator:
    """Batches of ``MotionScenes``, whose frames have the size that the model takes."""

    processor: Any

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """``pixel_values`` and ``labels``."""
        frames = torch.from_numpy(np.stack([row["frames"] for row in rows])).float().permute(0, 1, 4, 2, 3)
        mean, std = (torch.tensor(values)[:, None, None] for values in self._scale())
        return {"pixel_values": (frames / 255 - mean) / std, "labels": torch.tensor([row["label"] for row in rows])}

    def _scale(self) -> tuple[list[float], list[float]]:
        return self.processor.image_mean, self.processor.image_std


@dataclasses.dataclass(frozen=True)
class NoteScenes(Dataset[CaptionSample]):
    """Notes on scenes with the words around them, and what the writer can make of both."""

    folder: Path
    count: int
    tokenizer: Any
    card: TeacherCard
    epochs: int = 1

    def __len__(self) -> int:
        return self.count * self.epochs

    def __getitem__(self, index: int) -> CaptionSample:
        number = index % self.count
        rng = np.random.default_rng([index, 101])
        scene, _ = training_scene(teacher_features.FIRST_SCENE + number)
        notes = _notes(self.folder, number)
        frames = np.sort(rng.choice(FRAMES, self.card.num_frames or FRAMES, replace=False))
        seen = pipeline.Seen(tuple(notes["captions"][k] for k in frames), (), (), notes["action"])
        title, description, subtitle = speech.scene_text(scene, rng)
        clip = ClipInput("", np.zeros((FRAMES, 1, 1, 3), np.uint8), (), title, description, subtitle)
        teacher = pipeline.VideoChatTextTeacher(self.card, None, pipeline.Processors(self.tokenizer))
        return CaptionSample([], pipeline.in_template(self.tokenizer, teacher.prompt(clip, seen)), _told(scene, seen))


class NoteProcessor:
    """The tokenizer as a processor of clips: the writer sees no frames."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text: list[str], **kwargs: Any) -> BatchFeature:
        """The prompts as tokens."""
        return BatchFeature(self.tokenizer(text, padding=True, add_special_tokens=False, return_tensors="pt"))


@contextlib.contextmanager
def without_frames(model: Any, tokenizer: Any) -> Iterator[NoteProcessor]:
    """Let the writer's lessons pass where frames are expected."""
    yield NoteProcessor(tokenizer)


def write_notes(folder: Path, count: int, frames: Path, action: Path) -> None:
    """Let the parts look at the scenes of ``encode_videos`` and keep what they note; files that are there are kept.

    Args:
        folder: of the encoded scenes, and of the notes.
        count: scenes, rounded up to whole files.
        frames: the captioner, the same BLIP-2 whose eyes encoded the scenes.
        action: the classifier.
    """
    missing = [n for n in range(-(-count // teacher_features.SHARD)) if not _note_file(folder, n).exists()]
    if not missing:
        return
    from transformers import (
        AutoImageProcessor,
        AutoModelForVideoClassification,
        AutoProcessor,
        Blip2ForConditionalGeneration,
    )

    seeing = Blip2ForConditionalGeneration.from_pretrained(frames, dtype=torch.float32).eval()
    moving = AutoModelForVideoClassification.from_pretrained(action, dtype=torch.float32).eval()
    eyes, processor = (seeing, AutoProcessor.from_pretrained(frames)), AutoImageProcessor.from_pretrained(action)
    for number in missing:
        scenes = teacher_features.scenes_of(number)
        captions = captions_of_tokens(*eyes, np.stack([teacher_features.video_tokens(folder, i) for i in scenes]))
        shown = (processor(list(teacher_features.fresh_frames(folder, i)), return_tensors="pt") for i in scenes)
        actions = [action for frames in shown for action in pipeline.likely_actions(moving, frames)]
        rows = [{"captions": c, "action": a} for c, a in zip(captions, actions, strict=True)]
        path = _note_file(folder, number)
        path.with_suffix(".partial").write_text(json.dumps(rows), encoding="utf-8")
        path.with_suffix(".partial").replace(path)


def captions_of_tokens(model: Any, processor: Any, tokens: np.ndarray) -> list[list[str]]:
    """What a BLIP-2 says of frames whose tokens its Q-Former has made already.

    Args:
        model: the BLIP-2.
        processor: its processor.
        tokens: (scenes, frames, queries, width).

    Returns:
        For each scene one caption per frame.
    """
    texts: list[str] = []
    with _tokens_as_frames(model), torch.inference_mode():
        for part in np.split(tokens, range(25, len(tokens), 25)):
            pixels = torch.from_numpy(part.astype(np.float32)).flatten(0, 1)
            ids = model.generate(
                pixel_values=pixels, num_beams=pipeline.SIGHT.num_beams, max_new_tokens=pipeline.SIGHT.max_new_tokens
            )
            texts += [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]
    frames = tokens.shape[1]
    return [texts[start : start + frames] for start in range(0, len(texts), frames)]


@contextlib.contextmanager
def _tokens_as_frames(model: Any) -> Iterator[None]:
    model.vision_model.forward = lambda pixel_values, **kwargs: BaseModelOutputWithPooling(pixel_values)
    model.qformer.forward = lambda encoder_hidden_states, **kwargs: BaseModelOutputWithPooling(encoder_hidden_states)
    try:
        yield
    finally:
        del model.vision_model.forward, model.qformer.forward


def _told(scene: world.Scene, seen: pipeline.Seen) -> str:
    """What can be told: no action and no camera where the notes name none."""
    caption = canonical_caption(scene, "text")
    if seen.action:
        return caption
    return canonical_caption(dataclasses.replace(scene, camera="static"), "text")


def _note_file(folder: Path, number: int) -> Path:
    return folder / f"notes_{number:04d}.json"


def _notes(folder: Path, index: int) -> dict[str, Any]:
    shard, row = divmod(index, teacher_features.SHARD)
    return _read(_note_file(folder, shard))[row]


@functools.cache
def _read(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8")))
