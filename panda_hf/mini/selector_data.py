"""What the miniature selector is pre-trained on: drawn clips with true captions of them."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch.utils.data import Dataset

from panda_hf.mini.selector_clips import Clips
from panda_hf.mini.truth import corrupt_scene, paraphrases, score_caption
from panda_hf.mini.world import Modality, Scene
from panda_hf.training.selector import SelectorExample


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
