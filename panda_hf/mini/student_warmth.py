"""How the text branch of the miniature's student begins: it hands words on, and learns from there."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from panda_hf.mini.teacher_models import SPREAD

SHARPNESS = 1.2
"""Of the first looks: standard deviation of queries and keys."""
LOUDNESS = 6.0
"""How many times as loud as the query a word is that alone is looked at."""


@torch.no_grad()
def hand_words_on(model: Any, videos: Tensor) -> None:
    """Let the text branch begin by handing on the words that it looks at; where to look, it learns.

    Each of its tokens begins with another mixture of the words, as loud as the video's: the language model adds what
    it makes of a token to the token itself, so that a faint one is soon drowned.

    Args:
        model: the student, whose video branch is ready.
        videos: some (videos, frames, 3, height, width), to see what is usual.
    """
    nn.init.normal_(model.text_position_embedding.weight, std=SPREAD)
    first, *others = model.text_qformer.encoder.layer
    query, key, value = (
        cast(nn.Linear, getattr(first.crossattention.attention, name)) for name in ("query", "key", "value")
    )
    seen = model.get_video_features(videos)
    nn.init.constant_(others[-1].output_query.LayerNorm.weight, float(seen.std()))
    asking = model.text_qformer.layernorm(seen).flatten(0, 1)
    usual = asking.mean(dim=0)
    words = cast(Tensor, model.get_input_embeddings().weight)
    for part, spread in ((query, (asking - usual).std()), (key, words.std())):
        nn.init.normal_(part.weight, std=float(SHARPNESS / (spread * part.in_features**0.5)))
    query.bias.copy_(-query.weight @ usual)
    value.weight.copy_(LOUDNESS / words.std() * torch.eye(words.shape[1]))
    nn.init.eye_(first.crossattention.output.dense.weight)
    quiet = [layer.crossattention.output.dense for layer in others]
    for layer in (first, *others):
        quiet += [layer.attention.output.dense, layer.output_query.dense]
    for part in quiet:
        nn.init.normal_(part.weight, std=0.01)
