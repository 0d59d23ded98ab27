"""`panda-hf build NAME`: one command for each folder of `dataset_scripts/`, made by its build.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup

import panda_hf

BUILDER = "build.py"
"""The file of a dataset's folder that defines the function ``build``, whose signature is the command's."""


def scripts_folder() -> Path:
    """Where the folders are: inside an installed package, beside the package in a checkout."""
    package = Path(panda_hf.__file__).parent
    inside = package / "dataset_scripts"
    return inside if inside.is_dir() else package.parent / "dataset_scripts"


def dataset_names() -> list[str]:
    """The datasets that can be built."""
    return sorted(path.parent.name for path in scripts_folder().glob(f"*/{BUILDER}"))


def builder(name: str) -> ModuleType:
    """The module ``build.py`` of a dataset's folder, loaded once."""
    module_name = f"panda_hf_dataset_{name.replace('-', '_')}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, scripts_folder() / name / BUILDER)
        assert spec is not None and spec.loader is not None
        module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[module_name]


class Datasets(TyperGroup):
    """The commands are the folders; a folder's code is loaded when its command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the datasets."""
        return dataset_names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one dataset; ``None`` when there is no such folder."""
        if cmd_name not in dataset_names():
            return None
        one = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
        one.command(cmd_name, context_settings={"help_option_names": ["-h", "--help"]})(builder(cmd_name).build)
        return typer.main.get_command(one)


build = typer.Typer(cls=Datasets, no_args_is_help=True, help="Turn a released dataset into a dataset repository.")


@build.callback()
def _group() -> None:
    """Turn a released dataset into a dataset repository."""
