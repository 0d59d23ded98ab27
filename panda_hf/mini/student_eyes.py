"""The eyes of the miniature's student: the selector's vision tower as one of BLIP-2, used to single frames.

The paper's student looks through a tower that was pre-trained on images before anybody captioned a video. The
selector's tower is the miniature's best pair of eyes, but all frames of a clip look at each other in it, and no
Q-Former has learned to ask it. Taken over layer by layer, it is asked again what single patches of one frame show and
where they are, then also what the tower of the Video-LLaMA would say of them: so that its Q-Former can go on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Blip2VisionConfig, Blip2VisionModel

from panda_hf.errors import CheckpointError
from panda_hf.mini.lessons import lesson, named_by
from panda_hf.mini.places import Places
from panda_hf.mini.selector_clips import training_clips, validation_clips
from panda_hf.mini.selector_look import FramePairs, shares
from panda_hf.mini.selector_patches import PatchReader, stacked
from panda_hf.mini.teacher_models import MEAN, STD
from panda_hf.mini.teacher_warmth import fit_line
from panda_hf.mini.train_selector import UNSEEN, Recipe, arguments
from panda_hf.mini.train_teachers import SCENES
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.student.video_branch import FRAME_NORM_EPS, FrameNorm
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.models.umt.modeling_umt import sinusoid_table

SELECTOR, STUDENT = "mini/selector", "mini/student"
KEPT = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "image_size",
    "patch_size",
    "hidden_act",
    "layer_norm_eps",
)
FRAME = 3
"""Whose places a single frame gets: one from the middle of the clip."""
LOOK = Recipe(steps=800, batch=48, learning_rate=1e-3)
TELL = Recipe(steps=900, batch=32, learning_rate=8e-4)
WHERE, OTHER = 0.3, 8.0
"""Weights of two questions: where a patch is, which the selector's last layer forgets, and what the other says."""
SOME = 300
"""Pairs of frames to find the first line to the other tower with."""

Saying = Callable[[Tensor], Tensor]
"""From frames (frames, 3, height, width) to the tokens of a tower."""


@dataclass(frozen=True)
class Eyes:
    """What a student begins to see with.

    Attributes:
        tower: of the student.
        line: from its tokens to those of the Video-LLaMA's tower.
    """

    tower: Blip2VisionModel
    line: nn.Linear


def student_eyes(work: Path, other: Blip2VisionModel, *, resume: bool = True, scale: float = 1.0) -> Eyes:
    """The eyes after their lessons, learned once and kept in ``work``.

    Args:
        work: where drawn scenes and states of trainings lie.
        other: the Video-LLaMA's tower, with patches that are squares of this one's.
        resume: take what is finished, go on with what is not.
        scale: multiplies steps and clips; small for a trial.
    """
    reader = FrameLooker(frame_tower(SELECTOR), other.eval())
    share = min(1.0, scale)
    clips = training_clips(work / "clips", max(500, round(SCENES * share)), workers=2)
    asked = FramePairs(validation_clips(max(32, round(UNSEEN * share))), varied=False)
    name = named_by((LOOK, TELL, WHERE, OTHER, scale), reader.tower, other)

    def learn(recipe: Recipe, what: str) -> None:
        settings = arguments(work / "student" / f"eyes-{name}" / what, recipe, scale, seed=0)
        torch.manual_seed(0)
        lesson(reader, settings, FramePairs(clips, varied=True), asked, _collate, shares, resume=resume)

    learn(LOOK, "look")
    plain = FramePairs(clips, varied=False)
    reader.listen(_collate([plain[i] for i in range(min(SOME, len(plain)))])["pixel_values"])
    learn(TELL, "tell")
    return Eyes(reader.tower.eval(), reader.line)


@torch.no_grad()
def known_eyes(other: Blip2VisionModel, videos: Sequence[np.ndarray], checkpoint: str = STUDENT) -> Eyes:
    """The frozen eyes of a finished student, and the line that comes nearest to what another tower says.

    Args:
        other: the Video-LLaMA's tower, as of :func:`student_eyes`.
        videos: some, uint8 (frames, height, width, 3), to find the line with; a hundred are enough.
        checkpoint: of the student.

    Raises:
        CheckpointError: when there is no such student.
    """
    try:
        folder = resolve(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"no eyes can be taken over: {error}. Let them learn anew: --from-scratch") from error
    tower = PandaStudentForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval().vision_model
    processor = PandaStudentProcessor.from_pretrained(folder)
    line = nn.Linear(tower.config.hidden_size, int(other.config.hidden_size))
    saying = partial(_told, other.eval())
    pairs = [_heard(tower, saying, processor.prepare_video(video)) for video in videos]
    fit_line(line, *(torch.cat(side).flatten(0, 1) for side in zip(*pairs, strict=True)))
    return Eyes(tower, line)


def frame_tower(checkpoint: str) -> Blip2VisionModel:
    """The vision tower of a UMT as one of BLIP-2 for single frames; its norms of pixels are the teachers'.

    Each layer is taken over as it is; only the class token is new, and begins as nothing.
    """
    folder = resolve(checkpoint)
    umt: Any = UMTForVideoTextRetrieval.from_pretrained(folder, dtype=torch.float32).umt
    vision, weights = umt.config.vision_config, umt.vision_model.state_dict()
    tower = Blip2VisionModel(Blip2VisionConfig(**{name: getattr(vision, name) for name in KEPT}))
    tower.post_layernorm = FrameNorm(vision.hidden_size, eps=FRAME_NORM_EPS)
    with torch.no_grad():
        _take_patches(tower.embeddings, weights, UMTProcessor.from_pretrained(folder))
        per_frame = (vision.image_size // vision.patch_size) ** 2
        table = sinusoid_table(vision.num_frames * per_frame, vision.hidden_size)[0]
        tower.embeddings.position_embedding.zero_()
        tower.embeddings.position_embedding[0, 1:] = table[FRAME * per_frame : (FRAME + 1) * per_frame]
        for number, layer in enumerate(tower.encoder.layers):
            _take_layer(layer, weights, f"encoder.layer.{number}.")
        if umt.vision_model.layernorm is not None:
            tower.post_layernorm.load_state_dict(umt.vision_model.layernorm.state_dict())
    return tower


def _take_patches(embeddings: Any, weights: dict[str, Tensor], processor: UMTProcessor) -> None:
    """The first layer, made to read pixels as the teachers norm them in place of the selector's norm."""
    mean, deviation = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    kernel = weights["embeddings.patch_embeddings.projection.weight"].squeeze(2)
    shift = ((torch.tensor(MEAN) - mean) / deviation)[None, :, None, None]
    embeddings.class_embedding.zero_()
    embeddings.patch_embedding.weight.copy_(kernel * (torch.tensor(STD) / deviation)[None, :, None, None])
    bias = weights["embeddings.patch_embeddings.projection.bias"]
    embeddings.patch_embedding.bias.copy_(bias + (kernel * shift).sum(dim=(1, 2, 3)))


def _take_layer(layer: Any, weights: dict[str, Tensor], name: str) -> None:
    attention = f"{name}attention.attention."
    query, value = (weights[f"{attention}{part}.bias"] for part in ("query", "value"))
    layer.self_attn.qkv.weight.copy_(
        torch.cat([weights[f"{attention}{part}.weight"] for part in ("query", "key", "value")])
    )
    layer.self_attn.qkv.bias.copy_(torch.cat([query, torch.zeros_like(query), value]))
    for ours, theirs in (
        (layer.self_attn.projection, "attention.output.dense"),
        (layer.mlp.fc1, "intermediate.dense"),
        (layer.mlp.fc2, "output.dense"),
        (layer.layer_norm1, "layernorm_before"),
        (layer.layer_norm2, "layernorm_after"),
    ):
        ours.weight.copy_(weights[f"{name}{theirs}.weight"])
        ours.bias.copy_(weights[f"{name}{theirs}.bias"])


class FrameLooker(nn.Module):
    """A tower for single frames, with heads that are thrown away after the lessons, and the line to another tower.

    Args:
        tower: learns.
        other: is listened to, and not saved; it sees the same frames in its own size.
    """

    def __init__(self, tower: Blip2VisionModel, other: Blip2VisionModel) -> None:
        super().__init__()
        self.tower, self.listening = tower, False
        vision: Any = tower.config
        self.side = vision.image_size // vision.patch_size
        self.patches = PatchReader(vision.hidden_size, self.side)
        self.where = nn.ModuleList([nn.Linear(vision.hidden_size, self.side) for _ in ("row", "column")])
        self.line = nn.Linear(vision.hidden_size, int(other.config.hidden_size))
        self.other: Saying = partial(_told, other)

    def forward(
        self, pixel_values: Tensor, where: Tensor, kinds: Tensor, labels: Tensor | None = None
    ) -> dict[str, Any]:
        """The loss; ``logits`` are the guesses of shape, colour and texture.

        Args:
            pixel_values: (frames, 3, height, width).
            where: (frames, 1, 3, 5), as ``Places.where``.
            kinds: (frames, 3, 3), as ``Places.kinds``.
            labels: ignored; what ``Trainer`` measures with.
        """
        tokens = self.tower(pixel_values=pixel_values).last_hidden_state.float()
        loss, votes = self.patches(tokens[:, None, 1:], where, kinds)
        patch = torch.arange(self.side**2, device=tokens.device).repeat(len(tokens))
        for head, right in zip(self.where, (patch // self.side, patch % self.side), strict=True):
            loss = loss + WHERE * F.cross_entropy(head(tokens[:, 1:].flatten(0, 1)).float(), right)
        if self.listening:
            told = self.other(pixel_values)
            loss = loss + OTHER * F.mse_loss(self.line(_squares(tokens, told.shape[1] - 1)).float(), told)
        return {"loss": loss, "logits": votes}

    @torch.no_grad()
    def listen(self, pixel_values: Tensor) -> None:
        """Ask from now on what the other tower says, and begin with the line that comes nearest to it."""
        self.listening = True
        fit_line(self.line, *(side.flatten(0, 1) for side in _heard(self.tower, self.other, pixel_values)))


def _heard(tower: Blip2VisionModel, saying: Saying, frames: Tensor) -> tuple[Tensor, Tensor]:
    """What a line is found between: tokens of one tower, in as few squares as the other has, and of the other."""
    told = saying(frames)
    return _squares(tower(pixel_values=frames).last_hidden_state.float(), told.shape[1] - 1), told


@torch.no_grad()
def _told(other: Blip2VisionModel, pixel_values: Tensor) -> Tensor:
    size = (int(other.config.image_size),) * 2  # type: ignore[arg-type]
    small = F.interpolate(pixel_values, size=size, mode="bilinear", antialias=True, align_corners=False)
    tokens: Tensor = other(pixel_values=small).last_hidden_state
    return tokens.float()


def _squares(tokens: Tensor, count: int) -> Tensor:
    """The class token, and means over squares of patches, so that ``count`` are left: (frames, 1 + count, width)."""
    side, fewer = round((tokens.shape[1] - 1) ** 0.5), round(count**0.5)
    patches = tokens[:, 1:].unflatten(1, (fewer, side // fewer, fewer, side // fewer)).mean(dim=(2, 4))
    return torch.cat([tokens[:, :1], patches.flatten(1, 2)], dim=1)


def _collate(examples: Sequence[tuple[np.ndarray, np.ndarray, Places]]) -> dict[str, Tensor]:
    """The frames of all pairs, one by one."""
    pairs, _, known = zip(*examples, strict=True)
    shown = stacked(known)
    frames = torch.from_numpy(np.concatenate(pairs)).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    kinds = shown["kinds"].repeat_interleave(shown["where"].shape[1], dim=0)
    return {
        "pixel_values": (frames - mean) / deviation,
        "where": shown["where"].flatten(0, 1)[:, None],
        "kinds": kinds,
        "labels": kinds[:, 0],
    }
