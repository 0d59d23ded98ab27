"""How every family has its model write: one batch in, the new tokens of each row out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import Decoding
from panda_hf.captioning.seeds import generate_settings
from panda_hf.captioning.teachers.base import Answer, ClipInput, Reply

SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
"""Which words begin, end and fill a text: grammar of the checkpoint rather than a choice of how to write."""


def generate(
    model: Any,
    inputs: Any,
    teacher: str,
    clips: Sequence[ClipInput],
    decoding: Decoding,
    *,
    tokenizer: Any = None,
) -> Any:
    """Token ids (rows, length) of what ``model`` writes; the prompt is left out.

    Args:
        model: with ``generate``.
        inputs: a batch as a processor returns it, moved to where the model is.
        teacher: its name, so that two teachers draw differently.
        clips: whose rows they are.
        decoding: how words are drawn.
        tokenizer: ends the rows at ``decoding.stop``; ``None``: they go on, and are cut later.
    """
    import torch
    from transformers import BatchFeature

    forget_defaults(model)
    inputs = BatchFeature(dict(inputs)).to(model.device, model.dtype)  # a tokenizer's result takes no number format
    settings = generate_settings(decoding, teacher, [clip.clip_id for clip in clips])
    if decoding.stop and tokenizer is not None:
        settings["stopping_criteria"] = [StopsAt(decoding.stop, tokenizer)]
    with torch.inference_mode():
        ids = model.generate(**inputs, **settings)
    return without_prompt(ids, inputs.get("input_ids"))


def forget_defaults(model: Any) -> None:
    """Take from a checkpoint's own generation settings all but its special tokens: cards say how words are drawn."""
    from transformers import GenerationConfig

    parts: tuple[Any, ...] = (model, getattr(model, "language_model", None))
    for part in parts:  # where a model hands its writing on to another
        config = getattr(part, "generation_config", None)
        if config is not None:
            part.generation_config = GenerationConfig(**{name: getattr(config, name, None) for name in SPECIAL})


class StopsAt:
    """A stopping criterion for one call of ``generate``: a row ends when one of some strings is in its last words.

    That of transformers works on the pieces of a vocabulary and refuses tokenizers that change what they are given,
    such as those that write everything in lower case.
    """

    def __init__(self, strings: Sequence[str], tokenizer: Any) -> None:
        self.strings = tuple(strings)
        self.tokenizer = tokenizer
        self.window = 2 + 2 * max(len(text) for text in strings)  # tokens; a character is seldom more than one
        self.start: int | None = None

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Whether each row ends, bool (rows,)."""
        import torch

        if self.start is None:
            self.start = input_ids.shape[1] - 1  # the first word is written
        recent = input_ids[:, max(self.start, input_ids.shape[1] - self.window) :]
        texts = self.tokenizer.batch_decode(recent, skip_special_tokens=True)
        ends = [any(text in written for text in self.strings) for written in texts]
        return torch.tensor(ends, device=input_ids.device)


def without_prompt(ids: Any, prompt: Any) -> Any:
    """``ids`` behind the prompt, where they begin with it: models that generate from embeddings leave it out."""
    if prompt is None or ids.shape[1] < prompt.shape[1]:
        return ids
    length = prompt.shape[1]
    return ids[:, length:] if bool((ids[:, :length] == prompt).all()) else ids


def decode(processor: Any, ids: Any) -> list[str]:
    """One string per row, without special tokens."""
    return list(processor.batch_decode(ids, skip_special_tokens=True))


def replies(model: Any, processor: Any, ids: Any, decoding: Decoding) -> list[Reply]:
    """What each row says; an ``Answer`` that is ``cut`` where it ran into ``max_new_tokens``.

    Args:
        model: that wrote.
        processor: or tokenizer, to decode by.
        ids: from :func:`generate` (rows, length).
        decoding: that it was given.
    """
    texts, ends = decode(processor, ids), end_tokens(model)
    last = ids[:, -1].tolist() if ids.shape[1] else [None] * len(texts)
    done = [
        token is None or token in ends or any(stop in text for stop in decoding.stop)
        for token, text in zip(last, texts, strict=True)
    ]
    return [text if ended else Answer(text, cut=True) for text, ended in zip(texts, done, strict=True)]


def end_tokens(model: Any) -> frozenset[int]:
    """What stands last in a row that came to its end: the token that ends a text, or what fills up behind it."""
    found: set[int] = set()
    for part in (model, getattr(model, "language_model", None)):
        config = getattr(part, "generation_config", None)
        for name in ("eos_token_id", "pad_token_id"):
            token = getattr(config, name, None)
            found.update(token if isinstance(token, list) else [] if token is None else [token])
    return frozenset(found)


def pad_for_generation(model: Any, tokenizer: Any) -> None:
    """Let prompts be padded where it does least harm.

    A decoder goes on at the right end of every row, so it is padded on the left. An encoder is padded on the right:
    places for pixels stand before the words, and padding between the two would move them apart.
    """
    language_model = getattr(model, "language_model", model)
    tokenizer.padding_side = "right" if language_model.config.is_encoder_decoder else "left"
