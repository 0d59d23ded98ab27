"""What of a model's folder may be published: weights as safetensors, settings, and nothing that tells more."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.publishing.hub.prepare import CARD, PROVENANCE
from panda_hf.publishing.hub.scrub import Scrub

WEIGHTS = ".safetensors"
TEXTS = (".json", ".txt", ".jinja", ".csv", ".md", ".yml", ".yaml")
OTHERS = (".png", ".model")
"""Curves, and the vocabulary of a SentencePiece tokenizer."""
OURS = frozenset({CARD, PROVENANCE, "skipped.jsonl"})
"""Written anew, or of no use to others."""
VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "vocab.txt", "merges.txt"})
"""Words of the language, among which a path is no path of this machine."""

_SECRETS = re.compile(
    r"\bhf_[A-Za-z0-9]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bAIza[0-9A-Za-z_-]{35}|\bxox[abprs]-[0-9A-Za-z-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
)
"""Tokens of the Hub, GitHub, OpenAI and the like, Amazon, Google, Slack; private keys; signed web tokens."""
_SECRET_NAME = re.compile(r"(?:^|_)(?:token|password|secret|api_?key|access_?key|authorization)$", re.IGNORECASE)
_PLACE = re.compile(r"(?:^|[\s'\"=(:])(?:/(?:home|root|Users|tmp|mnt|work|var|data|scratch)/|[A-Za-z]:\\|file://|~/)")
_HEADER_BYTES = 8


def publishable(folder: Path) -> dict[str, Path]:
    """The files of a model's folder by name, checked.

    Args:
        folder: what ``save_pretrained`` wrote, perhaps with the record of its training.

    Raises:
        OutputError: when it is no model, its weights are not safetensors or not whole, or a file may hold code, a
            secret or a path of this machine.
    """
    if not (folder / "config.json").is_file():
        raise OutputError(f"{folder} has no config.json; give the folder that save_pretrained wrote")
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {name: path for name, path in found.items() if not _hidden(name) and name not in OURS}
    for name, path in kept.items():
        _check(name, path, Scrub.of(folder))
    _check_whole(kept, folder)
    return kept


def copied(files: dict[str, Path], staging: Path) -> dict[str, Path]:
    """The settings in a folder of their own, where they may be added to; weights stay where they are."""
    for name, path in files.items():
        if not name.endswith(WEIGHTS):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, staging / name)
    return {name: path if name.endswith(WEIGHTS) else staging / name for name, path in files.items()}


def read_json(path: Path) -> dict[str, Any]:
    """A file of settings; empty where there is none.

    Raises:
        OutputError: when it is not one.
    """
    if not path.is_file():
        return {}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} is not JSON: {error}; save the model again") from error
    if not isinstance(held, dict):
        raise OutputError(f"{path} is a {type(held).__name__}, not names with values; save the model again")
    return held


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in name.split("/"))


def _check(name: str, path: Path, scrub: Scrub) -> None:
    if path.is_symlink() and not path.resolve().is_file():
        raise OutputError(f"{path} is a link to nothing")
    if name.endswith(WEIGHTS):
        _check_text(name, "\n".join(_strings(_header(path))), scrub)
    elif name.endswith(TEXTS):
        text = path.read_text(encoding="utf-8", errors="replace")
        _check_text(name, _joined(name, text), scrub, paths=name.split("/")[-1] not in VOCABULARIES)
    elif not name.endswith(OTHERS):
        raise OutputError(
            f"{path} is not published: a model's repository holds weights as safetensors and settings as text, and "
            f"other files can hold code that runs. Take it out of the folder, or save the model again by "
            f"save_pretrained"
        )


def _joined(name: str, text: str) -> str:
    """What is to be looked through: of JSON the values, without their escapes."""
    if not name.endswith(".json"):
        return text
    try:
        return "\n".join(_strings(json.loads(text)))
    except ValueError as error:
        raise OutputError(f"{name} is not JSON: {error}; save the model again") from error


def _strings(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _strings(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, key)
    elif isinstance(value, str):
        if _SECRET_NAME.search(key) and len(value) >= 16 and not value.startswith("<"):
            raise OutputError(f"a value called {key!r} looks like a secret; take it out before the model is published")
        yield value


def _check_text(name: str, text: str, scrub: Scrub, *, paths: bool = True) -> None:
    if found := _SECRETS.search(text):
        raise OutputError(
            f"{name} holds what looks like a secret ({found[0][:6]}…); take it out, and make that secret invalid"
        )
    if not paths:
        return
    known = next((folder for folder in scrub.folders if folder in text), None)
    place = _PLACE.search(text)
    if known is None and place is None:
        return
    line = next(line for line in text.splitlines() if (known and known in line) or _PLACE.search(line))
    raise OutputError(
        f"{name} names a path of this machine: {line.strip()[:120]!r}; write a name or nothing in its place"
    )


def _header(path: Path) -> Any:
    """What a safetensors file says of itself: a file of another kind that is only called so is refused."""
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(_HEADER_BYTES))[0]
            if length > size - _HEADER_BYTES:
                raise ValueError(f"its header would be {length:,} bytes long")
            header = json.loads(file.read(length))
        end = max((one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"), default=0)
        if _HEADER_BYTES + length + end != size:
            raise ValueError(f"it should be {_HEADER_BYTES + length + end:,} bytes long and is {size:,}")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{path} is no whole safetensors file: {error}; save the model again") from error
    return header.get("__metadata__") or {}


def _check_whole(files: dict[str, Path], folder: Path) -> None:
    weights = [name for name in files if name.endswith(WEIGHTS)]
    if not weights:
        raise OutputError(f"{folder} holds no weights as safetensors; save the model by save_pretrained")
    for name in [name for name in files if name.endswith(WEIGHTS + ".index.json")]:
        wanted = set(read_json(files[name]).get("weight_map", {}).values())
        missing = sorted(wanted - {Path(one).name for one in weights})
        if missing:
            raise OutputError(f"{folder} lacks {missing[0]}, which {name} names; save the model again")
