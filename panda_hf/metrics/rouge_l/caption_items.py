"""Predictions and references as a user hands them over: checked, with errors that name the item.

The same file lies in every metric that needs it, since each metric runs alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def at_once(module: Any, predictions: Any, references: Any) -> bool:
    """Whether captions were given to `compute` whole: then they need not travel through Arrow.

    Raises:
        ValueError: when one of the two was forgotten.
    """
    if (predictions is None) != (references is None):
        missing = "references: a list of captions per prediction" if references is None else "predictions"
        raise ValueError(f"compute was not given {missing}")
    waiting = module.writer is not None or module.num_process > 1
    return predictions is not None and not waiting


def checked(predictions: Any, references: Any, ids: Any = None) -> tuple[list[str], list[list[str]]]:
    """Predictions and references, one list of references each.

    Raises:
        ValueError: names the item whose prediction or references cannot be scored.
    """
    said, known = _listed(predictions, "predictions"), _listed(references, "references")
    names = list(range(len(said))) if ids is None else _listed(ids, "ids")
    if not len(said) == len(known) == len(names):
        counts = f"{len(said)} predictions, {len(known)} lists of references and {len(names)} ids"
        raise ValueError(f"{counts}: expected as many of each")
    if not said:
        raise ValueError("there are no predictions to score")
    again = _twice(names)
    if again is not None:
        raise ValueError(f"the id {again!r} is there twice: score each item once, against all its references")
    for name, prediction in zip(names, said, strict=True):
        if not isinstance(prediction, str):
            raise ValueError(
                f"the prediction for {name!r} is no text but {prediction!r}; an empty one is '' and scores 0"
            )
    return said, [_captions(name, captions) for name, captions in zip(names, known, strict=True)]


def _listed(values: Any, what: str) -> list[Any]:
    if isinstance(values, str | bytes | Mapping):
        raise ValueError(f"{what} are a {type(values).__name__}: give a list with one entry per item")
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{what} are {values!r}: give a list with one entry per item") from None


def _captions(name: Any, captions: Any) -> list[str]:
    if isinstance(captions, str | bytes):
        raise ValueError(f"the references of {name!r} are one text: give a list of texts")
    try:
        found = [] if captions is None or isinstance(captions, Mapping) else list(captions)
    except TypeError:
        found = []
    if not found:
        raise ValueError(f"{name!r} has no reference but {captions!r}: leave it out, or give it a list of one or more")
    for caption in found:
        if not isinstance(caption, str):
            raise ValueError(f"a reference of {name!r} is no text but {caption!r}")
    return found


def _twice(names: list[Any]) -> Any:
    seen: set[str] = set()
    for name in names:
        key = f"{type(name).__name__} {name!r}"
        if key in seen:
            return name
        seen.add(key)
    return None
