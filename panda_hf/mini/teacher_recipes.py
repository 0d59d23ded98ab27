"""How each checkpoint of the miniature's teachers is made, as data: its model, its lessons, how long."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from panda_hf.captioning.registry import card_of
from panda_hf.mini import speech, teacher_models, teacher_notes, teacher_parts
from panda_hf.mini.teacher_data import Kind, TeacherScenes, small_frames
from panda_hf.mini.teacher_features import encode_images, encode_videos
from panda_hf.mini.teacher_models import Pair
from panda_hf.mini.teacher_models_frozen import continued_video_llama, instructblip_teacher, video_llama_teacher
from panda_hf.mini.teacher_samples import ConversationScenes, ImagePatchScenes, patches_as_frames

Collator = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where lessons and finished checkpoints lie, and how many lessons there are."""

    work: Path
    out: Path
    scenes: int
    """Scenes drawn for the teachers that learn to see."""
    fresh: int
    """Further scenes, on which the parts of the pipeline take notes for its writer."""

    @property
    def encoded(self) -> int:
        """Of the drawn scenes, those of which one frame is kept as the vision tower sees it (0.2 GB)."""
        return max(1, self.scenes // 2)

    @property
    def drawn(self) -> Path:
        """The folder of the drawn scenes."""
        return self.work / "scenes"

    @property
    def features(self) -> Path:
        """The folder of what frozen eyes made of scenes."""
        return self.work / "features"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one checkpoint is made."""

    kind: Kind
    build: Callable[[Place], Pair]
    """The untrained model and its processor."""
    samples: Callable[[Place, Any, int], Dataset[Any]]
    """The lessons, for a processor, so that there are at least as many as asked for."""
    steps: int
    starts_from: tuple[Kind, ...] = ()
    """Checkpoints that must be finished before."""
    prepare: Callable[[Place], None] | None = None
    """What is made once before the lessons: drawn scenes apart, such as features of frozen eyes."""
    eats: Callable[[Any, Any], contextlib.AbstractContextManager[Any]] | None = None
    """While training, what lets the model take features for frames; gives the processor that does so too."""
    collator: Callable[[Any], Collator] | None = None
    """``None`` for captions."""
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 7


def epochs_for(samples: int, scenes: int) -> int:
    """How often each scene must come so that there are enough samples."""
    return samples // scenes + 1


def _seen_scenes(kind: Kind, place: Place, processor: Any, samples: int) -> TeacherScenes:
    return TeacherScenes(place.drawn, place.scenes, kind, processor, epochs_for(samples, place.scenes))


def _video_llama(name: str, place: Place, processor: Any, samples: int) -> ConversationScenes:
    epochs = epochs_for(samples, place.scenes)
    return ConversationScenes(place.drawn, place.scenes, processor, card_of(name), epochs)


def _image_patches(place: Place, processor: Any, samples: int) -> ImagePatchScenes:
    return ImagePatchScenes(place.features, place.encoded, processor, epochs_for(samples, place.encoded))


def _motions(place: Place, processor: Any, samples: int) -> teacher_notes.MotionScenes:
    return teacher_notes.MotionScenes(place.drawn, place.scenes, epochs_for(samples, place.scenes))


def _notes(place: Place, processor: Any, samples: int) -> teacher_notes.NoteScenes:
    card = card_of("mini_videochat_text")
    return teacher_notes.NoteScenes(place.features, place.fresh, processor, card, epochs_for(samples, place.fresh))


def _encode_videos(place: Place) -> None:
    encode_videos(place.features, place.fresh, place.out / "image")


def _encode_images(place: Place) -> None:
    encode_images(place.features, place.drawn, place.encoded, place.out / "image")


def _write_notes(place: Place) -> None:
    _encode_videos(place)
    teacher_notes.write_notes(place.features, place.fresh, place.out / "image", place.out / "videochat_text_action")


def _text_teacher(place: Place) -> Pair:
    model, processor = teacher_models.text_teacher(speech.TEXT_VOCABULARY)
    teacher_models.take_eyes(model, place.out / "image")
    return model, processor


def _larger_image_teacher(place: Place) -> Pair:
    model, processor = teacher_models.image_teacher(layers=3)
    teacher_models.grow(model, place.out / "image")
    return model, processor


def _video_llama_teacher(place: Place) -> Pair:
    frames = [small_frames(place.drawn, i) for i in range(min(100, place.scenes))]
    return video_llama_teacher(place.out / "video", np.stack(frames))


RECIPES: tuple[Recipe, ...] = (
    Recipe("image", lambda place: teacher_models.image_teacher(), partial(_seen_scenes, "image"), steps=4800),
    Recipe("video", lambda place: teacher_models.video_teacher(), partial(_seen_scenes, "video"), steps=4100),
    Recipe("text", _text_teacher, partial(_seen_scenes, "text"), steps=4200, starts_from=("image",)),
    Recipe(
        "blip2_opt_6_7b",
        _larger_image_teacher,
        partial(_seen_scenes, "blip2_opt_6_7b"),
        steps=1000,
        starts_from=("image",),
        seed=8,
    ),
    Recipe(
        "video_llama_pretrain",
        _video_llama_teacher,
        partial(_video_llama, "mini_video_llama_pretrain"),
        steps=1600,
        starts_from=("video",),
    ),
    Recipe(
        "video_llama_finetune",
        lambda place: continued_video_llama(place.out / "video_llama_pretrain"),
        partial(_video_llama, "mini_video_llama_finetune"),
        steps=1600,
        starts_from=("video_llama_pretrain",),
        seed=9,
    ),
    Recipe(
        "minigpt4",
        lambda place: instructblip_teacher(place.out / "image", place.out / "video"),
        _image_patches,
        steps=2000,
        starts_from=("image", "video"),
        prepare=_encode_images,
        eats=patches_as_frames,
    ),
    Recipe(
        "videochat_text_action",
        lambda place: teacher_parts.action_part(place.out / "video"),
        _motions,
        steps=1800,
        starts_from=("video",),
        collator=teacher_notes.MotionCollator,
    ),
    Recipe(
        "videochat_text",
        lambda place: teacher_parts.writer_part(place.out / "video"),
        _notes,
        steps=700,
        starts_from=("image", "video", "videochat_text_action"),
        prepare=_write_notes,
        eats=teacher_notes.without_frames,
    ),
)
"""In the order of making."""
