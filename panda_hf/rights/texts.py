"""Columns of text, plain or within candidates, read and rewritten alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Features, List, Value

from panda_hf import schema
from panda_hf.errors import MissingColumnError

CANDIDATES = "candidates"
"""The column whose values are lists of captions with their teachers and scores."""


@dataclass(frozen=True, kw_only=True)
class OverText:
    """What a stage over columns of text says of them; any may be empty in a row."""

    columns: tuple[str, ...] = ("caption",)
    """Text columns, and ``candidates``; each must be there."""

    @property
    def reads(self) -> tuple[str, ...]:
        """None must hold a value: a row without a caption may have a title with a name in it."""
        return ()

    @property
    def uses(self) -> tuple[str, ...]:
        """The columns of text."""
        return self.columns

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise ``MissingColumnError`` where a column of text is not there."""
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise MissingColumnError(
                f"{type(self).__name__} goes over {missing}, which the dataset lacks; it has {sorted(columns)}"
            )


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
