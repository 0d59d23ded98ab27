"""`manifest.jsonl`: what was run, and which shards are finished. Lines are only ever added."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import panda_hf
from panda_hf.errors import OutputError
from panda_hf.running.spool import sync

NAME = "manifest.jsonl"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
SIGN = ".work/progress.json"
FORMAT = 1
PACKAGES = (
    "datasets",
    "torch",
    "transformers",
    "av",
    "numpy",
    "pyarrow",
    "scenedetect-headless",
    "decord",
)


@dataclass
class Manifest:
    """The manifest of one output folder.

    The first record says what was run::

        {"record": "settings", "made_by": "panda_hf", "format": 1, "started", "steps", "settings", "settings_hash",
         "source", "input": {"videos", "digest"}, "versions"}

    Then one record for each committed shard (see :func:`panda_hf.running.commit.commit_shard`), and ``end`` when all
    shards are there. A finished dataset that is reworked gets new records of the shards that changed (the last one
    of a shard counts) and ``change``, whose ``steps`` are from then on those of the dataset.
    """

    path: Path
    head: dict[str, Any]
    shards: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Committed shards by index."""
    ended: bool = False
    """Whether a run came to its end."""
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was reworked since, by id, in order."""

    @classmethod
    def create(cls, path: Path, head: dict[str, Any]) -> Manifest:
        """Start a manifest; it appears whole."""
        _appear(path, _line(head))
        return cls(path, head)

    @classmethod
    def write(cls, path: Path, records: list[dict[str, Any]]) -> Manifest:
        """Write a manifest of these records, the head first, in place of any other; it appears whole."""
        _appear(path, b"".join(map(_line, records)))
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest; a last line that was torn by a crash is cut off.

        Raises:
            OutputError: when another line cannot be read or the first is not ours.
        """
        whole, records = _whole_records(path.read_bytes(), path)
        if whole < path.stat().st_size:
            with open(path, "r+b") as file:
                file.truncate(whole)
                sync(file)
        if not records or records[0].get("made_by") != "panda_hf" or records[0].get("format") != FORMAT:
            raise OutputError(f"{path} is not a manifest this version can continue; choose another output folder")
        changes = {record["id"]: record for record in records if record.get("record") == "change"}
        head = records[0] | ({"steps": list(changes.values())[-1]["steps"]} if changes else {})
        shards = {record["shard"]: record for record in records if record.get("record") == "shard"}
        return cls(path, head, shards, any(record.get("record") == "end" for record in records), changes)

    def knows(self, shard: int) -> bool:
        """Whether a shard is committed."""
        return shard in self.shards

    def commit(self, moves: dict[Path, str], record: dict[str, Any]) -> None:
        """Move the files of a shard to their names in the output folder, then record them."""
        self.deliver(moves)
        self.append(record)

    def deliver(self, moves: dict[Path, str]) -> None:
        """Move files to their names in the output folder; when this returns, they are on disk."""
        out = self.path.parent
        folders = {(out / name).parent for name in moves.values()}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for source, name in moves.items():
            if name.endswith((".parquet", ".mp4")):
                sync_file(source)
            os.replace(source, out / name)
        for folder in {*folders, *(folder.parent for folder in folders)}:
            sync_folder(folder)

    def append(self, *records: dict[str, Any]) -> None:
        """Add records; when this returns, they are on disk."""
        with open(self.path, "ab") as file:
            file.write(b"".join(map(_line, records)))
            sync(file)
        for record in records:
            if record["record"] == "shard":
                self.shards[record["shard"]] = record

    def sign(self, state: dict[str, Any]) -> None:
        """Leave word, in the folder for what is not finished, of how far the run is."""
        _appear(self.path.parent / SIGN, _line({"said": now(), **state}))

    def files(self) -> set[str]:
        """All files that committed shards name, relative to the output folder."""
        return {
            name for shard in self.shards.values() for name in (*shard["files"], *shard["thumbnails"], *shard["media"])
        }


def head_record(steps: list[Any], settings: dict[str, Any], source: str, count: int | None, digest: str | None) -> Any:
    """The first record of a manifest."""
    return {
        "record": "settings",
        "made_by": "panda_hf",
        "format": FORMAT,
        "started": now(),
        "steps": steps,
        "settings": settings,
        "settings_hash": hashlib.sha256(json.dumps([steps, settings], sort_keys=True).encode()).hexdigest(),
        "source": source,
        "input": {"videos": count, "digest": digest},
        "versions": versions(),
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """In words, what a run was made with before and would be made with now; empty when the same."""
    found = [
        f"{name} was {old['settings'].get(name)!r}, now {new['settings'].get(name)!r}"
        for name in sorted({*old["settings"], *new["settings"]})
        if old["settings"].get(name) != new["settings"].get(name)
    ]
    found += step_differences(old["steps"], new["steps"])
    if old["input"] != new["input"]:
        counts = [head["input"]["videos"] for head in (old, new)]
        more = f"{counts[0]} videos then, {counts[1]} now" if counts[0] != counts[1] else "other names, paths or order"
        found.append(f"the input is another one ({more}; source was {old['source']}, now {new['source']})")
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide about the result, where installed."""
    found = {"python": platform.python_version(), "panda_hf": panda_hf.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """The time, UTC, as ISO 8601."""
    return time.strftime(TIME_FORMAT, time.gmtime())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, where the system can do that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _appear(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with open(temporary, "wb") as file:
        file.write(content)
        sync(file)
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file that was written before is on disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def step_differences(old: list[Any], new: list[Any]) -> list[str]:
    """In words, how descriptions of steps differ; empty when they are the same."""
    names = [[step["name"] for step in steps] for steps in (old, new)]
    if names[0] != names[1]:
        return [f"the steps were {names[0]}, now {names[1]}"]
    stated = [[{**step["settings"], **step.get("provenance", {})} for step in steps] for steps in (old, new)]
    return [
        f"{name}.{key} was {before.get(key)!r}, now {after.get(key)!r}"
        for name, before, after in zip(names[0], *stated, strict=True)
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n"


def read_lines(data: bytes) -> list[dict[str, Any]]:
    """The records in what may be the beginning of a manifest; a last line that is torn is left out."""
    return _whole_records(data, NAME)[1]


def _whole_records(data: bytes, path: Path | str) -> tuple[int, list[dict[str, Any]]]:
    """Bytes up to the end of the last whole line, and the records in them."""
    lines = data.splitlines(keepends=True)
    records: list[dict[str, Any]] = []
    whole = 0
    for i, line in enumerate(lines):
        try:
            if not line.endswith(b"\n"):
                break
            records.append(json.loads(line))
        except ValueError as error:
            if i < len(lines) - 1:
                raise OutputError(
                    f"{path}, line {i + 1} is damaged ({error}); choose another output folder"
                ) from error
            break
        whole += len(line)
    return whole, records
