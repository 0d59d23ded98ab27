"""Sampling that a seed and the clip id decide: not the batch, not the order of the clips, not what ran before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from panda_hf.captioning.registry.card import Decoding

_GOLDEN, _MIX_1, _MIX_2 = (word - 2**64 for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""Odd constants of SplitMix64, as signed numbers: a product keeps its low 64 bits."""


def row_key(decoding: Decoding, teacher: str, clip_id: str) -> str:
    """What decides the draws of one teacher for one clip."""
    return f"{decoding.seed}/{teacher}/{clip_id}"


def gumbel(keys: Sequence[str], step: int, words: torch.Tensor) -> torch.Tensor:
    """Gumbel noise, float64 (keys, words): a number for each key, step and word, always the same one.

    Whoever adds it to log-probabilities and takes the largest draws by these probabilities (Gumbel-max). Where two
    runs differ in the last bits, as batches of 16-bit models do, they still draw the same word as often as any
    method can make them; a draw along the summed probabilities would soon fall apart.

    Args:
        keys: one per row.
        step: of the words written so far.
        words: their numbers in the vocabulary, int64 (words,).
    """
    import torch

    digests = [hashlib.sha256(f"{key}/{step}".encode()).digest() for key in keys]
    roots = [int.from_bytes(digest[:8], "big", signed=True) for digest in digests]
    bits = _mixed(torch.tensor(roots, device=words.device)[:, None] + words * _GOLDEN)
    uniform = (((bits >> 12) & (2**52 - 1)).double() + 0.5) / 2**52
    return -(-uniform.log()).log()


def _mixed(bits: torch.Tensor) -> torch.Tensor:
    """Each int64 as another that looks random: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    bits = (bits ^ ((bits >> 30) & (2**34 - 1))) * _MIX_1
    bits = (bits ^ ((bits >> 27) & (2**37 - 1))) * _MIX_2
    return bits ^ ((bits >> 31) & (2**33 - 1))


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
    if decoding.num_beams > 1:
        settings["length_penalty"] = decoding.length_penalty
    if decoding.min_new_tokens:
        settings["min_new_tokens"] = decoding.min_new_tokens
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
        chances = likeliest(scores.float() / self.decoding.temperature, self.decoding.top_p)
        possible = (chances > 0).any(dim=0).nonzero()[:, 0]
        noise = gumbel(self.keys, step, possible)
        words = possible[(chances[:, possible].double().log() + noise).argmax(dim=-1)]
        return torch.full_like(scores, -torch.inf).scatter(1, words[:, None], 0.0)


def likeliest(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Probabilities (rows, vocabulary), 0 outside the likeliest words that together have at least ``top_p``."""
    chances = scores.softmax(dim=-1)
    if top_p >= 1.0:
        return chances
    ordered, words = chances.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    return chances.masked_fill((before >= top_p).gather(1, words.argsort(dim=-1)), 0.0)
