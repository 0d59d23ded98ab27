"""ROUGE-L of captions, as pycocoevalcap computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

# evaluate copies what this file names, not what those files name.
from .caption_corpus import Corpus, corpus
from .caption_items import at_once, checked
from .longest_match import Lexer
from .ptb_grammar import RULES
from .ptb_tokenizer import DROPPED

BETA = 1.2
_BITS = 64
_DESCRIPTION = "Longest common subsequence of a caption with its references, as pycocoevalcap has it."
_INPUTS = """
Args:
    predictions: one caption per item.
    references: a list of captions per item.
    ids: names of the items, for messages; an id given twice is an error.
    tokenize: False when captions are PTB tokens with a blank between them already.
    per_item: also return the score of each item.
"""


class RougeL(evaluate.Metric):
    """ROUGE-L; see the card."""

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
        return rouge_l(predictions, references, **options)

    def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, Any]:
        return rouge_l(predictions, references, **options)


def rouge_l(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    ids: Sequence[Any] | None = None,
    tokenize: bool = True,
    per_item: bool = False,
) -> dict[str, Any]:
    """ROUGE-L over all items (0 to 1) and, on request, of each.

    Raises:
        ValueError: names the item that cannot be scored.
    """
    said, known = checked(predictions, references, ids)
    scores = _scores(corpus(said, known, tokenized=not tokenize, blank=True))
    found: dict[str, Any] = {"rouge_l": float(scores.mean()), "variant": "best precision and recall, beta 1.2"}
    found["items"] = len(said)
    if per_item:
        found |= {"per_item": {"rouge_l": scores.tolist()}, "statistics": scores[:, None].tolist()}
    return found


def _scores(held: Corpus) -> np.ndarray:
    owner, lengths = held.owner[held.items :], held.lengths[held.items :]
    common = _common(held)
    first = np.concatenate([[0], np.cumsum(held.references_of())[:-1]])
    precision = np.maximum.reduceat(common / held.lengths[owner], first)
    recall = np.maximum.reduceat(common / lengths, first)
    above = (1 + BETA**2) * precision * recall
    return np.divide(above, recall + BETA**2 * precision, out=np.zeros(held.items), where=above > 0)


def _common(held: Corpus) -> np.ndarray:
    """Length of the longest common subsequence of each reference with its prediction.

    Bit-parallel (Hyyrö 2004), for all pairs at once: a bit per word of the prediction, a step per word of references.
    """
    common = np.zeros(len(held.lengths) - held.items, dtype=np.int64)
    short = held.lengths[: held.items] <= _BITS
    pairs = np.flatnonzero(short[held.owner[held.items :]])
    # From the longest reference down, those that still have a word are the first ones.
    pairs = pairs[np.argsort(-held.lengths[held.items :][pairs], kind="stable")]
    masks, starts = _masks(held, short), held.starts[held.items :][pairs]
    lengths = held.lengths[held.items :][pairs]
    state = np.full(len(pairs), np.uint64(2**_BITS - 1))
    for step in range(int(lengths.max(initial=0))):
        live = int(np.searchsorted(-lengths, -step, side="left"))
        mask = masks[starts[:live] + step]
        held_back = state[:live] & mask
        state[:live] = (state[:live] + held_back) | (state[:live] - held_back)
    common[pairs] = np.unpackbits((~state)[:, None].view(np.uint8), axis=1).sum(axis=1)
    for pair in np.flatnonzero(~short[held.owner[held.items :]]):
        common[pair] = _long_common(held, int(pair))
    return common


def _masks(held: Corpus, short: np.ndarray) -> np.ndarray:
    """For each word of all captions, at which places of its item's prediction that word is; a bit per place."""
    kinds = int(held.words.max()) + 1
    owner = np.repeat(held.owner, held.lengths)
    key = owner * kinds + held.words
    ends = int(held.lengths[: held.items].sum())
    place = np.arange(ends) - np.repeat(held.starts[: held.items], held.lengths[: held.items])
    kept = short[owner[:ends]]
    known, inverse = np.unique(key[:ends][kept], return_inverse=True)
    bits = np.zeros(len(known) + 1, dtype=np.uint64)
    np.bitwise_or.at(bits, inverse, np.uint64(1) << place[kept].astype(np.uint64))
    found = np.searchsorted(known, key)
    hit = known[np.minimum(found, len(known) - 1)] == key if len(known) else np.zeros(len(key), dtype=bool)
    return bits[np.where(hit, found, len(known))]


def _long_common(held: Corpus, pair: int) -> int:
    """The same for one pair whose prediction is longer than a machine word has bits."""
    item, reference = held.owner[held.items + pair], held.items + pair
    masks: dict[int, int] = {}
    for place, word in enumerate(held.words[held.starts[item] :][: held.lengths[item]].tolist()):
        masks[word] = masks.get(word, 0) | 1 << place
    whole = (1 << int(held.lengths[item])) - 1
    state = whole
    for word in held.words[held.starts[reference] :][: held.lengths[reference]].tolist():
        held_back = state & masks.get(word, 0)
        state = (state + held_back | state - held_back) & whole
    return int(held.lengths[item]) - state.bit_count()
