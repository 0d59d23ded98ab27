"""What frozen eyes make of training scenes: encoded once and kept, so that what reads them learns in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from panda_hf.mini import teacher_data
from panda_hf.mini.teacher_data import FRAMES, IMAGE_SIDE, VIDEO_SIDE, clip_times, loaded, noisy, saved, training_scene

SHARD = 250
"""Scenes per file."""
FIRST_SCENE = 20_000
"""The scenes before it taught the eyes, which know them better than scenes of a film."""


def encode_videos(folder: Path, count: int, eyes: Path) -> None:
    """Draw scenes, eight frames each; keep what vision tower and Q-Former make of them at 112 pixels, and small ones.

    Args:
        folder: of the files; those that are there are kept.
        count: scenes from ``FIRST_SCENE`` on, rounded up to whole files.
        eyes: a BLIP-2 checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(-(-count // SHARD)) if not _video_file(folder, n).exists()]
    model, processor = _eyes(eyes) if missing else (None, None)
    for number in missing:
        drawn = [_drawn(FIRST_SCENE + index) for index in scenes_of(number)]
        saved(_small_file(folder, number), np.stack([small for small, _ in drawn]))
        tokens = [_video_tokens(model, processor, large) for _, large in drawn]
        saved(_video_file(folder, number), np.stack(tokens))  # the last to appear: it says that both are there


def encode_images(folder: Path, scenes: Path, count: int, eyes: Path) -> None:
    """Keep what the vision tower makes of a large frame of each drawn scene.

    Args:
        folder: of the files; those that are there are kept.
        scenes: where the drawn scenes lie.
        count: scenes, rounded up to whole files.
        eyes: a BLIP-2 checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(-(-count // SHARD)) if not _image_file(folder, n).exists()]
    model, processor = _eyes(eyes) if missing else (None, None)
    for number in missing:
        rngs = [np.random.default_rng([index, 79]) for index in scenes_of(number)]
        frames = [
            noisy(teacher_data.large_frames(scenes, index)[rng.integers(2)], rng)
            for index, rng in zip(scenes_of(number), rngs, strict=True)
        ]
        parts = [_patches(model, processor, frames[start : start + 50]) for start in range(0, SHARD, 50)]
        saved(_image_file(folder, number), np.concatenate(parts))


def scenes_of(number: int) -> range:
    """The scenes of a file."""
    return range(number * SHARD, (number + 1) * SHARD)


def video_tokens(folder: Path, index: int) -> NDArray[np.float16]:
    """Of scene ``FIRST_SCENE + index``: the tokens of each frame [8, queries, width]."""
    shard, row = divmod(index, SHARD)
    return np.array(loaded(_video_file(folder, shard))[row])


def image_patches(folder: Path, index: int) -> NDArray[np.float16]:
    """Of drawn scene ``index``: the patches of its frame [patches + 1, width]."""
    shard, row = divmod(index, SHARD)
    return np.array(loaded(_image_file(folder, shard))[row])


def fresh_frames(folder: Path, index: int) -> NDArray[np.uint8]:
    """Of scene ``FIRST_SCENE + index``: the small frames [8, 72, 72, 3]."""
    shard, row = divmod(index, SHARD)
    return np.array(loaded(_small_file(folder, shard))[row])


def _drawn(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The small and the large frames of a scene."""
    import cv2

    from panda_hf.mini.render import render_scene_frames

    scene, rng = training_scene(index)
    frames = render_scene_frames(scene, clip_times(scene, rng))
    sides = (VIDEO_SIDE, IMAGE_SIDE)
    small, large = ([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in frames] for side in sides)
    return noisy(np.stack(small).astype(np.uint8), rng), noisy(np.stack(large).astype(np.uint8), rng)


@torch.inference_mode()
def _video_tokens(model: Any, processor: Any, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
    assert len(frames) == FRAMES
    seen = model.vision_model(pixel_values=_pixels(processor, list(frames))).last_hidden_state
    queries = model.query_tokens.expand(len(frames), -1, -1)
    tokens = model.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state
    return tokens.half().numpy()


@torch.inference_mode()
def _patches(model: Any, processor: Any, frames: list[NDArray[np.uint8]]) -> NDArray[np.float16]:
    return model.vision_model(pixel_values=_pixels(processor, frames)).last_hidden_state.half().numpy()


def _pixels(processor: Any, frames: list[NDArray[np.uint8]]) -> torch.Tensor:
    return processor.image_processor(frames, return_tensors="pt")["pixel_values"]


def _eyes(checkpoint: Path) -> tuple[Any, Any]:
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    model = Blip2ForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    return model.eval(), Blip2Processor.from_pretrained(checkpoint)


def _video_file(folder: Path, number: int) -> Path:
    return folder / f"video_tokens_{number:04d}.npy"


def _small_file(folder: Path, number: int) -> Path:
    return folder / f"fresh_{number:04d}.npy"


def _image_file(folder: Path, number: int) -> Path:
    return folder / f"image_patches_{number:04d}.npy"
