"""Sampling that a seed and the clip id decide: not the batch, not the order of the clips, not what ran before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from panda_hf.captioning.registry.card import Decoding


def row_key(decoding: Decoding, teacher: str, clip_id: str) -> str:
    """What decides the draws of one teacher for one clip."""
    return f"{decoding.seed}/{teacher}/{clip_id}"


def uniform(key: str, step: int) -> float:
    """A number in [0, 1) for each key and step, always the same one: 53 bits of a SHA-256.

    Example:
        >>> uniform("0/blip/v.1", 0) == uniform("0/blip/v.1", 0) != uniform("0/blip/v.1", 1)
        True
    """
    digest = hashlib.sha256(f"{key}/{step}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def request_seed(key: str) -> int:
    """A seed in [0, 2**31) for a server that draws by itself."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1


def generate_settings(decoding: Decoding, teacher: str, clip_ids: Sequence[str]) -> dict[str, Any]:
    """Arguments of ``model.generate`` for one batch; use them for one call only.

    ``do_sample`` stays off: where the decoding samples, a processor of the scores leaves each row one word, drawn for
    its clip, and the greedy search takes it. The penalty on repetition looks at the written words alone, since the
    prompt's padding depends on the batch.

    Args:
        decoding: how words are drawn.
        teacher: its name, so that two teachers draw differently.
        clip_ids: one per row of the batch, in order.
    """
    settings: dict[str, Any] = {"max_new_tokens": decoding.max_new_tokens, "num_beams": decoding.num_beams}
    settings |= {"do_sample": False, "repetition_penalty": 1.0}  # a checkpoint's own settings must not slip in
    if decoding.sample or decoding.repetition_penalty != 1.0:
        keys = [row_key(decoding, teacher, clip_id) for clip_id in clip_ids]
        settings["logits_processor"] = [DrawnWords(decoding, keys)]
    return settings


class DrawnWords:
    """A logits processor for one call of ``generate``: penalises repetition, then draws a word for each row."""

    def __init__(self, decoding: Decoding, keys: Sequence[str]) -> None:
        """Start at the first word.

        Args:
            decoding: how words are drawn.
            keys: one per row, from :func:`row_key`; used only where ``decoding`` samples.
        """
        self.decoding = decoding
        self.keys = tuple(keys)
        self.prompt_length: int | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores of the next word, (rows, vocabulary); where it samples all but the drawn one are minus infinity.

        Raises:
            ValueError: when the rows are not those that were announced.
        """
        if self.prompt_length is None:
            self.prompt_length = input_ids.shape[1]
        written = input_ids[:, self.prompt_length :]
        if self.decoding.repetition_penalty != 1.0 and written.shape[1]:
            scores = self._penalised(written, scores)
        return self._drawn(written.shape[1], scores) if self.decoding.sample else scores

    def _penalised(self, written: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        from transformers import RepetitionPenaltyLogitsProcessor

        return RepetitionPenaltyLogitsProcessor(self.decoding.repetition_penalty)(written, scores)

    def _drawn(self, step: int, scores: torch.Tensor) -> torch.Tensor:
        import torch

        if len(scores) != len(self.keys):
            raise ValueError(f"{len(scores)} rows of scores for {len(self.keys)} clips: sampling takes one row a clip")
        chances = likeliest(scores.float() / self.decoding.temperature, self.decoding.top_p).double().cumsum(dim=-1)
        draws = torch.tensor([uniform(key, step) for key in self.keys], dtype=torch.float64, device=scores.device)
        words = torch.searchsorted(chances, (draws * chances[:, -1])[:, None], right=True)
        return torch.full_like(scores, -torch.inf).scatter(1, words.clamp(max=scores.shape[1] - 1), 0.0)


def likeliest(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Probabilities (rows, vocabulary), 0 outside the likeliest words that together have at least ``top_p``."""
    chances = scores.softmax(dim=-1)
    if top_p >= 1.0:
        return chances
    ordered, words = chances.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    return chances.masked_fill((before >= top_p).gather(1, words.argsort(dim=-1)), 0.0)
