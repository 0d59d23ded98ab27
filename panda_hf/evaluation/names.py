"""What models and files are called in tables and results: never by their place on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from panda_hf.errors import SourceError
from panda_hf.running.naming import safe_file_name

FILES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".npy", ".npz", ".safetensors")
"""Suffixes of files, which are called without them."""


def named(given: str) -> tuple[str, str]:
    """Name and value of ``NAME=VALUE``; a value alone, or an existing path with ``=`` in it, is called by its end.

    Example:
        >>> named("ours=predictions/ours.json"), named("mini/image"), named("predictions/ours.json")
        (('ours', 'predictions/ours.json'), ('mini/image', 'mini/image'), ('ours', 'predictions/ours.json'))

    Raises:
        SourceError: when one side of the ``=`` is empty.
    """
    name, separator, value = given.partition("=")
    if not separator or os.path.exists(given):
        return called(given), given
    if not name or not value:
        raise SourceError(f"{given!r}: expected NAME=VALUE, a name before the = and a file or a model after it")
    return name, value


def check_names(names: Sequence[str]) -> None:
    """Refuse two sources of one name: a table could not tell them apart.

    Raises:
        SourceError: naming the name.
    """
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise SourceError(f"two things to evaluate are called {twice[0]!r}; name one of them, as in NAME={twice[0]}")


def called(value: str) -> str:
    """The name of a model or file without what its place on this machine says."""
    path = Path(value)
    name = path.resolve().name if path.is_dir() or path.is_absolute() else value
    return Path(value).stem if path.suffix.casefold() in FILES and not path.is_dir() else name


def file_name(name: str) -> str:
    """A short file name, without suffix, for a model's name; another name may have the same one.

    Example:
        >>> file_name("mini/image"), file_name("selector's choice")
        ('mini-image', 'selector-s-choice')
    """
    short = re.sub(r"[^\w.]+", "-", name).strip("-.")
    return short if 0 < len(short) < 60 else safe_file_name(name)
