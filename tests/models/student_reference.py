"""The student's forward path written down a second time, in plain torch and with the official names of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[name + ".weight"].T + state[name + ".bias"]


def norm(state: State, name: str, x: Tensor, eps: float) -> Tensor:
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + eps) * state[name + ".weight"] + state[name + ".bias"]


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    def split(x: Tensor) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def layers_of(state: State, prefix: str) -> int:
    places = prefix.count(".") + 1
    return 1 + max(int(name.split(".")[places]) for name in state if name.startswith(prefix + "."))


def vision(state: State, frames: Tensor, heads: int) -> Tensor:
    """(frames, 3, h, w) -> (frames, patches + 1, width), before the last norm."""
    kernel = state["visual_encoder.patch_embed.proj.weight"]
    patches = F.conv2d(frames, kernel, state["visual_encoder.patch_embed.proj.bias"], stride=kernel.shape[-1])
    patches = patches.flatten(2).transpose(1, 2)
    first = state["visual_encoder.cls_token"].expand(len(frames), -1, -1)
    x = torch.cat([first, patches], dim=1) + state["visual_encoder.pos_embed"]
    for i in range(layers_of(state, "visual_encoder.blocks")):
        block = f"visual_encoder.blocks.{i}"
        q_bias, v_bias = state[f"{block}.attn.q_bias"], state[f"{block}.attn.v_bias"]
        bias = torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
        inside = norm(state, f"{block}.norm1", x, 1e-6) @ state[f"{block}.attn.qkv.weight"].T + bias
        x = x + linear(state, f"{block}.attn.proj", attention(*inside.chunk(3, dim=-1), heads))
        inside = F.gelu(linear(state, f"{block}.mlp.fc1", norm(state, f"{block}.norm2", x, 1e-6)))
        x = x + linear(state, f"{block}.mlp.fc2", inside)
    return x


def qformer(state: State, name: str, queries: Tensor, keys: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    x = norm(state, f"{name}.bert.embeddings.LayerNorm", queries, 1e-12)
    for i in range(layers_of(state, f"{name}.bert.encoder.layer")):
        layer = f"{name}.bert.encoder.layer.{i}"
        for kind, other, hidden in (("attention", None, None), ("crossattention", keys, mask)):
            if f"{layer}.{kind}.self.query.weight" not in state:
                continue
            seen = x if other is None else other
            own = [linear(state, f"{layer}.{kind}.self.{part}", x if part == "query" else seen) for part in
                   ("query", "key", "value")]  # fmt: skip
            mixed = linear(state, f"{layer}.{kind}.output.dense", attention(*own, heads, hidden))
            x = norm(state, f"{layer}.{kind}.output.LayerNorm", x + mixed, 1e-12)
        inside = F.gelu(linear(state, f"{layer}.intermediate_query.dense", x))
        inside = linear(state, f"{layer}.output_query.dense", inside)
        x = norm(state, f"{layer}.output_query.LayerNorm", x + inside, 1e-12)
    return x


def stages(state: State, video: Tensor, ids: Tensor, mask: Tensor, heads: tuple[int, int, int]) -> dict[str, Tensor]:
    """All stages; ``video`` (videos, frames, 3, h, w), ``heads`` of the tower, the first two Q-Formers, the third."""
    count, frames = video.shape[:2]
    vit = vision(state, video.flatten(0, 1), heads[0])
    normed = norm(state, "ln_vision", vit, 1e-5)
    per_frame = qformer(state, "Qformer", state["query_tokens"].expand(len(vit), -1, -1), normed, heads[1])
    places = state["video_frame_position_embedding.weight"][:frames, None]
    keys = (per_frame.unflatten(0, (count, frames)) + places).flatten(1, 2)
    fused = qformer(state, "video_Qformer", state["video_query_tokens"].expand(count, -1, -1), keys, heads[1])
    video_tokens = linear(state, "llama_proj", fused)
    words = state["llama_model.model.embed_tokens.weight"][ids]
    words = words + state["text_prompt_position_embedding.weight"][: ids.shape[1]]
    text_tokens = qformer(state, "text_Qformer", video_tokens, words, heads[2], mask)
    return {
        "vit_out": vit,
        "ln_vision_out": normed,
        "qformer_out": per_frame,
        "video_tokens": video_tokens,
        "text_tokens": text_tokens,
    }
