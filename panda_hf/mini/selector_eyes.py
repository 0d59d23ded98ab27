"""Start the selector's vision tower from the image teacher's, which has learned shapes and colours already."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Blip2ForConditionalGeneration

from panda_hf.mini.teacher_models import MEAN, STD
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt import UMTModel, UMTProcessor

_LAYER = {
    "layer_norm1": "layernorm_before",
    "layer_norm2": "layernorm_after",
    "self_attn.projection": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def take_eyes(model: UMTModel, processor: UMTProcessor, checkpoint: str) -> None:
    """Copy the image teacher's vision tower, as published retrieval models start from published image towers.

    Its patches are shrunk to this tower's size, and its pixel normalisation is folded into them. Left out are its
    class token and what differs between its learned positions, since UMT's positions are fixed.

    Args:
        model: changed in place; layers and widths must be the teacher's.
        processor: of the model.
        checkpoint: of the teacher, a ``Blip2ForConditionalGeneration``: ``mini/...`` or a folder.
    """
    teacher = Blip2ForConditionalGeneration.from_pretrained(resolve(checkpoint), dtype=torch.float32).vision_model
    given = teacher.state_dict()
    state = {name: tensor for old, value in given.items() for name, tensor in _renamed(old, value)}
    weight, bias = given["embeddings.patch_embedding.weight"], given["embeddings.patch_embedding.bias"]
    bias = bias + given["embeddings.position_embedding"][0, 1:].mean(dim=0)
    patch = model.config.vision_config.patch_size
    kernel, bias = _renormalised(_shrunk(weight, patch), bias, processor)
    state["embeddings.patch_embeddings.projection.weight"] = kernel.unsqueeze(2)
    state["embeddings.patch_embeddings.projection.bias"] = bias
    model.vision_model.load_state_dict(state, strict=True)


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The VideoMAE name(s) of a tensor of the BLIP-2 tower; nothing for its embeddings."""
    if name.startswith("post_layernorm."):
        yield name.removeprefix("post_"), tensor
    elif name.startswith("encoder.layers."):
        _, _, number, rest = name.split(".", 3)
        part, kind = rest.rsplit(".", 1)
        where = f"encoder.layer.{number}."
        if part in _LAYER:
            yield f"{where}{_LAYER[part]}.{kind}", tensor
            return
        query, key, value = tensor.chunk(3)
        yield f"{where}attention.attention.query.{kind}", query
        yield f"{where}attention.attention.value.{kind}", value
        if kind == "weight":  # a bias of the keys changes no attention
            yield f"{where}attention.attention.key.{kind}", key


def _shrunk(kernel: Tensor, size: int) -> Tensor:
    """A patch kernel (out, 3, n, n) for patches of another size that show the same."""
    smaller = F.interpolate(kernel, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return smaller * (kernel.shape[-1] / size) ** 2


def _renormalised(kernel: Tensor, bias: Tensor, processor: UMTProcessor) -> tuple[Tensor, Tensor]:
    """Kernel and bias that do to this processor's pixels what they did to the teacher's."""
    mean, deviation = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    old_mean, old_deviation = torch.tensor(MEAN), torch.tensor(STD)
    shift = ((mean - old_mean) / old_deviation).view(1, 3, 1, 1)
    scale = (deviation / old_deviation).view(1, 3, 1, 1)
    return kernel * scale, bias + (kernel * shift).sum(dim=(1, 2, 3))
