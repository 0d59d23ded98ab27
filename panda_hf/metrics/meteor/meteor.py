"""METEOR 1.5 for English as caption papers report it, without Java."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import datasets
import evaluate
import numpy as np

from .alignment import align as align
from .caption_items import at_once, checked
from .english_stemmer import stem as stem
from .java_backend import score_with_jar
from .longest_match import Lexer as Lexer
from .matching import Lexicon, relate
from .meteor_data import Source, WordLists, locate, word_lists
from .normalizer import LOWER_CASE, words
from .paraphrases import load, usable
from .ptb_grammar import RULES as RULES
from .ptb_tokenizer import tokenized
from .scoring import Item, from_statistics, score_of, summable
from .worker import score_in_processes

# `evaluate` copies the modules that this file names beside it, and no others: hence the imports `as` themselves.
_BREAKS = re.compile("[\r\n]+")
_CONTROL = "".join(map(chr, range(33)))
_VARIANTS = {
    "full": "METEOR 1.5, en, -norm: exact+stem+synonym+paraphrase",
    "exact+stem": "METEOR 1.5, en, -norm: exact+stem only, no function words",
}
_DESCRIPTION = "METEOR 1.5 for English, equal to the published jar item by item, without Java."
_INPUTS = """
Args:
    predictions: one text for each item. references: for each item a list of texts.
    ids: names of the items, for messages. tokenize: False where texts are tokenised already.
    per_item: also return each item's score and its row of 23 statistics, whose sums decide the corpus score.
    data: the jar meteor-1.5.jar or its folder, with data/paraphrase-en.gz; None finds an installed pycocoevalcap.
    backend: "python", or "java" to ask the published jar. timeout: seconds that the jar may take.
    variant: "full", or "exact+stem", which needs no data and is another, smaller score.
    workers: processes; None means all cores where it pays.
"""


class Meteor(evaluate.Metric):
    """METEOR 1.5; see the card."""

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
        return self._compute(predictions, references, **options)

    def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, Any]:
        return meteor(predictions, references, **{"cache": self.data_dir, **options})


def meteor(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    ids: Sequence[Any] | None = None,
    tokenize: bool = True,
    per_item: bool = False,
    data: str | Path | None = None,
    backend: Literal["python", "java"] = "python",
    variant: Literal["full", "exact+stem"] = "full",
    workers: int | None = None,
    timeout: float = 3600.0,
    cache: str | Path | None = None,
) -> dict[str, Any]:
    """METEOR over all items (0 to 1) and, on request, of each.

    `cache` is a folder for the index of the paraphrase table; None makes the index anew in each process. The other
    options stand at the metric's inputs.

    Raises:
        ValueError: names the item that cannot be scored.
        FileNotFoundError: says how to have METEOR's data, or Java, where it is missing.
    """
    if variant not in _VARIANTS or backend not in ("python", "java"):
        raise ValueError(f"variant={variant!r}, backend={backend!r}: use {list(_VARIANTS)}, ['python', 'java']")
    predictions, references = checked(predictions, references, ids)
    lines, full = _lines(predictions, references, tokenize), variant == "full"
    if backend == "java":
        rows, scores, corpus = score_with_jar(locate(data).jar, lines, full=full, timeout=timeout)
    else:
        rows = _score(lines, locate(data) if full else None, workers, Path(cache) if cache else None)
        scores = [score_of(row) for row in rows]
        corpus = float(from_statistics(np.sum([summable(row) for row in rows], axis=0))[0])
    result: dict[str, Any] = {"meteor": corpus, "variant": f"{_VARIANTS[variant]} ({backend})", "items": len(rows)}
    if per_item:
        result |= {"per_item": {"meteor": scores}, "statistics": [summable(row) for row in rows]}
    return result


def _lines(
    predictions: Sequence[str], references: Sequence[Sequence[str]], tokenize: bool
) -> list[tuple[str, list[str]]]:
    """Texts as the official script hands them to the scorer, its separator and its line breaks taken out."""
    wanted = [text for own in references for text in own]
    if tokenize:
        said, wanted = tokenized(predictions), tokenized(wanted)
    else:
        said, wanted = ([_BREAKS.sub(" ", text) for text in texts] for texts in (predictions, wanted))
    following = iter(wanted)
    return [
        (text.replace("|||", "").replace("  ", " "), [next(following) for _ in own])
        for text, own in zip(said, references, strict=True)
    ]


def _score(
    lines: Sequence[tuple[str, list[str]]], source: Source | None, workers: int | None, cache: Path | None
) -> list[list[float]]:
    lists = word_lists(source.jar) if source else WordLists(abbreviations=LOWER_CASE)
    items = _items(lines, lists)
    said = {" ".join(own): own for own, _ in items}.values()
    wanted = {" ".join(own): own for _, several in items for own in several}.values()
    related = relate({word for own in said for word in own}, {word for own in wanted for word in own}, lists)
    paraphrases = usable(load(source.table, cache), said, wanted) if source else None
    return score_in_processes(items, Lexicon(related, lists.function_words, paraphrases), workers)


def _items(lines: Sequence[tuple[str, list[str]]], lists: WordLists) -> list[Item]:
    """The words of each line. A reference that holds the scorer's separator is two references to it."""
    known: dict[str, list[str]] = {}

    def divided(line: str) -> list[str]:
        line = line.strip(_CONTROL)
        if line not in known:
            known[line] = words(line, lists.abbreviations)
        return known[line]

    return [
        (divided(prediction), [divided(part) for line in references for part in line.split("|||")])
        for prediction, references in lines
    ]
