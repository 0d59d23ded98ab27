"""Teach the selector's vision tower to see, before it learns to compare: read each fact of a scene off the frames.

The paper starts from a tower that was pre-trained on millions of videos. This is the miniature's stand-in: one linear
head per kind of fact on the mean of the frame vectors, and heads on single patches as in the lessons before, all
thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, TrainingArguments

from panda_hf.mini import world
from panda_hf.mini.lessons import lesson
from panda_hf.mini.places import Places
from panda_hf.mini.selector_clips import Clips, shaken_with
from panda_hf.mini.selector_patches import PatchReader, stacked
from panda_hf.mini.wording import ACTION_WORDS, action_parts
from panda_hf.mini.world import Scene
from panda_hf.models.umt import UMTModel, UMTProcessor

UNKNOWN = -100
PATCHES = 0.5
"""Weight of the patches' losses beside those of the whole clip."""
KINDS: dict[str, tuple[str, ...]] = {
    "shape": world.SHAPES,
    "colour": world.COLOURS,
    "size": world.SIZES,
    "texture": world.TEXTURES,
    "action": tuple(ACTION_WORDS),
    "direction": ("", "left", "right", "up", "down"),
    "background": world.BACKGROUNDS,
    "camera": world.CAMERAS,
    "relation": ("", *world.RELATIONS),
    "second_shape": ("", *world.SHAPES),
    "second_colour": ("", *world.COLOURS),
}
"""Everything of a scene that can be seen, and its possible values; an empty value: there is none."""


def fact_labels(scene: Scene) -> list[int]:
    """The value of each of ``KINDS`` as an index, ``UNKNOWN`` for the size of what grows or shrinks."""
    verb, direction = action_parts(scene.action)
    second = scene.second
    values = {
        "shape": scene.subject.shape,
        "colour": scene.subject.colour,
        "size": scene.subject.size if scene.action not in world.RESIZES else None,
        "texture": scene.subject.texture,
        "action": verb,
        "direction": direction or "",
        "background": scene.background,
        "camera": scene.camera,
        "relation": scene.relation or "",
        "second_shape": second.shape if second else "",
        "second_colour": second.colour if second else "",
    }
    return [UNKNOWN if values[kind] is None else KINDS[kind].index(str(values[kind])) for kind in KINDS]


class FactReader(nn.Module):
    """A UMT model's vision tower with one linear head per kind of fact, and heads on its patches.

    Args:
        umt: whose tower learns.
    """

    def __init__(self, umt: UMTModel) -> None:
        super().__init__()
        self.vision_model, self.pool_norm = umt.vision_model, umt.pool_norm
        vision = umt.config.vision_config
        side = vision.image_size // vision.patch_size
        self.count = side**2
        self.patches = PatchReader(vision.hidden_size, side)
        self.heads = nn.ModuleDict(
            {kind: nn.Linear(vision.hidden_size, len(values)) for kind, values in KINDS.items()}
        )

    def forward(self, pixel_values: Tensor, where: Tensor, kinds: Tensor, labels: Tensor) -> dict[str, Any]:
        """Sum of the cross-entropies over all kinds, and of the patches' losses.

        Args:
            pixel_values: (videos, frames, 3, height, width).
            where: (videos, frames, 3, 5), as ``Places.where``.
            kinds: (videos, 3, 3), as ``Places.kinds``.
            labels: (videos, kinds of fact), as :func:`fact_labels`.
        """
        tokens = self.vision_model(pixel_values=pixel_values).last_hidden_state.unflatten(1, (-1, self.count))
        seen = self.pool_norm(tokens.mean(dim=2)).mean(dim=1)
        logits = [head(seen).float() for head in self.heads.values()]
        losses = [F.cross_entropy(logit, labels[:, i], ignore_index=UNKNOWN) for i, logit in enumerate(logits)]
        patches, _ = self.patches(tokens.float(), where, kinds)
        guesses = torch.stack([logit.argmax(dim=1) for logit in logits], dim=1)
        return {"loss": torch.stack(losses).sum() + PATCHES * patches, "logits": guesses}


class SeenFacts(Dataset[tuple[np.ndarray, Places, list[int]]]):
    """Frames, places and fact labels of drawn clips; with ``varied``, augmented anew at each visit."""

    def __init__(self, clips: Clips, *, varied: bool) -> None:
        self.clips, self.varied, self.rng = clips, varied, np.random.default_rng(3)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Places, list[int]]:
        known = self.clips.places(index)
        if not self.varied:
            return self.clips.frames(index), known, fact_labels(self.clips.scenes[index])
        frames, scene = self.clips.either_way(index, self.rng)
        if scene is not self.clips.scenes[index]:
            known = known.mirrored()
        return *shaken_with(frames, known, self.rng, frames.shape[1] // 12), fact_labels(scene)


def learn_to_see(
    model: UMTModel,
    processor: UMTProcessor,
    clips: Clips,
    unseen: Clips,
    arguments: TrainingArguments,
    *,
    resume: bool = True,
) -> dict[str, float]:
    """Train the vision tower of ``model`` in place.

    Returns:
        The share of right guesses on ``unseen``, per kind of fact, as ``eval_<kind>``.
    """

    def collate(examples: Sequence[tuple[np.ndarray, Places, list[int]]]) -> dict[str, Tensor]:
        frames, known, labels = zip(*examples, strict=True)
        return {
            "pixel_values": processor(videos=frames)["pixel_values"],
            **stacked(known),
            "labels": torch.tensor(labels),
        }

    learned, asked = SeenFacts(clips, varied=True), SeenFacts(unseen, varied=False)
    return lesson(FactReader(model), arguments, learned, asked, collate, _shares, resume=resume).evaluate()


def _shares(prediction: EvalPrediction) -> dict[str, float]:
    guesses, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    known = labels != UNKNOWN
    return {kind: float((guesses[:, i] == labels[:, i])[known[:, i]].mean()) for i, kind in enumerate(KINDS)}
