"""Start the selector's vision tower from the video teacher's, which has learned colours and places already."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration

from panda_hf.mini.teacher_models import MEAN, STD
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt import UMTModel, UMTProcessor

_LAYER = {
    "layer_norm1": "layernorm_before",
    "layer_norm2": "layernorm_after",
    "self_attn.q_proj": "attention.attention.query",
    "self_attn.k_proj": "attention.attention.key",
    "self_attn.v_proj": "attention.attention.value",
    "self_attn.out_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
NEW_LAYERS = 0.3
"""Share of their random output that the layers above the teacher's begin with."""


def take_eyes(model: UMTModel, processor: UMTProcessor, checkpoint: str) -> None:
    """Copy the video teacher's vision tower, as published retrieval models start from published image towers.

    Its pixel normalisation is folded into the patches. Left out are what differs between its learned positions, since
    UMT's positions are fixed, and its last norm; it looked at each frame alone, this tower looks at all together.

    Args:
        model: changed in place; its first layers must have the teacher's widths, its patches the teacher's size.
        processor: of the model.
        checkpoint: of the teacher, a ``LlavaForConditionalGeneration``: ``mini/...`` or a folder.
    """
    teacher = LlavaForConditionalGeneration.from_pretrained(resolve(checkpoint), dtype=torch.float32)
    given = {
        name.removeprefix("vision_model."): tensor for name, tensor in teacher.model.vision_tower.state_dict().items()
    }
    state = model.vision_model.state_dict()
    for layer in range(_layers(given), model.config.vision_config.num_hidden_layers):
        for name in ("attention.output.dense", "output.dense"):
            state[f"encoder.layer.{layer}.{name}.weight"].mul_(NEW_LAYERS)
    state.update(_renamed(given, set(state)))
    bias = given["embeddings.patch_embedding.bias"] + given["embeddings.position_embedding.weight"].mean(dim=0)
    kernel, bias = _renormalised(given["embeddings.patch_embedding.weight"], bias, processor)
    state["embeddings.patch_embeddings.projection.weight"] = kernel.unsqueeze(2)
    state["embeddings.patch_embeddings.projection.bias"] = bias
    model.vision_model.load_state_dict(state, strict=True)


def _layers(given: dict[str, Tensor]) -> int:
    return 1 + max(int(name.split(".")[2]) for name in given if name.startswith("encoder.layers."))


def _renamed(given: dict[str, Tensor], known: set[str]) -> Iterator[tuple[str, Tensor]]:
    """The layers of the teacher under VideoMAE's names; it has no bias of the keys, which changes no attention."""
    for name, tensor in given.items():
        if name.startswith("encoder.layers."):
            _, _, number, rest = name.split(".", 3)
            part, kind = rest.rsplit(".", 1)
            renamed = f"encoder.layer.{number}.{_LAYER[part]}.{kind}"
            if renamed in known:
                yield renamed, tensor


def _renormalised(kernel: Tensor, bias: Tensor, processor: UMTProcessor) -> tuple[Tensor, Tensor]:
    """Kernel and bias that do to this processor's pixels what they did to the teacher's."""
    mean, deviation = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    old_mean, old_deviation = torch.tensor(MEAN), torch.tensor(STD)
    shift = ((mean - old_mean) / old_deviation).view(1, 3, 1, 1)
    scale = (deviation / old_deviation).view(1, 3, 1, 1)
    return kernel * scale, bias + (kernel * shift).sum(dim=(1, 2, 3))
