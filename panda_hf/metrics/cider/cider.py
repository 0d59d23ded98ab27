"""CIDEr-D, the figure that captioning papers call CIDEr, as pycocoevalcap computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

# evaluate copies what this file names, not what those files name.
from .caption_corpus import Corpus, Grams, corpus, grams, in_predictions
from .caption_items import at_once, checked
from .longest_match import Lexer
from .ptb_grammar import RULES
from .ptb_tokenizer import DROPPED

SIGMA = 6.0
_DESCRIPTION = (
    "Consensus of a caption with the references: cosine of n-gram weights (CIDEr-D), as pycocoevalcap has it."
)
_INPUTS = """
Args:
    predictions: one caption per item.
    references: a list of captions per item.
    ids: names of the items, for messages; an id given twice is an error.
    tokenize: False when captions are PTB tokens with a blank between them already.
    per_item: also return the score of each item.
"""


class Cider(evaluate.Metric):
    """CIDEr-D; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; captions given at once need not travel through Arrow."""
        if not at_once(self, predictions, references):
            return super().compute(predictions=predictions, references=references, **options)
        return cider(predictions, references, **options)

    def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, Any]:
        return cider(predictions, references, **options)


def cider(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    ids: Sequence[Any] | None = None,
    tokenize: bool = True,
    per_item: bool = False,
) -> dict[str, Any]:
    """CIDEr-D over all items (0 to 10) and, on request, of each; weights come from the references given.

    Raises:
        ValueError: names the item that cannot be scored.
    """
    said, known = checked(predictions, references, ids)
    scores = _scores(corpus(said, known, tokenized=not tokenize, blank=False))
    found: dict[str, Any] = {"cider": float(scores.mean()), "variant": "CIDEr-D, n 1-4, sigma 6", "items": len(said)}
    if per_item:
        found |= {"per_item": {"cider": scores.tolist()}, "statistics": scores[:, None].tolist()}
    return found


def _scores(held: Corpus) -> np.ndarray:
    """Items -> score. Each n-gram weighs its count times the log of items over items that have it."""
    pairs = len(held.lengths) - held.items
    owner = held.owner[held.items :]
    total = np.zeros(pairs)
    long = np.maximum(held.lengths - 1, 0)
    for found in grams(held):
        ends, ours, theirs = in_predictions(found, held)
        rarity = np.log(held.items) - np.log(np.maximum(1, _spread(found, held, ends)))
        weight = found.times * rarity[found.gram]
        norm = np.sqrt(np.bincount(found.caption, weight * weight, minlength=len(held.lengths)))
        match = np.minimum(weight[theirs], weight[ours]) * weight[ours]
        dot = np.bincount(found.caption[ours] - held.items, match, minlength=pairs)
        both = norm[owner] * norm[held.items :]
        total += np.divide(dot, both, out=np.zeros(pairs), where=both > 0)
    # The official script takes the number of bigrams for the length of a caption.
    gap = (long[owner] - long[held.items :]).astype(np.float64)
    total *= np.exp(-(gap**2) / (2 * SIGMA**2))
    return 10 / 4 * np.bincount(owner, total, minlength=held.items) / held.references_of()


def _spread(found: Grams, held: Corpus, ends: int) -> np.ndarray:
    """In the references of how many items each n-gram is."""
    key = np.sort(held.owner[found.caption[ends:]] * found.kinds + found.gram[ends:])
    once = key[np.concatenate([[True], key[1:] != key[:-1]])] if len(key) else key
    return np.bincount(once % found.kinds, minlength=found.kinds)
