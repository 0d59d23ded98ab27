"""The apps of `spaces/` as modules, for the commands that open them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def space_module(space: str) -> ModuleType:
    """The app of a folder of `spaces/`: inside an installed package, beside the package in a checkout.

    Raises:
        SourceError: when gradio is missing.
    """
    import panda_hf
    from panda_hf.errors import SourceError

    if importlib.util.find_spec("gradio") is None:
        raise SourceError("the page needs gradio 6 or later: pip install 'panda_hf[demo]'")
    package = Path(panda_hf.__file__).parent
    inside = package / "spaces"
    file = (inside if inside.is_dir() else package.parent / "spaces") / space / "app.py"
    name = f"panda_hf_space_{space.replace('-', '_')}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
