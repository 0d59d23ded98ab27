"""What was run, as the manifest of an output folder says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from panda_hf.errors import OutputError


@dataclass(frozen=True)
class Step:
    """A step with its settings and what they stand for; nested ones flattened, those left open (``None``) and a first
    version left out."""

    name: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """What was run; empty or ``None`` where the manifest does not say."""

    steps: list[Step] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    source: str | None = None
    """What went in. Of a folder or file only the name: where it lies is nobody's business."""
    started: str | None = None
    finished: str | None = None
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of work by stage, all workers together."""

    @classmethod
    def read(cls, manifest: Path) -> RunRecord:
        """The record in a manifest; an empty one when there is no manifest.

        Raises:
            OutputError: when the manifest was not written by this package.
        """
        if not manifest.is_file():
            return cls()
        head: dict[str, Any] = {}
        finished, seconds = None, dict[str, float]()
        for record in _records(manifest):
            head = head or record
            if record.get("record") == "change":
                head = {**head, "steps": record["steps"]}
            finished = record.get("finished", finished)
            for stage, spent in (record.get("stage_seconds") or {}).items():
                seconds[stage] = seconds.get(stage, 0.0) + spent
        if head.get("made_by") != "panda_hf":
            raise OutputError(f"{manifest} was not written by panda_hf; give a folder that `panda-hf curate` made")
        return cls(
            steps=[
                Step(step["name"], _telling({**(step.get("settings") or {}), **(step.get("provenance") or {})}))
                for step in head.get("steps") or []
            ],
            settings=flat(head.get("settings") or {}),
            versions=head.get("versions") or {},
            source=_shown(head.get("source")),
            started=head.get("started"),
            finished=finished,
            stage_seconds=seconds,
        )


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of settings as ``outer.inner``; a dataclass named ``settings`` lends its fields their plain names."""
    out: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            out |= {key if name == "settings" else f"{name}.{key}": inner for key, inner in flat(value).items()}
        else:
            out[name] = value
    return out


def _telling(settings: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in flat(settings).items() if value is not None}
    return {name: value for name, value in shown.items() if (name, value) != ("version", 1)}


def _records(manifest: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest; a last one that a crash tore is left out."""
    with open(manifest, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def _shown(source: object) -> str | None:
    if not isinstance(source, str):
        return None
    return PurePath(source).name if os.path.isabs(source) else source
