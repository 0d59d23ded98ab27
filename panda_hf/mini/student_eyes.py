"""The eyes of the miniature's student: the selector's vision tower as one of BLIP-2, used to single frames.

The paper's student looks through a tower that was pre-trained on images before anybody captioned a video. The
selector's tower is the miniature's best pair of eyes, but all frames of a clip look at each other in it. Taken over
layer by layer and asked again what single patches show, it is as good on one frame alone after a few minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Blip2VisionConfig, Blip2VisionModel, Trainer

from panda_hf.mini.places import Places
from panda_hf.mini.selector_clips import Clips, training_clips, validation_clips
from panda_hf.mini.selector_look import FramePairs, shares
from panda_hf.mini.selector_patches import PatchReader, stacked
from panda_hf.mini.teacher_models import MEAN, STD
from panda_hf.mini.train_selector import UNSEEN, Recipe, arguments
from panda_hf.mini.train_teachers import SCENES
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student.video_branch import FRAME_NORM_EPS, FrameNorm
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.models.umt.modeling_umt import sinusoid_table
from panda_hf.training.states import train

SELECTOR = "mini/selector"
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
LESSON = Recipe(steps=800, batch=48, learning_rate=1e-3)


def student_eyes(work: Path, *, resume: bool = True, scale: float = 1.0) -> Blip2VisionModel:
    """The tower after its lesson, learned once and kept in ``work``.

    Args:
        work: where drawn scenes and states of trainings lie.
        resume: take what is finished, go on with what is not.
        scale: multiplies steps and clips; small for a trial.
    """
    tower = frame_tower(SELECTOR)
    weights = (Path(resolve(SELECTOR)) / "model.safetensors").read_bytes()
    name = hashlib.sha256(weights + repr((LESSON, scale)).encode()).hexdigest()[:12]
    folder = work / "student" / f"eyes-{name}"
    clips = training_clips(work / "clips", max(500, round(SCENES * min(1.0, scale))), workers=2)
    _look(tower, clips, validation_clips(max(32, round(UNSEEN * min(1.0, scale)))), folder, resume, scale)
    return tower.eval()


def frame_tower(checkpoint: str) -> Blip2VisionModel:
    """The vision tower of a UMT as one of BLIP-2 for single frames; its norms of pixels are the teachers'.

    Each layer is taken over as it is; only the class token is new, and begins as nothing.
    """
    folder = resolve(checkpoint)
    umt: Any = UMTForVideoTextRetrieval.from_pretrained(folder, dtype=torch.float32).umt
    vision, weights = umt.config.vision_config, umt.vision_model.state_dict()
    sizes = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "image_size",
        "patch_size",
    )
    tower = Blip2VisionModel(
        Blip2VisionConfig(
            **{name: getattr(vision, name) for name in sizes},
            hidden_act=vision.hidden_act,
            layer_norm_eps=vision.layer_norm_eps,
        )
    )
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
    """A tower for single frames, with heads on every patch that are thrown away after the lesson."""

    def __init__(self, tower: Blip2VisionModel) -> None:
        super().__init__()
        self.tower = tower
        vision: Any = tower.config
        self.patches = PatchReader(vision.hidden_size, vision.image_size // vision.patch_size)

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
        tokens = self.tower(pixel_values=pixel_values).last_hidden_state[:, 1:]
        loss, votes = self.patches(tokens.float()[:, None], where, kinds)
        return {"loss": loss, "logits": votes}


def _look(tower: Blip2VisionModel, clips: Clips, unseen: Clips, folder: Path, resume: bool, scale: float) -> None:
    settings = arguments(folder, LESSON, scale, seed=0)
    settings.remove_unused_columns = False
    torch.manual_seed(0)  # of the heads
    trainer = Trainer(
        model=FrameLooker(tower),
        args=settings,
        train_dataset=FramePairs(clips, varied=True),
        eval_dataset=FramePairs(unseen, varied=False),
        data_collator=_collate,
        compute_metrics=shares,
    )
    train(trainer, resume)


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
