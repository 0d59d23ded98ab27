"""Models are loaded once per process, by loaders marked `kept`, and given back all together by `release_models`."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

Arguments = ParamSpec("Arguments")
Model = TypeVar("Model")

_LOADERS: list[functools._lru_cache_wrapper] = []


def kept(loader: Callable[Arguments, Model]) -> Callable[Arguments, Model]:
    """Let a function that loads a model load each one once (by its arguments, which must be hashable)."""
    _LOADERS.append(functools.cache(loader))
    return cast(Callable[Arguments, Model], _LOADERS[-1])


def release_models() -> None:
    """Forget every model that a loader keeps, and give its memory back to the system and to the GPU.

    Called between two stages of an eager run, so that teachers too large to stand side by side run one after another.
    What the caller itself still holds stays alive; the next use of a stage loads its model again.
    """
    for loader in _LOADERS:
        loader.cache_clear()
    release_memory()


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory, of a GPU or of the machine, did not suffice for what was tried."""
    said = isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    return said or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def release_memory() -> None:
    """Give back memory that is held for reuse; nothing that is in use goes."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
