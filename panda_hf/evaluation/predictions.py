"""Predictions of a captioner, matched with the references by id."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from panda_hf.errors import SourceError

Predictions = dict[str, str]
"""One caption by video id."""

Missing = Literal["error", "empty"]
"""What becomes of a video without a prediction: an error, or an empty caption, counted."""


@dataclass(frozen=True)
class Matched:
    """Predictions and references, item by item, in the order of the references."""

    ids: tuple[str, ...]
    predictions: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    """Ids without a prediction, scored as empty."""
    unused: int
    """Predictions for videos that have no references."""


def collected(pairs: Iterable[tuple[str, str]], where: str) -> Predictions:
    """Pairs of id and caption as a mapping.

    Raises:
        SourceError: when there is none, or an id comes with two captions.
    """
    found: Predictions = {}
    for name, caption in pairs:
        if found.setdefault(name, caption) != caption:
            raise SourceError(f"{where}: {name!r} has two captions; which one is the prediction?")
    if not found:
        raise SourceError(f"{where} holds no predictions")
    return found


def match(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], missing: Missing = "error"
) -> Matched:
    """Pair each video that has references with its prediction.

    An id matches with and without the suffix of a video file, and with the folders before it.

    Raises:
        SourceError: when a prediction is missing and ``missing`` is ``"error"``, none matches at all, or two ids that
            differ in the suffix or the folder alone have two captions.
    """
    wanted = {*references, *map(_bare, references)}
    known = {**_by_other_name(predictions, wanted), **predictions}
    found = {name: known.get(name, known.get(_bare(name))) for name in references}
    lacking = tuple(name for name, caption in found.items() if caption is None)
    if len(lacking) == len(references):
        raise SourceError(
            f"no prediction matches a reference: predictions are called {_some(predictions)}, references "
            f"{_some(references)}"
        )
    if lacking and missing == "error":
        raise SourceError(
            f"{len(lacking):,} of {len(references):,} videos have no prediction, such as {_some(lacking)}; complete "
            f"the predictions, or score these as empty (--missing empty)"
        )
    return Matched(
        ids=tuple(references),
        predictions=tuple(caption or "" for caption in found.values()),
        references=tuple(tuple(said) for said in references.values()),
        missing=lacking,
        unused=sum(wanted.isdisjoint((name, _bare(name), _last(name))) for name in predictions),
    )


def _by_other_name(predictions: Mapping[str, str], wanted: Set[str]) -> Predictions:
    """Captions by id without the suffix of a video file, and without its folders where the rest is an id."""
    bare = ((_bare(name), caption) for name, caption in predictions.items())
    last = ((_last(name), caption) for name, caption in predictions.items() if _last(name) in wanted)
    return collected([*bare, *last], "the predictions")


def _last(name: str) -> str:
    """The end of a path, without the suffix of a video file."""
    return _bare(re.split(r"[\\/]", name)[-1])


def _bare(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.casefold() in (".mp4", ".avi", ".mkv", ".webm", ".mov") else name


def _some(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name, _ in zip(names, range(3), strict=False))
