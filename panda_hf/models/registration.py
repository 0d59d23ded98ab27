"""Let the auto classes of transformers know our models as soon as it is imported, without importing it ourselves.

``install()`` puts a finder in front of the import system that waits for two modules of transformers. Its table of
configurations then knows where a model type of ours is to be found, and looks there when it is asked for one; its
processors, which are found by their class and not by their type, are registered when they are first wanted.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_MODELS = {
    "panda_student": "panda_hf.models.student",
    "umt": "panda_hf.models.umt",
    "video_llama": "panda_hf.models.video_llama",
}
"""Model type -> the package that registers it when it is imported."""


class _Known(dict[str, Any]):
    """The configurations that were registered, and those of ours that are registered when they are asked for."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in _MODELS

    def __missing__(self, key: str) -> Any:
        if key not in _MODELS:
            raise KeyError(key)
        importlib.import_module(_MODELS[key])
        return super().__getitem__(key)


def _announce_configurations(module: ModuleType) -> None:
    mapping = module.CONFIG_MAPPING
    if isinstance(getattr(mapping, "_extra_content", None), dict):
        mapping._extra_content = _Known(mapping._extra_content)
    else:  # a release of transformers that keeps them elsewhere
        _register_all(module)


def _register_all(module: ModuleType) -> None:
    for package in _MODELS.values():
        importlib.import_module(package)


_WHEN_IMPORTED: dict[str, Callable[[ModuleType], None]] = {
    "transformers.models.auto.configuration_auto": _announce_configurations,
    "transformers.models.auto.processing_auto": _register_all,
}


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a module of transformers as ever, and then what waits for it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _WHEN_IMPORTED[self.name](module)


class _Finder(importlib.abc.MetaPathFinder):
    """Answers for the two modules alone; asking where they lie loads nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _WHEN_IMPORTED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Wait for transformers in this process, or act at once where it was imported before; twice changes nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    for name, act in _WHEN_IMPORTED.items():
        if name in sys.modules:
            act(sys.modules[name])
