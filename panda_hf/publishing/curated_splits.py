"""What a card says of the curated splits in a folder, each of which has a record, `subsets/NAME/subset.json`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.publishing import wording

FOLDER = "subsets"
RECORD = "subset.json"
SECTION = "curated splits"
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""A name that is a folder on every system, and a configuration that ``load_dataset`` takes."""

_INTRODUCTION = """\
## Curated splits

Selections from this dataset, made by a rule with `panda-hf subset`. Each is a configuration with one split, `train`:

```python
from datasets import load_dataset

load_dataset("path/to/this/folder", "{name}", split="train")
```"""


def card_parts(folder: Path, *, only: Container[str] | None = None) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The configurations and the section of the curated splits on disk, for ``with_parts`` and ``update_card``.

    Args:
        folder: a dataset repository.
        only: names of those that are wanted; ``None`` for all.

    Raises:
        OutputError: when a record cannot be read.
    """
    records = {name: record for name, record in read_records(folder).items() if only is None or name in only}
    configs = [_config(folder, name) for name in records]
    section = [_INTRODUCTION.format(name=next(iter(records), "")), *(_told(record) for record in records.values())]
    return configs, {SECTION: "\n\n".join(section) if records else ""}


def read_records(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of the curated splits in a folder, by name, sorted.

    Raises:
        OutputError: when one cannot be read, or is not that of the folder it lies in.
    """
    paths = sorted(path for path in folder.glob(f"{FOLDER}/*/{RECORD}") if not path.parent.name.startswith("."))
    return {path.parent.name: _read(path) for path in paths}


def lost_names(folder: Path, configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of a card's configurations those that are curated splits whose folder somebody deleted."""
    ours = [
        config["config_name"] for config in configs if config.get("data_files") == _data_files(config["config_name"])
    ]
    return [name for name in ours if not (folder / FOLDER / name).exists()]


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        sound = record["made_by"] == "panda_hf" and record["name"] == path.parent.name
        sound = sound and SAFE_NAME.fullmatch(record["name"]) is not None and bool(_told(record))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise OutputError(f"{path} cannot be read ({error}); delete its folder, or make the split again") from error
    if not sound:
        raise OutputError(f"{path} is not the record of a split named {path.parent.name!r}; delete its folder")
    return record


def _config(folder: Path, name: str) -> dict[str, Any]:
    record = (folder / FOLDER / name / RECORD).read_bytes()
    return {
        "config_name": name,
        "description": f"curated split, run {hashlib.sha256(record).hexdigest()[:16]}",  # datasets caches by it
        "data_files": _data_files(name),
    }


def _data_files(name: str) -> list[dict[str, str]]:
    return [{"split": "train", "path": f"{FOLDER}/{name}/train-*.parquet"}]


def _told(record: dict[str, Any]) -> str:
    """What the card says of one split: its rule, and an account that adds up."""
    clips, videos, source, made = record["clips"], record["videos"], record["source"], wording.moment(record["made"])
    dropped = [f"{wording.markdown(reason)} {count:,}" for reason, count in clips["dropped"].items()]
    of_videos = "" if videos["kept"] is None else f", {videos['kept']:,} of {videos['in']:,} videos"
    seconds = record["seconds"]["kept"]
    lines = [
        f"### {wording.code(record['name'])}",
        "",
        f"- Rule: {wording.markdown('; '.join(record['rule_in_words']), 2000)}",
        f"- Taken from {wording.code(source['config'])}, split {wording.code(source['split'])}: "
        f"{clips['kept']:,} of {clips['in']:,} clips{of_videos}"
        + (f", {wording.length(seconds)} of footage" if seconds is not None else ""),
        f"- Left out: {'; '.join(dropped) or 'nothing'}",
        f"- Made {wording.markdown(made)} by panda_hf {wording.markdown(record['version'])}; "
        f"seed {wording.markdown(record['rule']['seed'])}",
    ]
    return "\n".join(lines)
