"""The card of a model, from its files, the record of its training and what was measured."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from panda_hf import __version__
from panda_hf.publishing import wording
from panda_hf.publishing.card import UNKNOWN_LICENSE, template_environment
from panda_hf.publishing.hub.model_files import WEIGHTS, read_json
from panda_hf.publishing.model_kinds import ModelKind, kind_of

RECORD = "training.json"
_SETTINGS = ("settings", "adapting")


@dataclass(frozen=True)
class Measured:
    """One figure of the model."""

    benchmark: str
    metric: str
    value: float
    low: float | None = None
    """Ends of the 95 % interval; ``None`` where there is none."""
    high: float | None = None


@dataclass(frozen=True)
class Told:
    """What a card tells that the model's folder does not.

    Everything in it is taken for untrusted text.
    """

    license: str = UNKNOWN_LICENSE
    """Of the whole, as the Hub spells it."""
    parts: tuple[tuple[str, str], ...] = ()
    """Licences of parts, such as the language model's."""
    data: str | None = None
    """On what it was trained, where the record does not say."""
    limits: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    """Hub ids."""
    base_model: str | None = None
    """Hub id of what it started from."""
    measured: tuple[Measured, ...] = ()
    commands: tuple[str, ...] = ()
    """What printed the figures."""
    model_index: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """The figures as the Hub wants them."""
    mini: bool = False
    """Whether it is of the miniature."""


def render_model_card(folder: Path, repo_id: str, told: Told) -> str:
    """The card as text: YAML front matter, then Markdown.

    Args:
        folder: the model's; ``config.json`` and ``training.json`` are read, and how large its weights are.
        repo_id: where it is published, for the example.
        told: the rest.

    Raises:
        OutputError: when a file of it cannot be read.
    """
    kind, record = kind_of(read_json(folder / "config.json"), mini=told.mini), _record(folder)
    weights = sorted(folder.glob("*" + WEIGHTS))
    front = yaml.safe_dump(_front_matter(kind, repo_id, told), sort_keys=False, allow_unicode=True)
    template = (files("panda_hf.publishing") / "model_card.md.j2").read_text(encoding="utf-8")
    figures = {n: v for n, v in (record.get("figures") or {}).items() if isinstance(v, int | float)}
    values = {
        "name": repo_id,
        "kind": kind,
        "version": __version__,
        "example": kind.example.replace("{repo_id}", repo_id),
        "parameters": sum(map(count_parameters, weights)),
        "bytes": sum(path.stat().st_size for path in weights),
        "record": record,
        "recipe": _recipe(record),
        "figures": sorted(figures.items()),
        "measured": told.measured,
        "commands": told.commands,
        "ask": _ask(kind, repo_id),
        "data": told.data,
        "limits": told.limits,
        "license": told.license,
        "license_known": told.license != UNKNOWN_LICENSE,
        "parts": told.parts,
    }
    return f"---\n{front}---\n\n{template_environment().from_string(template).render(values)}"


def count_parameters(path: Path) -> int:
    """Numbers in a safetensors file, from its header alone."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            count = 1
            for length in tensor["shape"]:
                count *= length
            total += count
    return total


def _front_matter(kind: ModelKind, repo_id: str, told: Told) -> dict[str, Any]:
    front: dict[str, Any] = {"license": told.license, "library_name": "transformers", "tags": ["video", *kind.tags]}
    if kind.task:
        front["pipeline_tag"] = kind.task
    if told.datasets:
        front["datasets"] = list(told.datasets)
    if told.base_model:
        front["base_model"] = told.base_model
    if told.model_index:
        front["model-index"] = [{**entry, "name": repo_id.rpartition("/")[2]} for entry in told.model_index]
    return front


def _record(folder: Path) -> dict[str, Any]:
    """What the record of the training says, with its own types or not at all."""
    wanted: dict[str, Any] = {
        "recipe": str, "started_from": str, "data": str, "split": str, "command": str, "clips": int, "scenes": int,
        "held_out_clips": int, "clips_skipped": int, "trained_parameters": int, "settings": dict, "adapting": dict,
        "figures": dict,
    }  # fmt: skip
    held = read_json(folder / RECORD)
    return {name: held[name] for name, kind in wanted.items() if isinstance(held.get(name), kind)}


def _recipe(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [item for name in _SETTINGS for item in (record.get(name) or {}).items()]
    return [(wording.clean(name, 60), _shown(value)) for name, value in rows]


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return wording.clean(json.dumps(value, ensure_ascii=False), 200)
    return wording.clean("none" if value is None else value, 200)


def _ask(kind: ModelKind, repo_id: str) -> str:
    task = "retrieval" if kind.kind == "selector" else "captioning"
    return f"panda-hf evaluate {task} -d DATASET --model {repo_id} --out evaluation"
