"""How every family has its model write: one batch in, the new tokens of each row out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import Decoding
from panda_hf.captioning.seeds import generate_settings
from panda_hf.captioning.teachers.base import ClipInput


def generate(
    model: Any, inputs: Any, teacher: str, clips: Sequence[ClipInput], decoding: Decoding, **more: Any
) -> Any:
    """Token ids (rows, length) of what ``model`` writes; the prompt is left out.

    Args:
        model: with ``generate``.
        inputs: a batch as a processor returns it, moved to where the model is.
        teacher: its name, so that two teachers draw differently.
        clips: whose rows they are.
        decoding: how words are drawn.
        more: further arguments of ``generate``.
    """
    import torch
    from transformers import BatchFeature

    inputs = BatchFeature(dict(inputs)).to(model.device, model.dtype)  # a tokenizer's result takes no number format
    settings = generate_settings(decoding, teacher, [clip.clip_id for clip in clips])
    with torch.inference_mode():
        ids = model.generate(**inputs, **settings, **more)
    return without_prompt(ids, inputs.get("input_ids"))


def without_prompt(ids: Any, prompt: Any) -> Any:
    """``ids`` behind the prompt, where they begin with it: models that generate from embeddings leave it out."""
    if prompt is None or ids.shape[1] < prompt.shape[1]:
        return ids
    length = prompt.shape[1]
    return ids[:, length:] if bool((ids[:, :length] == prompt).all()) else ids


def decode(processor: Any, ids: Any) -> list[str]:
    """One string per row, without special tokens."""
    return list(processor.batch_decode(ids, skip_special_tokens=True))


def pad_for_generation(model: Any, tokenizer: Any) -> None:
    """Let prompts be padded where it does least harm.

    A decoder goes on at the right end of every row, so it is padded on the left. An encoder is padded on the right:
    places for pixels stand before the words, and padding between the two would move them apart.
    """
    language_model = getattr(model, "language_model", model)
    tokenizer.padding_side = "right" if language_model.config.is_encoder_decoder else "left"
