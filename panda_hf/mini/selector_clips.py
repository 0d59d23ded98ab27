"""The drawn clips that the miniature's selector learns to see from, larger than those of its video teachers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from panda_hf.mini.places import Places, places
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.selector_model import IMAGE_SIZE
from panda_hf.mini.teacher_data import SHARD, clip_times, draw_missing, loaded, saved, training_scene
from panda_hf.mini.world import Action, Camera, Relation, Scene, combinations, generator, random_scene
from panda_hf.models.umt import UMTModel, UMTProcessor
from panda_hf.training.selector import video_tokens


@dataclasses.dataclass(frozen=True)
class Clips:
    """Scenes with their frames, or with the tokens that a vision tower made of them.

    Args:
        scenes: the truth.
        frames: those of scene ``i``, uint8 (8, size, size, 3), by index.
        times: of the frames of each, seconds from the start of the scene; empty: nobody asks for places.
    """

    scenes: Sequence[Scene]
    frames: Callable[[int], np.ndarray]
    times: Sequence[Sequence[float]] = ()

    def __len__(self) -> int:
        return len(self.scenes)

    def places(self, index: int) -> Places:
        """What stands where in a clip's frames."""
        return places(self.scenes[index], self.times[index])

    def either_way(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
        """A training clip and its scene, half the time as in a mirror."""
        frames, scene = self.frames(index), self.scenes[index]
        other = mirrored(scene) if rng.random() < 0.5 else None
        return (frames, scene) if other is None else (np.ascontiguousarray(frames[:, :, ::-1]), other)


def training_clips(folder: Path, count: int, workers: int = 1) -> Clips:
    """The first scenes that the teachers learn from, drawn into ``folder``, rounded up to whole files."""
    draw_missing(folder, -(-count // SHARD), _file, _draw_shard, workers)
    scenes, times = zip(*(_known(*training_scene(i)) for i in range(count)), strict=True)
    return Clips(scenes, lambda index: loaded(_file(folder, index // SHARD))[index % SHARD], times)


def validation_clips(count: int) -> Clips:
    """Scenes of the validation split, drawn into memory."""
    scenes, times = zip(*(_known(*_validation_scene(i)) for i in range(count)), strict=True)
    drawn = [_drawn(scene, when) for scene, when in zip(scenes, times, strict=True)]
    return Clips(scenes, drawn.__getitem__, times)


def _validation_scene(index: int) -> tuple[Scene, np.random.Generator]:
    rng = generator(index, "validation", "selector")
    return random_scene(rng, "validation"), rng


def _known(scene: Scene, rng: np.random.Generator) -> tuple[Scene, list[float]]:
    return scene, clip_times(scene, rng)


def _drawn(scene: Scene, times: Sequence[float]) -> np.ndarray:
    import cv2

    frames = render_scene_frames(scene, list(times))
    size = (IMAGE_SIZE, IMAGE_SIZE)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]).astype(np.uint8)


def _draw_shard(number: int, folder: Path) -> None:
    numbers = range(number * SHARD, (number + 1) * SHARD)
    saved(_file(folder, number), np.stack([_drawn(*_known(*training_scene(i))) for i in numbers]))


def _file(folder: Path, number: int) -> Path:
    return folder / f"clips{IMAGE_SIZE}_{number:04d}.npy"


def encoded(clips: Clips, model: UMTModel, processor: UMTProcessor) -> Clips:
    """The clips with tokens of the vision tower in place of frames."""
    tokens: list[np.ndarray] = []
    for start in range(0, len(clips), 256):  # never all frames in memory
        frames = [clips.frames(i) for i in range(start, min(len(clips), start + 256))]
        tokens += video_tokens(model, processor, frames)
    return Clips(clips.scenes, tokens.__getitem__)


def mirrored(scene: Scene) -> Scene | None:
    """The scene as a mirror shows it; ``None`` where that belongs to another split than training."""
    swap = {"left": "right", "right": "left"}

    def turned(value: str) -> str:
        return " ".join(swap.get(word, word) for word in value.split())

    action = cast(Action, turned(scene.action))
    if (scene.subject.shape, scene.subject.colour) not in combinations("train")[action]:
        return None
    relation = cast(Relation, turned(scene.relation)) if scene.relation else None
    return dataclasses.replace(scene, action=action, relation=relation, camera=cast(Camera, turned(scene.camera)))


@dataclasses.dataclass(frozen=True)
class Shake:
    """Augmentation of a clip: the picture a little off, lighter or darker, with sensor noise; the motion is kept."""

    down: int
    right: int
    light: float
    noise: float
    grain: int
    """Where in the prepared noise."""

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """The frames, uint8 (n, size, size, 3), so changed."""
        reach = max(abs(self.down), abs(self.right))
        padded = np.pad(frames, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
        top, left = reach - self.down, reach - self.right
        moved = padded[:, top : top + frames.shape[1], left : left + frames.shape[2]]
        noise = _NOISE[self.grain : self.grain + frames.size].reshape(frames.shape) * np.float32(self.noise)
        return (moved * np.float32(self.light) + noise).clip(0, 255).astype(np.uint8)

    @classmethod
    def drawn(cls, rng: np.random.Generator, shape: Sequence[int], reach: int) -> Shake:
        """At random, at most ``reach`` pixels off, for frames of this shape."""
        down, right = (int(k) for k in rng.integers(-reach, reach + 1, 2))
        grain = int(rng.integers(_NOISE.size - int(np.prod(shape))))
        return cls(down, right, float(rng.uniform(0.92, 1.08)), float(rng.uniform(0, 5)), grain)


def shaken(frames: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """The frames under a light :class:`Shake`."""
    reach = max(1, frames.shape[1] // 24)
    return Shake.drawn(rng or np.random.default_rng(), frames.shape, reach)(frames)


def shaken_with(frames: np.ndarray, known: Places, rng: np.random.Generator, reach: int) -> tuple[np.ndarray, Places]:
    """The frames under a :class:`Shake` of at most ``reach`` pixels, and what stands where in them then."""
    size, shake = frames.shape[1], Shake.drawn(rng, frames.shape, reach)
    return shake(frames), known.moved(shake.right / size, shake.down / size)


_NOISE = np.random.default_rng(0).normal(size=2_000_000).astype(np.float32)
