"""Similarities that were computed elsewhere: read from NumPy and safetensors files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from panda_hf.errors import SourceError


def read_similarity(path: str | os.PathLike[str], key: str | None = None) -> np.ndarray:
    """A matrix of a ``.npy``, ``.npz`` or ``.safetensors`` file.

    Args:
        path: the file; nothing in it is executed.
        key: which array of a file with several.

    Raises:
        SourceError: when the file cannot be read, holds several arrays and ``key`` names none, or is no matrix.
    """
    file = Path(path)
    try:
        arrays = _arrays(file)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SourceError(f"the similarities {file} cannot be read: {error}") from error
    if key is None and len(arrays) != 1:
        raise SourceError(f"{file} holds {len(arrays)} arrays, {sorted(arrays)[:10]}: say which by --key")
    if key is not None and key not in arrays:
        raise SourceError(f"{file} has no array {key!r}; it has {sorted(arrays)[:10]}")
    matrix = arrays[key] if key is not None else next(iter(arrays.values()))
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating) or not matrix.size:
        raise SourceError(f"{file}: {matrix.dtype} of shape {matrix.shape} is no matrix of similarities")
    return matrix


def _arrays(file: Path) -> dict[str, np.ndarray]:
    suffix = file.suffix.casefold()
    if suffix == ".safetensors":
        from safetensors.numpy import load_file

        try:
            return load_file(file)
        except Exception as error:  # safetensors raises its own kind, derived from Exception alone
            raise ValueError(error) from error
    if suffix not in (".npy", ".npz"):
        raise ValueError("expected .npy, .npz or .safetensors")
    held = np.load(file, allow_pickle=False)
    if isinstance(held, np.ndarray):
        return {file.stem: held}
    with held:
        return {name: held[name] for name in held.files}
