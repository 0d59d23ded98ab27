"""Let a CUDA build of torchvision import beside a CPU build of torch; do nothing on a healthy installation.

The registry's torchvision wheel is a CUDA build. Beside a CPU-only torch its import raises "operator
torchvision::nms does not exist", and with it ``Trainer``, every image processor of transformers, ``evaluate`` and
``lpips`` fail to import. Declaring the two missing operator schemas first is enough: transforms and models then work,
``nms`` itself and torchvision's own image and video readers do not.

``install()`` puts a finder in front of the import system that acts at the moment torchvision is imported, so it costs
nothing where torchvision is never used, and works in every process that imports ``panda_hf``.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_keep_alive: list[Any] = []  # an operator library is undone when its object is collected


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs torchvision as ever, after declaring the operators that it will look for."""

    def exec_module(self, module: ModuleType) -> None:
        _declare_missing_operators(Path(self.path).parent)
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Answers for ``torchvision`` alone. Asking where it lies, as many packages do, loads nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Arm the guard for this process; calling it twice, or after torchvision was imported, changes nothing."""
    armed = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if not armed and "torchvision" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def is_needed(torch_cuda: str | None, torch_hip: str | None, torchvision_version: str) -> bool:
    """Whether this pair of builds is the broken one: torch without a GPU runtime, torchvision built for CUDA."""
    return torch_cuda is None and torch_hip is None and "+cu" in torchvision_version


def _declare_missing_operators(torchvision_folder: Path) -> None:
    try:
        import torch
    except ImportError:
        return
    if is_needed(torch.version.cuda, torch.version.hip, _version_of(torchvision_folder)):
        library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            library.define(schema)
        _keep_alive.append(library)


def _version_of(torchvision_folder: Path) -> str:
    """The build's own version, such as ``0.28.0+cu130``: package metadata drops the part behind the plus."""
    version_file = torchvision_folder / "version.py"
    for line in version_file.read_text(encoding="utf-8").splitlines() if version_file.exists() else []:
        if line.startswith("__version__"):
            return line.split("=", 1)[1].strip().strip("'\"")
    return ""
