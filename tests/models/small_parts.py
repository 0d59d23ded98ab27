"""Settings of the parts that a tiny student and a tiny Video-LLaMA both have."""

from __future__ import annotations

from typing import Any

VISION = {
    "hidden_size": 44,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "initializer_range": 0.3,
}
QFORMER = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "initializer_range": 0.3}


def llama(tokenizer: Any, words: int) -> dict[str, Any]:
    """A language model of two layers that knows so many words."""
    return {
        "model_type": "llama",
        "vocab_size": words,
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
