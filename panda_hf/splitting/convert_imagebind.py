"""The image tower of ImageBind as the CLIP vision model it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from panda_hf.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from transformers import CLIPVisionModelWithProjection

    Weights = dict[str, torch.Tensor]

_STEM = "modality_preprocessors.vision."
_TRUNK = "modality_trunks.vision."
_HEAD = "modality_heads.vision."
_RENAMED = {
    _TRUNK + "pre_transformer_layer.0.weight": "vision_model.pre_layrnorm.weight",
    _TRUNK + "pre_transformer_layer.0.bias": "vision_model.pre_layrnorm.bias",
    _HEAD + "0.weight": "vision_model.post_layernorm.weight",
    _HEAD + "0.bias": "vision_model.post_layernorm.bias",
    _HEAD + "2.weight": "visual_projection.weight",
}
_IN_BLOCK = {
    "attn.out_proj": "self_attn.out_proj",
    "norm_1": "layer_norm1",
    "norm_2": "layer_norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def convert_imagebind_vision(weights: Mapping[str, torch.Tensor], heads: int = 16) -> CLIPVisionModelWithProjection:
    """ImageBind's image tower in the transformers class that computes the same.

    The stem is a 3-D convolution over the still repeated twice, which equals a 2-D one whose kernel is the sum over
    time. Save the result with ``save_pretrained`` and give the folder to ``Split(embedder=...)``.

    Args:
        weights: the state dict of ``imagebind_huge``; other towers in it are ignored. Load it with
            ``torch.load(path, weights_only=True)``. Its licence is CC-BY-NC-SA 4.0.
        heads: attention heads; 16 in ``imagebind_huge``.

    Raises:
        CheckpointError: when weights of the image tower are missing.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    try:
        kernel = weights[_STEM + "rgbt_stem.proj.1.weight"].sum(dim=2)
        projection = weights[_HEAD + "2.weight"]
        blocks = 1 + max(int(key.removeprefix(_TRUNK + "blocks.").split(".")[0]) for key in weights if "blocks" in key)
        converted = _stem(weights, kernel) | {new: weights[old] for old, new in _RENAMED.items()}
        for i in range(blocks):
            converted |= _block(weights, i)
    except KeyError as missing:
        raise CheckpointError(f"these are not the weights of ImageBind's image tower: {missing} is missing") from None
    config = CLIPVisionConfig(
        hidden_size=kernel.shape[0],
        intermediate_size=weights[_TRUNK + "blocks.0.mlp.fc1.weight"].shape[0],
        projection_dim=projection.shape[0],
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        image_size=_image_size(converted, kernel),
        patch_size=kernel.shape[-1],
        hidden_act="gelu",
        layer_norm_eps=1e-6,
    )
    model = CLIPVisionModelWithProjection(config)
    model.load_state_dict(converted)
    return model.eval()


def _stem(weights: Mapping[str, torch.Tensor], kernel: torch.Tensor) -> Weights:
    return {
        "vision_model.embeddings.class_embedding": weights[_STEM + "cls_token"].flatten(),
        "vision_model.embeddings.patch_embedding.weight": kernel,
        "vision_model.embeddings.position_embedding.weight": weights[_STEM + "pos_embedding_helper.pos_embed"][0],
    }


def _block(weights: Mapping[str, torch.Tensor], i: int) -> Weights:
    old, new = f"{_TRUNK}blocks.{i}.", f"vision_model.encoder.layers.{i}."
    converted: Weights = {}
    for kind in ("weight", "bias"):
        thirds = weights[f"{old}attn.in_proj_{kind}"].chunk(3)
        converted |= {f"{new}self_attn.{n}_proj.{kind}": w for n, w in zip("qkv", thirds, strict=True)}
        converted |= {f"{new}{b}.{kind}": weights[f"{old}{a}.{kind}"] for a, b in _IN_BLOCK.items()}
    return converted


def _image_size(converted: Weights, kernel: torch.Tensor) -> int:
    patches = converted["vision_model.embeddings.position_embedding.weight"].shape[0] - 1
    return round(patches**0.5) * kernel.shape[-1]
