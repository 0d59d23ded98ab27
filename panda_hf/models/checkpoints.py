"""Where a checkpoint lies: ``mini/<name>`` is shipped in this package, anything else is a folder or a Hub id."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from panda_hf.errors import CheckpointError

MINI_PREFIX = "mini/"


def resolve(checkpoint: str) -> str:
    """The folder or Hub id that ``from_pretrained`` takes.

    Args:
        checkpoint: ``mini/<name>`` for a shipped miniature, a local folder, or a Hub repository id.

    Raises:
        CheckpointError: when a ``mini/`` checkpoint is not in the package.
    """
    if not checkpoint.startswith(MINI_PREFIX):
        return checkpoint
    folder = mini_folder() / checkpoint.removeprefix(MINI_PREFIX)
    if not (folder / "config.json").exists():
        raise CheckpointError(
            f"{checkpoint!r} is not shipped in this package (looked in {folder}); shipped: {shipped()}. "
            f"`panda-hf mini train` makes them."
        )
    return str(folder)


def mini_folder() -> Path:
    """The folder of the shipped miniature checkpoints."""
    return Path(str(files("panda_hf"))) / "mini" / "checkpoints"


def shipped() -> list[str]:
    """The names ``resolve`` knows, such as ``mini/image``."""
    return sorted(MINI_PREFIX + config.parent.name for config in mini_folder().glob("*/config.json"))
