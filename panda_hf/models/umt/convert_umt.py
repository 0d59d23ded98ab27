"""Read the towers of an official UMT checkpoint into :class:`UMTModel` (both layouts: retrieval and pre-training).

Converted here is what retrieval scores need: vision tower, text layers below the fusion layers, projections,
temperature. Sources: the key lists of OpenGVLab/UMT's ``multi_modality`` checkpoints (retrieval and pre-training).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from panda_hf.errors import CheckpointError
from panda_hf.models.umt.configuration_umt import UMTConfig
from panda_hf.models.umt.modeling_umt import UMTModel

# official name -> ours, after the tower's prefix was taken off; tried in order
_VISION = (
    (r"patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"norm\.", "layernorm."),
    (r"blocks\.(\d+)\.attn\.q_bias", r"encoder.layer.\1.attention.attention.query.bias"),
    (r"blocks\.(\d+)\.attn\.v_bias", r"encoder.layer.\1.attention.attention.value.bias"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"blocks\.(\d+)\.norm1\.", r"encoder.layer.\1.layernorm_before."),
    (r"blocks\.(\d+)\.norm2\.", r"encoder.layer.\1.layernorm_after."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layer.\1.output.dense."),
)
_QKV = re.compile(r"blocks\.(\d+)\.attn\.qkv\.weight")
_TOP = ("temp", "vision_proj.", "text_proj.")


def convert_state_dict(official: Mapping[str, Tensor], config: UMTConfig) -> dict[str, Tensor]:
    """Rename the tensors of an official checkpoint.

    Args:
        official: its state dict, with or without the ``model`` level, of the retrieval or the pre-training model.
        config: the sizes to convert to; text layers from ``text_config.num_hidden_layers`` on belong to the fusion.

    Returns:
        A state dict that :class:`UMTModel` loads strictly.

    Raises:
        CheckpointError: naming every tensor that the model needs and the checkpoint lacks, or that has another shape.
    """
    nested = official.get("model", official)
    source: Mapping[str, Tensor] = nested if isinstance(nested, Mapping) else official
    converted = {name: value for old, tensor in source.items() for name, value in _renamed(old, tensor)}
    needed = UMTModel(config).state_dict()
    wrong = [
        f"{name} {tuple(tensor.shape)}"
        for name, tensor in needed.items()
        if name not in converted or converted[name].shape != tensor.shape
    ]
    if wrong:
        raise CheckpointError(
            f"the checkpoint lacks {len(wrong)} of the {len(needed)} tensors of this UMT, or has them in another "
            f"shape: {wrong[:8]}{' ...' if len(wrong) > 8 else ''}. Check the sizes in the configuration."
        )
    return {name: converted[name] for name in needed}


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Our name(s) for one official tensor; nothing for what retrieval does not use."""
    if name.startswith(_TOP):
        yield name, tensor
    elif name.startswith("vision_encoder.pool_norm."):
        yield name.removeprefix("vision_encoder."), tensor
    elif name.startswith("vision_encoder.encoder."):
        yield from _renamed_vision(name.removeprefix("vision_encoder.encoder."), tensor)
    elif name.startswith("text_encoder."):
        yield "text_model." + name.removeprefix("text_encoder.").removeprefix("bert."), tensor


def _renamed_vision(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if qkv := _QKV.fullmatch(name):
        parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
        for part, weight in parts:
            yield f"vision_model.encoder.layer.{qkv[1]}.attention.attention.{part}.weight", weight
        return
    for pattern, replacement in _VISION:
        if match := re.match(pattern, name):
            yield f"vision_model.{match.expand(replacement)}{name[match.end() :]}", tensor
            return
