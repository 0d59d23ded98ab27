"""What the miniature selector is pre-trained on: drawn clips, and true captions of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from torch.utils.data import Dataset

from panda_hf.mini.teacher_data import draw_clip, draw_scenes, small_frames, training_scene
from panda_hf.mini.truth import corrupt_scene, paraphrases, score_caption
from panda_hf.mini.world import (
    Action,
    Camera,
    Modality,
    Relation,
    Scene,
    combinations,
    generator,
    random_scene,
)
from panda_hf.models.umt import UMTModel, UMTProcessor
from panda_hf.training.selector import SelectorExample, video_tokens


class Clips:
    """Scenes with their frames, uint8 (8, 72, 72, 3) each, or with the tokens that a vision tower made of them.

    Args:
        scenes: the truth.
        frames: those of scene ``i``, by index.
    """

    def __init__(self, scenes: Sequence[Scene], frames: Callable[[int], np.ndarray]) -> None:
        self.scenes, self.frames = scenes, frames

    def __len__(self) -> int:
        return len(self.scenes)

    def either_way(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
        """A training clip and its scene, half the time as in a mirror."""
        frames, scene = self.frames(index), self.scenes[index]
        other = mirrored(scene) if rng.random() < 0.5 else None
        return (frames, scene) if other is None else (np.ascontiguousarray(frames[:, :, ::-1]), other)


def training_clips(folder: Path, count: int, workers: int = 1) -> Clips:
    """The scenes that the teachers learn from, drawn into ``folder`` where they are not there yet."""
    draw_scenes(folder, count, workers=workers)
    return Clips([training_scene(i)[0] for i in range(count)], functools.partial(small_frames, folder))


def validation_clips(count: int) -> Clips:
    """Scenes of the validation split, drawn into memory."""
    drawn = []
    for index in range(count):
        rng = generator(index, "validation", "selector")
        scene = random_scene(rng, "validation")
        drawn.append((scene, draw_clip(scene, rng)[0]))
    return Clips([scene for scene, _ in drawn], lambda index: drawn[index][1])


class TruePairs(Dataset[SelectorExample]):
    """Generic pairs: each clip with one true caption, the first, in other words at every visit.

    Beside it stand true captions of clips that look alike (same background, same colour of the subject) and are wrong
    here: in a batch drawn at random the background alone would tell all captions apart.

    Args:
        clips: what is shown.
        seed: of all captions.
        alike: how many captions of other clips at most.
    """

    def __init__(self, clips: Clips, seed: int, alike: int = 7) -> None:
        self.clips, self.seed, self.alike, self.visits = clips, seed, alike, 0
        self.groups: dict[tuple[str, str], list[int]] = {}
        for index, scene in enumerate(clips.scenes):
            self.groups.setdefault(_look(scene), []).append(index)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        self.visits += 1
        rng = np.random.default_rng([self.seed, index, self.visits])
        scene = self.clips.scenes[index]
        others = rng.permutation(self.groups[_look(scene)])[: self.alike + 1]
        said = [_told(self.clips.scenes[k], rng) for k in others if k != index][: self.alike]
        wrong = [caption for caption in said if score_caption(caption, scene).wrong]
        captions = (_told(scene, rng), *wrong)
        return SelectorExample(self.clips.frames(index), captions, (1.0, *[0.0] * len(wrong)))


def _look(scene: Scene) -> tuple[str, str]:
    return scene.background, scene.subject.colour


def _told(scene: Scene, rng: np.random.Generator) -> str:
    """A true caption of what moves, or of one frame alone."""
    senses: Modality = "video" if rng.random() < 0.75 else "image"
    return paraphrases(only_seen(scene), rng, 1, senses)[0]


class NearMisses(Dataset[SelectorExample]):
    """Each clip with one true caption of all that can be seen, the first, and near misses; the same at every visit."""

    def __init__(self, clips: Clips, misses: int = 3) -> None:
        self.clips, self.misses = clips, misses

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        rng = np.random.default_rng([7, index])
        scene = only_seen(self.clips.scenes[index])
        wrong = [corrupt_scene(scene, rng, 1 if rng.random() < 0.7 else 2)[0] for _ in range(self.misses)]
        captions = tuple(paraphrases(s, rng, 1)[0] for s in (scene, *wrong))
        return SelectorExample(self.clips.frames(index), captions, (1.0, *[0.0] * self.misses))


def only_seen(scene: Scene) -> Scene:
    """The scene without name and place, which no frame shows."""
    return dataclasses.replace(scene, name=None, place=None)


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


def shaken(frames: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Augmentation: the picture a few pixels off, lighter or darker, with sensor noise; the motion is kept."""
    rng = rng or np.random.default_rng()
    reach = max(1, frames.shape[1] // 24)
    down, right = (int(k) for k in rng.integers(0, 2 * reach + 1, 2))
    padded = np.pad(frames, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    moved = padded[:, down : down + frames.shape[1], right : right + frames.shape[2]]
    start = int(rng.integers(_NOISE.size - frames.size))
    noise = _NOISE[start : start + frames.size].reshape(frames.shape) * np.float32(rng.uniform(0, 5))
    return (moved * np.float32(rng.uniform(0.92, 1.08)) + noise).clip(0, 255).astype(np.uint8)


_NOISE = np.random.default_rng(0).normal(size=2_000_000).astype(np.float32)
