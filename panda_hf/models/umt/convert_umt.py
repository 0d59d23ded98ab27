"""Read an official UMT checkpoint, of the retrieval or the pre-training model.

Source: the key lists of OpenGVLab/UMT's ``multi_modality`` checkpoints.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from panda_hf.errors import CheckpointError
from panda_hf.models.umt.configuration_umt import UMTConfig
from panda_hf.models.umt.modeling_umt import UMTModel, UMTPreTrainedModel
from panda_hf.models.umt.processing_umt import UMTProcessor
from panda_hf.models.umt.retrieval_umt import UMTForVideoTextRetrieval

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
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_TOP = ("temp", "vision_proj.", "text_proj.")
# tables that are computed, and parts that only pre-training needs
_UNUSED = re.compile(
    r"text_encoder\.(bert\.)?embeddings\.position_ids|text_encoder\.cls\.|clip_teacher\.|vision_encoder\.(encoder\.)?clip_"
)


def convert_state_dict(
    official: Mapping[str, Tensor], config: UMTConfig, model_class: type[UMTPreTrainedModel] = UMTModel
) -> dict[str, Tensor]:
    """Rename the tensors of an official checkpoint; every one of them is accounted for.

    Args:
        official: its state dict, with or without the ``model`` level, of the retrieval or the pre-training model.
        config: the sizes to convert to; text layers from ``text_config.num_hidden_layers`` on belong to the fusion.
        model_class: :class:`UMTModel` takes the towers, :class:`UMTForVideoTextRetrieval` everything.

    Returns:
        A state dict that the class loads strictly.

    Raises:
        CheckpointError: naming every tensor that the model needs and the checkpoint lacks, or that has another shape,
            and every tensor of the checkpoint that has no place in a UMT of these sizes.
    """
    nested = official.get("model", official)
    source: Mapping[str, Tensor] = nested if isinstance(nested, Mapping) else official
    text_layers = config.text_config.num_hidden_layers
    converted: dict[str, Tensor] = {}
    unknown: list[str] = []
    for old, tensor in source.items():
        new = dict(_renamed(old, tensor, text_layers))
        if not new and not _UNUSED.match(old):
            unknown.append(old)
        converted |= new
    with torch.device("meta"):
        whole, needed = UMTForVideoTextRetrieval(config).state_dict(), model_class(config).state_dict()
    prefix = "" if model_class is UMTForVideoTextRetrieval else "umt."
    unknown += [name for name in converted if name not in whole]
    wrong = [
        f"{name} {tuple(tensor.shape)}"
        for name, tensor in needed.items()
        if prefix + name not in converted or converted[prefix + name].shape != tensor.shape
    ]
    if wrong or unknown:
        raise CheckpointError(_refusal(wrong, unknown, len(needed)))
    return {name: converted[prefix + name] for name in needed}


def _refusal(wrong: list[str], unknown: list[str], needed: int) -> str:
    faults = []
    if wrong:
        faults.append(
            f"lacks {len(wrong)} of the {needed} tensors of this UMT, or has them in another shape: {wrong[:8]}"
        )
    if unknown:
        faults.append(f"holds {len(unknown)} tensors that have no place in it: {unknown[:8]}")
    return f"the checkpoint {'; it '.join(faults)}. Check the sizes in the configuration."


def _renamed(name: str, tensor: Tensor, text_layers: int) -> Iterator[tuple[str, Tensor]]:
    """The name(s) in :class:`UMTForVideoTextRetrieval` of one official tensor; nothing for an unknown one."""
    if name.startswith(_TOP):
        yield f"umt.{name}", tensor
    elif name.startswith("itm_head."):
        yield name, tensor
    elif name.startswith("vision_encoder.pool_norm."):
        yield "umt." + name.removeprefix("vision_encoder."), tensor
    elif name.startswith("vision_encoder.encoder."):
        yield from _renamed_vision(name.removeprefix("vision_encoder.encoder."), tensor)
    elif name.startswith("text_encoder.") and not _UNUSED.match(name):
        yield _renamed_text(name.removeprefix("text_encoder.").removeprefix("bert."), text_layers), tensor


def _renamed_text(name: str, text_layers: int) -> str:
    layer = _LAYER.match(name)
    if layer is None or int(layer[1]) < text_layers:
        return f"umt.text_model.{name}"
    return f"fusion.layer.{int(layer[1]) - text_layers}.{name[layer.end() :]}"


def _renamed_vision(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if qkv := _QKV.fullmatch(name):
        parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
        for part, weight in parts:
            yield f"umt.vision_model.encoder.layer.{qkv[1]}.attention.attention.{part}.weight", weight
        return
    for pattern, replacement in _VISION:
        if match := re.match(pattern, name):
            yield f"umt.vision_model.{match.expand(replacement)}{name[match.end() :]}", tensor
            return


def convert(
    official: str | os.PathLike[str],
    tokenizer: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: UMTConfig,
    num_frames: int = 12,
    max_length: int = 32,
) -> UMTForVideoTextRetrieval:
    """Write an official checkpoint as a folder that every ``from_pretrained`` here takes.

    Args:
        official: such as ``l16_25m.pth``; read with ``weights_only``.
        tokenizer: folder or Hub id of its BERT tokenizer.
        out: the folder; appears whole or not at all.
        config: its sizes, mostly ``UMTConfig.of_size(...)``.
        num_frames: that the processor hands to the model (12 for the paper's selection, 4 for zero-shot retrieval).
        max_length: tokens per caption (32 for MSR-VTT, 64 for MSVD and DiDeMo).

    Raises:
        CheckpointError: when the file or the tokenizer cannot be read, or a tensor is missing or left over.
    """
    from transformers import AutoTokenizer

    try:
        state = torch.load(official, map_location="cpu", mmap=True, weights_only=True)
        words = AutoTokenizer.from_pretrained(tokenizer)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{official} with the tokenizer {tokenizer} cannot be read: {error}") from error
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{official} holds a {type(state).__name__}, no state dict")
    renamed = convert_state_dict(state, config, UMTForVideoTextRetrieval)
    with torch.device("meta"):
        model = UMTForVideoTextRetrieval(config)
    model.load_state_dict({name: tensor.float() for name, tensor in renamed.items()}, strict=True, assign=True)
    _write(model, UMTProcessor(words, config.vision_config.image_size, num_frames, max_length), Path(out))
    return model


def _write(model: UMTForVideoTextRetrieval, processor: UMTProcessor, out: Path) -> None:
    if out.exists():
        raise CheckpointError(f"{out} is already there; remove it or name another folder")
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        model.save_pretrained(unfinished)
        processor.save_pretrained(unfinished)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
