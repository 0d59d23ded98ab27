"""Where a checkpoint lies: ``mini/<name>`` is shipped in this package, anything else is a folder or a Hub id."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from panda_hf.errors import CheckpointError

MINI_PREFIX = "mini/"
ONLY_SAFETENSORS = (
    "Only weights in safetensors are read, since other files can hold code that runs: load it once by from_pretrained "
    "where you trust it, and save_pretrained writes it as safetensors."
)


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


def check_folder(where: str) -> None:
    """Look whether a folder holds a checkpoint; what could be a Hub id is let pass.

    Args:
        where: from :func:`resolve`.

    Raises:
        CheckpointError: when what can only be a folder is not there, or a folder lacks ``config.json`` or weights.
    """
    folder = Path(where)
    if not folder.is_dir():
        if folder.is_absolute() or where.startswith((".", "~")) or where.count("/") > 1 or folder.exists():
            raise CheckpointError(f"{where!r} is no folder, and cannot be an id of the Hub; correct the path")
        return
    if not (folder / "config.json").exists():
        raise CheckpointError(f"the folder {where!r} has no config.json; is it what save_pretrained wrote?")
    if not any(folder.glob("*.safetensors")):
        raise CheckpointError(f"the folder {where!r} has no *.safetensors. {ONLY_SAFETENSORS}")


def mini_folder() -> Path:
    """The folder of the shipped miniature checkpoints."""
    return Path(str(files("panda_hf"))) / "mini" / "checkpoints"


def shipped() -> list[str]:
    """The names ``resolve`` knows, such as ``mini/image``."""
    return sorted(MINI_PREFIX + config.parent.name for config in mini_folder().glob("*/config.json"))
