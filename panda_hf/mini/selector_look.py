"""The first lessons of the selector's vision tower: where a patch is, then what two frames show, patch by patch.

UMT's positions are one sinusoid over the patches of all frames in a row, from which rows, columns and frames have to
be worked out. A tower that is first asked for these alone learns them within seconds; asked only for what a clip
shows, a small one hardly does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, TrainingArguments

from panda_hf.mini.lessons import lesson
from panda_hf.mini.places import Places
from panda_hf.mini.selector_clips import Clips, shaken_with
from panda_hf.mini.selector_patches import ASKED, PatchReader, stacked
from panda_hf.models.umt import UMTModel, UMTProcessor
from panda_hf.models.umt.modeling_umt import sinusoid_table

APART = 3
"""Frames between the two of a pair, at least."""
WHERE_WEIGHT = 0.2
"""Of the first lesson's question while the second one is learned."""


class FrameReader(nn.Module):
    """A UMT model's vision tower on some frames of a clip, each in its own place, with heads on every patch.

    Args:
        umt: whose tower learns.
        only_where: ask the first layer for row, column and frame of every patch, and nothing else.
    """

    table: Tensor

    def __init__(self, umt: UMTModel, *, only_where: bool = False) -> None:
        super().__init__()
        self.tower, self.only_where = umt.vision_model, only_where
        vision = umt.config.vision_config
        self.side, width = vision.image_size // vision.patch_size, vision.hidden_size
        self.where = nn.ModuleList([nn.Linear(width, count) for count in (self.side, self.side, vision.num_frames)])
        self.patches = PatchReader(width, self.side)
        table = sinusoid_table(vision.num_frames * self.side**2, width)[0]
        self.register_buffer("table", table.unflatten(0, (vision.num_frames, -1)), persistent=False)

    def forward(
        self, pixel_values: Tensor, numbers: Tensor, where: Tensor, kinds: Tensor, labels: Tensor | None = None
    ) -> dict[str, Any]:
        """The loss; ``logits`` are the guesses of shape, colour and texture.

        Args:
            pixel_values: (videos, frames, 3, height, width).
            numbers: (videos, frames), which of the clip's frames these are.
            where: (videos, frames, 3, 5), as ``Places.where``.
            kinds: (videos, 3, 3), as ``Places.kinds``.
            labels: ignored; what ``Trainer`` measures with.
        """
        hidden = self.tower.embeddings.patch_embeddings(pixel_values)
        hidden = hidden + self.table[numbers].flatten(1, 2).to(hidden)
        first, *others = self.tower.encoder.layer
        hidden = _plain(first(hidden))
        found = self._where_loss(hidden.unflatten(1, (numbers.shape[1], -1)), numbers)
        if self.only_where:
            return {"loss": found, "logits": kinds[:, 0]}
        for layer in others:
            hidden = _plain(layer(hidden))
        tokens = hidden if self.tower.layernorm is None else self.tower.layernorm(hidden)
        loss, votes = self.patches(tokens.float().unflatten(1, (numbers.shape[1], -1)), where, kinds)
        return {"loss": loss + WHERE_WEIGHT * found, "logits": votes}

    def _where_loss(self, tokens: Tensor, numbers: Tensor) -> Tensor:
        patch = torch.arange(self.side**2, device=tokens.device).expand(tokens.shape[:3])
        asked = (patch // self.side, patch % self.side, numbers[..., None].expand(tokens.shape[:3]))
        logits = [head(tokens).float().flatten(0, 2) for head in self.where]
        return torch.stack(
            [F.cross_entropy(one, right.flatten()) for one, right in zip(logits, asked, strict=True)]
        ).sum()


def _plain(output: Any) -> Tensor:
    """What a layer returns, of releases of transformers that wrap it in a tuple, too."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


class FramePairs(Dataset[tuple[np.ndarray, np.ndarray, Places]]):
    """Two frames of each clip, their numbers and what stands where; with ``varied``, others, augmented, each visit."""

    def __init__(self, clips: Clips, *, varied: bool) -> None:
        self.clips, self.varied, self.rng = clips, varied, np.random.default_rng(3)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, Places]:
        frames, known = self.clips.frames(index), self.clips.places(index)
        rng = self.rng if self.varied else np.random.default_rng([11, index])
        numbers = _two(rng, len(frames))
        frames, known = frames[numbers], Places(known.where[numbers], known.kinds)
        if not self.varied:
            return frames, numbers, known
        if rng.random() < 0.5:  # no caption is asked for, so a mirror shows nothing that is held aside
            frames, known = frames[:, :, ::-1], known.mirrored()
        frames, known = shaken_with(frames, known, rng, frames.shape[1] // 10)
        return frames, numbers, known


def _two(rng: np.random.Generator, frames: int) -> np.ndarray:
    first = int(rng.integers(0, frames - APART))
    return np.array([first, int(rng.integers(first + APART, frames))])


def learn_to_look(
    model: UMTModel,
    processor: UMTProcessor,
    clips: Clips,
    unseen: Clips,
    arguments: TrainingArguments,
    *,
    only_where: bool = False,
    resume: bool = True,
) -> dict[str, float]:
    """Train the vision tower of ``model`` in place on pairs of frames.

    Returns:
        The loss on ``unseen``, and unless ``only_where`` the share of subjects whose shape, colour and texture their
        patches name, as ``eval_<kind>``.
    """
    pairs = copy.copy(processor)
    pairs.num_frames = 2

    def collate(examples: Sequence[tuple[np.ndarray, np.ndarray, Places]]) -> dict[str, Tensor]:
        frames, numbers, known = zip(*examples, strict=True)
        shown = stacked(known)
        return {
            "pixel_values": pairs(videos=frames)["pixel_values"],
            "numbers": torch.from_numpy(np.stack(numbers)),
            **shown,
            "labels": shown["kinds"][:, 0],
        }

    reader, figures = FrameReader(model, only_where=only_where), None if only_where else shares
    learned, asked = FramePairs(clips, varied=True), FramePairs(unseen, varied=False)
    return lesson(reader, arguments, learned, asked, collate, figures, resume=resume).evaluate()


def shares(prediction: EvalPrediction) -> dict[str, float]:
    """Of subjects whose shape, colour and texture were named rightly, by kind."""
    guesses, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    return {kind: float((guesses[:, i] == labels[:, i]).mean()) for i, kind in enumerate(ASKED)}
