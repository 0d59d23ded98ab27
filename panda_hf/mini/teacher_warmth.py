"""What a new teacher takes over from finished ones, so that it learns in minutes: eyes, words, a way to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

SHARPNESS = 1.3
"""Of the first looks of a second Q-Former: factor on queries and keys."""


def take_words(language_model: Any, tokenizer: PreTrainedTokenizerFast, checkpoint: Path) -> None:
    """Start a Llama as that of a LLaVA of the same sizes; words that its tokenizer lacks stay as they are."""
    other: Any = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    old: Any = LlavaProcessor.from_pretrained(checkpoint)
    table: Tensor = language_model.get_input_embeddings().weight.data
    known = other.get_input_embeddings().weight.data
    nn.init.normal_(table, std=float(known.std()))
    theirs = old.tokenizer.vocab
    for word, row in tokenizer.vocab.items():
        if word in theirs:
            table[row] = known[theirs[word]]
    body = {name: value for name, value in other.model.language_model.state_dict().items() if "embed" not in name}
    missing, unknown = language_model.model.load_state_dict(body, strict=False)
    if unknown or any("embed" not in name for name in missing):
        raise ValueError(f"{checkpoint} has another language model: missing {missing[:3]}, unknown {unknown[:3]}")


def take_frame_eyes(model: Any, checkpoint: Path) -> None:
    """Start the layers of a TimeSformer that look at single frames as the vision tower of a LLaVA.

    What looks along time starts without effect in those layers.
    """
    other: Any = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    eyes = {name.removeprefix("vision_model."): w for name, w in other.model.vision_tower.state_dict().items()}
    body = model.timesformer
    with torch.no_grad():
        body.embeddings.patch_embeddings.projection.weight.copy_(eyes["embeddings.patch_embedding.weight"])
        body.embeddings.patch_embeddings.projection.bias.copy_(eyes["embeddings.patch_embedding.bias"])
        body.embeddings.position_embeddings[0, 1:] = eyes["embeddings.position_embedding.weight"]
    for number in range(other.config.vision_config.num_hidden_layers):
        _take_layer(body.encoder.layer[number], eyes, f"encoder.layers.{number}.")


@torch.no_grad()
def _take_layer(layer: Any, eyes: dict[str, Tensor], name: str) -> None:
    for kind in ("weight", "bias"):
        parts = [eyes[f"{name}self_attn.{part}_proj.{kind}"] for part in "qkv"]
        getattr(layer.attention.attention.qkv, kind).copy_(torch.cat(parts))
        for ours, theirs in (
            (layer.attention.output.dense, "self_attn.out_proj"),
            (layer.intermediate.dense, "mlp.fc1"),
            (layer.output.dense, "mlp.fc2"),
            (layer.layernorm_before, "layer_norm1"),
            (layer.layernorm_after, "layer_norm2"),
        ):
            getattr(ours, kind).copy_(eyes[f"{name}{theirs}.{kind}"])
    nn.init.zeros_(layer.temporal_dense.weight)


def look_twice(model: Any, frames: int, usual: np.ndarray) -> None:
    """Start the second Q-Former so that it sees the clip early and late.

    Each query begins as the usual token of one of the first Q-Former's queries and finds such tokens in frames near
    its time; from there it learns.

    Args:
        model: a Video-LLaMA with twice as many video queries as frame queries, both Q-Formers of one width.
        frames: how many it is shown.
        usual: the mean token of each query (queries, width).
    """
    width = usual.shape[1]
    steps = torch.arange(frames, dtype=torch.float32)
    near = torch.exp(-((steps[:, None] - steps[None]) ** 2) / 2)
    places = near @ torch.randn(frames, width) * 0.5
    early, late = places[:2].mean(dim=0), places[-2:].mean(dim=0)
    tokens = torch.from_numpy(usual.astype(np.float32))
    with torch.no_grad():
        model.frame_position_embedding.weight[:frames] = places
        model.video_query_tokens[0] = torch.cat([tokens + early, tokens + late])
        for layer in model.video_qformer.encoder.layer:
            attention = layer.crossattention.attention
            for part, strength in ((attention.query, SHARPNESS), (attention.key, SHARPNESS), (attention.value, 1.0)):
                part.weight.copy_(strength * torch.eye(width))
            layer.crossattention.output.dense.weight.copy_(torch.eye(width))
            for quiet in (layer.attention.output.dense, layer.output_query.dense):
                nn.init.normal_(quiet.weight, std=0.01)


def take_image_queries(model: Any, seeing: Any) -> None:
    """Start the Q-Former of an InstructBLIP as that of a BLIP-2 as far as they are alike: all but its words."""
    missing, unknown = model.qformer.load_state_dict(seeing.qformer.state_dict(), strict=False)
    if [name for name in unknown if name not in ("layernorm.weight", "layernorm.bias")]:
        raise ValueError(f"the Q-Formers differ: {unknown[:3]}")
    with torch.no_grad():
        model.query_tokens.copy_(seeing.query_tokens)
        for kind in ("weight", "bias"):
            getattr(model.qformer.embeddings.layernorm, kind).copy_(getattr(seeing.qformer.layernorm, kind))
    assert all(name.startswith("embeddings") or ".intermediate." in name or ".output." in name for name in missing)
