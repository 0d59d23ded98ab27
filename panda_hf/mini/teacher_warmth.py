"""What a new teacher takes over from finished ones, so that it learns in minutes: eyes, words, a way to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


@torch.no_grad()
def take_vision(vision: Any, checkpoint: Path) -> None:
    """Start a vision tower of BLIP-2 as that of a LLaVA; the place of its class token is new."""
    other: Any = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    eyes = {name.removeprefix("vision_model."): w for name, w in other.model.vision_tower.state_dict().items()}
    nn.init.zeros_(vision.embeddings.class_embedding)
    nn.init.zeros_(vision.embeddings.position_embedding)
    vision.embeddings.position_embedding[0, 1:] = eyes["embeddings.position_embedding.weight"]
    for kind in ("weight", "bias"):
        getattr(vision.embeddings.patch_embedding, kind).copy_(eyes[f"embeddings.patch_embedding.{kind}"])
        for number, layer in enumerate(vision.encoder.layers):
            name = f"encoder.layers.{number}."
            parts = [eyes[f"{name}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            getattr(layer.self_attn.qkv, kind).copy_(torch.cat(parts))
            for ours, theirs in (
                (layer.self_attn.projection, "self_attn.out_proj"),
                (layer.mlp.fc1, "mlp.fc1"),
                (layer.mlp.fc2, "mlp.fc2"),
                (layer.layer_norm1, "layer_norm1"),
                (layer.layer_norm2, "layer_norm2"),
            ):
                getattr(ours, kind).copy_(eyes[f"{name}{theirs}.{kind}"])


@torch.no_grad()
def look_around(model: Any, videos: Tensor) -> None:
    """Start both Q-Formers of a Video-LLaMA so that they hand on what the vision tower sees; from there they learn.

    Each query of the first begins as the usual token of one patch and finds such tokens; the queries of the second
    begin as the usual tokens of these queries, half of them in early frames and half in late ones.

    Args:
        model: with as many queries as a frame has patches, twice as many video queries, all of one width.
        videos: some (videos, frames, 3, height, width), to see what is usual.
    """
    frames, width = videos.shape[1], model.query_tokens.shape[-1]
    seen = model.vision_model(pixel_values=videos.flatten(0, 1)).last_hidden_state
    model.query_tokens[0] = seen[:, 1:].mean(dim=0)
    _hand_on(model.qformer)
    usual = model.get_frame_features(videos.flatten(0, 1)).mean(dim=0)
    steps = torch.arange(frames, dtype=torch.float32)
    near = torch.exp(-((steps[:, None] - steps[None]) ** 2) / 2)
    places = near @ torch.randn(frames, width) * 0.5
    model.frame_position_embedding.weight[:frames] = places
    model.video_query_tokens[0] = torch.cat([usual + places[:2].mean(dim=0), usual + places[-2:].mean(dim=0)])
    _hand_on(model.video_qformer)


def _hand_on(qformer: Any) -> None:
    for layer in qformer.encoder.layer:
        attention = layer.crossattention.attention
        for part, strength in ((attention.query, SHARPNESS), (attention.key, SHARPNESS), (attention.value, 1.0)):
            part.weight.copy_(strength * torch.eye(part.out_features))
        layer.crossattention.output.dense.weight.copy_(torch.eye(part.out_features))
        for quiet in (layer.attention.output.dense, layer.output_query.dense):
            nn.init.normal_(quiet.weight, std=0.01)


@torch.no_grad()
def take_tongue(model: Any, videos: Tensor, checkpoint: Path) -> None:
    """Start the projection of a Video-LLaMA as near as a line comes to what a LLaVA tells its Llama of the frames.

    Args:
        model: whose Q-Formers hand on patches (``look_around``).
        videos: some (videos, frames, 3, height, width).
        checkpoint: the LLaVA.
    """
    other: Any = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    layer = other.config.vision_feature_layer
    told = other.get_image_features(
        videos.flatten(0, 1), vision_feature_layer=layer, vision_feature_select_strategy="full"
    ).pooler_output
    told = torch.stack(list(told)).unflatten(0, videos.shape[:2])
    wanted = torch.cat([told[:, :3].mean(dim=1), told[:, -3:].mean(dim=1)], dim=1).flatten(0, 1)
    width = model.projection.in_features
    straight = nn.Linear(width, width, bias=False)
    straight.weight.copy_(torch.eye(width))
    line, model.projection = model.projection, straight
    has = model.get_video_features(videos).flatten(0, 1)
    model.projection = line
    fit_line(line, has, wanted)


@torch.no_grad()
def fit_line(line: nn.Linear, given: Tensor, wanted: Tensor) -> None:
    """Set ``line`` so that of ``given`` (n, in) it makes what comes nearest to ``wanted`` (n, out)."""
    best = torch.linalg.lstsq(torch.cat([given, torch.ones(len(given), 1)], dim=1), wanted).solution
    line.weight.copy_(best[:-1].T)
    line.bias.copy_(best[-1])


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
