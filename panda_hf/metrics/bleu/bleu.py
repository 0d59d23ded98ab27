"""BLEU-1 to BLEU-4 of a corpus, as pycocoevalcap computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

# evaluate copies what this file names, not what those files name.
from .caption_corpus import ORDERS, Corpus, corpus, grams, in_predictions
from .caption_items import at_once, checked
from .longest_match import Lexer
from .ptb_grammar import RULES
from .ptb_tokenizer import DROPPED

NAMES = tuple(f"bleu_{order}" for order in range(1, ORDERS + 1))
# The official script's way out of divisions by zero; it shows where a prediction is empty.
_SMALL, _TINY = 1e-9, 1e-15
_DESCRIPTION = (
    "Share of n-grams that references have too, up to 4 words, with a penalty for brevity, as pycocoevalcap."
)
_INPUTS = """
Args:
    predictions: one caption per item.
    references: a list of captions per item.
    ids: names of the items, for messages; an id given twice is an error.
    tokenize: False when captions are PTB tokens with a blank between them already.
    per_item: also return the scores of each item, and the statistics whose sums give the corpus scores.
"""


class Bleu(evaluate.Metric):
    """BLEU-1 to BLEU-4; see the card."""

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
        return bleu(predictions, references, **options)

    def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, Any]:
        return bleu(predictions, references, **options)


def bleu(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    ids: Sequence[Any] | None = None,
    tokenize: bool = True,
    per_item: bool = False,
) -> dict[str, Any]:
    """BLEU-1 to BLEU-4 over all items (0 to 1) and, on request, of each.

    Raises:
        ValueError: names the item that cannot be scored.
    """
    said, known = checked(predictions, references, ids)
    statistics = _statistics(corpus(said, known, tokenized=not tokenize, blank=False))
    whole = from_statistics(statistics.sum(axis=0, keepdims=True))[0]
    found: dict[str, Any] = dict(zip(NAMES, whole.tolist(), strict=True))
    found |= {"variant": "corpus, closest reference length", "items": len(said)}
    if per_item:
        each = from_statistics(statistics)
        found |= {"per_item": dict(zip(NAMES, each.T.tolist(), strict=True)), "statistics": statistics.tolist()}
    return found


def from_statistics(sums: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4, shape (rows, 4), from summed statistics, shape (rows, 10).

    Each row: n-grams that match, 1 to 4; n-grams of the predictions, 1 to 4; their words; words of the references
    closest in length.
    """
    sums = np.asarray(sums, dtype=np.float64)
    precision = (sums[:, :ORDERS] + _TINY) / (sums[:, ORDERS : 2 * ORDERS] + _SMALL)
    scores = np.cumprod(precision, axis=1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (sums[:, -2] + _TINY) / (sums[:, -1] + _SMALL)
    penalty = np.exp(1 - 1 / np.minimum(ratio, 1))
    return scores * penalty[:, None]


def _statistics(held: Corpus) -> np.ndarray:
    """Items x 10, as `from_statistics` takes them."""
    own, counts = held.lengths[: held.items], held.references_of()
    statistics = np.zeros((held.items, 2 * ORDERS + 2))
    for order, found in enumerate(grams(held)):
        ends, ours, theirs = in_predictions(found, held)
        most = np.zeros(ends, dtype=np.int64)
        np.maximum.at(most, theirs, found.times[ours])
        met = np.minimum(most, found.times[:ends])
        statistics[:, order] = np.bincount(found.caption[:ends], met, minlength=held.items)
        statistics[:, ORDERS + order] = np.maximum(own - order, 0)
    statistics[:, -2] = own
    # Of references equally close the shorter one counts.
    length = held.lengths[held.items :]
    away = np.abs(length - own[held.owner[held.items :]]) * (length.max() + 1) + length
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    statistics[:, -1] = np.minimum.reduceat(away, first) % (length.max() + 1)
    return statistics
