"""What the miniature selector learns from: drawn clips with true captions, then clips with what people picked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from torch.utils.data import Dataset

from panda_hf.mini.selector_clips import Clips
from panda_hf.mini.truth import corrupt_scene, paraphrases
from panda_hf.mini.world import Modality, Scene
from panda_hf.selection.answers import AnsweredClip
from panda_hf.training.selector import SelectorExample


class TruePairs(Dataset[SelectorExample]):
    """Generic pairs: each clip with one true caption, in other words at every visit.

    Args:
        clips: what is shown.
        seed: of all captions.
    """

    def __init__(self, clips: Clips, seed: int) -> None:
        self.clips, self.seed, self.visits = clips, seed, 0

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        self.visits += 1
        rng = np.random.default_rng([self.seed, index, self.visits])
        return SelectorExample(self.clips.frames(index), (_told(self.clips.scenes[index], rng),), (1.0,))


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


class Picked(Dataset[SelectorExample]):
    """Answered clips to learn from.

    Args:
        clips: with at least one answer that is a caption.
        tokens: of the vision tower, by clip id.
        seed: of which pick is shown.
        alone: show one picked caption, drawn anew at each visit, without the rejected ones.
    """

    def __init__(
        self, clips: Sequence[AnsweredClip], tokens: Mapping[str, np.ndarray], seed: int, *, alone: bool
    ) -> None:
        self.clips, self.tokens, self.alone = clips, tokens, alone
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        clip = self.clips[index]
        seen, targets = self.tokens[clip.clip_id], clip.targets()
        assert targets is not None
        if not self.alone:
            return SelectorExample(seen, clip.captions, targets)
        return SelectorExample(seen, (clip.captions[int(self.rng.choice(len(targets), p=targets))],), (1.0,))
