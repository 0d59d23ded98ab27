"""What the miniature teachers learn from: training scenes, drawn once and kept on disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.teachers.image_text_to_text import chat_prompt
from panda_hf.mini import speech, wording, world
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.truth import canonical_caption
from panda_hf.training.captioner import CaptionSample

Kind = Literal[
    "image",
    "video",
    "text",
    "blip2_opt_6_7b",
    "video_llama_pretrain",
    "video_llama_finetune",
    "minigpt4",
    "videochat_text_action",
    "videochat_text",
]
"""The checkpoints, by the names of their folders."""
SHARD = 500
"""Scenes per file."""
FRAMES = 8
VIDEO_SIDE, IMAGE_SIDE = 72, 112
"""Pixels on a side of the small frames (all) and of the large ones (two from the middle of the clip)."""


def draw_scenes(folder: Path, count: int, *, workers: int = 1) -> None:
    """Draw the first ``count`` training scenes, rounded up to whole files; files that are there are kept."""
    draw_missing(folder, -(-count // SHARD), _large_file, _draw_shard, workers)


def draw_missing(
    folder: Path,
    files: int,
    file_of: Callable[[Path, int], Path],
    draw: Callable[[int, Path], None],
    workers: int = 1,
) -> None:
    """Draw the files that are not in ``folder`` yet, in so many processes.

    Args:
        folder: is made where it is not there.
        files: how many there are to be, numbered from 0.
        file_of: the file of a number.
        draw: writes the file of a number; a function of a module, for other processes.
        workers: processes at most.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(files) if not file_of(folder, n).exists()]
    if min(workers, len(missing)) <= 1:
        for n in missing:
            draw(n, folder)
        return
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
        list(pool.map(draw, missing, repeat(folder)))


def training_scene(index: int) -> tuple[world.Scene, np.random.Generator]:
    """Scene ``index`` of the teachers' training world and the generator that drew it."""
    rng = world.generator(index, "train", "teachers")
    return world.random_scene(rng, "train"), rng


def small_frames(folder: Path, index: int) -> NDArray[np.uint8]:
    """The small frames [8, 72, 72, 3] of drawn scene ``index``."""
    shard, row = divmod(index, SHARD)
    return np.array(loaded(_small_file(folder, shard))[row])


def large_frames(folder: Path, index: int) -> NDArray[np.uint8]:
    """The two large frames [2, 112, 112, 3] of drawn scene ``index``."""
    shard, row = divmod(index, SHARD)
    return np.array(loaded(_large_file(folder, shard))[row])


@dataclasses.dataclass(frozen=True)
class TeacherScenes(Dataset[CaptionSample]):
    """The drawn scenes as one teacher sees them, with the caption that this teacher could know."""

    folder: Path
    count: int
    kind: Kind
    processor: Any
    epochs: int = 1
    """Each scene comes this often, every time with other words around it and other noise."""

    def __len__(self) -> int:
        return self.count * self.epochs

    def __getitem__(self, index: int) -> CaptionSample:
        scene, _ = training_scene(index % self.count)
        rng = np.random.default_rng([index, 77])
        frames = noisy(self._frames(index % self.count, rng), rng)
        prompt, caption = self._words(scene, rng)
        return CaptionSample(list(frames), prompt, caption)

    def _frames(self, number: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        shard, row = divmod(number, SHARD)
        if self.kind == "video":
            return loaded(_small_file(self.folder, shard))[row]
        return loaded(_large_file(self.folder, shard))[row, rng.integers(2)][None]

    def _words(self, scene: world.Scene, rng: np.random.Generator) -> tuple[str, str]:
        """The prompt and what to answer."""
        if self.kind in ("image", "blip2_opt_6_7b"):
            return "", canonical_caption(scene, "image")
        tokenizer = self.processor.tokenizer
        if self.kind == "video":
            return chat_prompt(self.processor, build_prompt(tokenizer), FRAMES, False), canonical_caption(
                scene, "video"
            )
        title, description, subtitle = speech.scene_text(scene, rng)
        prompt = build_prompt(tokenizer, title=title, description=description, subtitle=subtitle)
        return prompt, told_caption(scene, subtitle)


def told_caption(scene: world.Scene, subtitle: str | None) -> str:
    """What one frame and the text can tell of a scene: the action only where the subtitle states it."""
    verb, direction = wording.action_parts(scene.action)
    phrase = wording.ACTION_WORDS[verb][0][0]
    phrase += f" {wording.DIRECTION_WORDS[direction][0]}" if direction else ""
    caption = canonical_caption(dataclasses.replace(scene, camera="static"), "text")
    return caption if phrase in (subtitle or "").lower() else caption.replace(f" {phrase}", "", 1)


def _draw_shard(number: int, folder: Path) -> None:
    small = np.empty((SHARD, FRAMES, VIDEO_SIDE, VIDEO_SIDE, 3), np.uint8)
    large = np.empty((SHARD, 2, IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8)
    for row in range(SHARD):
        scene, rng = training_scene(number * SHARD + row)
        small[row], large[row] = draw_clip(scene, rng)
    saved(_small_file(folder, number), small)
    saved(_large_file(folder, number), large)  # the last to appear: its presence says that both are there


def draw_clip(scene: world.Scene, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The small and the large frames of a clip as ``Split`` would cut it from the scene, a little off each end."""
    import cv2

    frames = render_scene_frames(scene, clip_times(scene, rng))
    middle = rng.choice([2, 3, 4, 5], 2, replace=False)
    small = [cv2.resize(f, (VIDEO_SIDE, VIDEO_SIDE), interpolation=cv2.INTER_AREA) for f in frames]
    large = [cv2.resize(frames[k], (IMAGE_SIDE, IMAGE_SIDE), interpolation=cv2.INTER_AREA) for k in middle]
    return np.stack(small).astype(np.uint8), np.stack(large).astype(np.uint8)


def clip_times(scene: world.Scene, rng: np.random.Generator) -> list[float]:
    """When the frames of a clip are taken, seconds from the start of the scene, as ``draw_clip`` does."""
    first, last = rng.uniform(0.0, 0.12), rng.uniform(0.88, 1.0)
    times = scene.duration * (first + (last - first) * (np.arange(FRAMES) + 0.5) / FRAMES)
    return [float(time) for time in times]


def noisy(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Other exposure and grain, as cameras and codecs differ; the same exposure in all frames."""
    noise = rng.normal(0, rng.uniform(0, 4), frames.shape)
    return (frames * rng.uniform(0.93, 1.07) + rng.uniform(-8, 8) + noise).clip(0, 255).astype(np.uint8)


def _small_file(folder: Path, number: int) -> Path:
    return folder / f"small_{number:04d}.npy"


def _large_file(folder: Path, number: int) -> Path:
    return folder / f"large_{number:04d}.npy"


def saved(path: Path, frames: NDArray[Any]) -> None:
    """Write an array; the file appears only when it is whole."""
    partial_path = path.with_suffix(f".{os.getpid()}.partial.npy")
    np.save(partial_path, frames)
    partial_path.replace(path)


def saved_text(path: Path, text: str) -> None:
    """Write a text; the file appears only when it is whole."""
    partial_path = path.with_name(f".{path.name}.{os.getpid()}")
    partial_path.write_text(text, encoding="utf-8")
    partial_path.replace(path)


@cache
def loaded(path: Path) -> NDArray[Any]:
    """The array of a file, read as it is asked for; the file is opened once."""
    return np.load(path, mmap_mode="r")
