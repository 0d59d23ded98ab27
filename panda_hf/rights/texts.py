"""Columns of text, plain or within candidates, read and rewritten alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from datasets import Features, List, Value

from panda_hf import schema

CANDIDATES = "candidates"
"""The column whose values are lists of captions with their teachers and scores."""


def text_features(columns: Sequence[str]) -> Features:
    """The types of these columns."""
    return Features({name: List(schema.CANDIDATE) if name == CANDIDATES else Value("string") for name in columns})


def texts_of(value: Any) -> Iterator[str]:
    """The texts in a value of such a column."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item["caption"] for item in value if isinstance(item.get("caption"), str))


def rewritten(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [
            {**item, "caption": change(item["caption"])} if isinstance(item.get("caption"), str) else item
            for item in value
        ]
    return value
