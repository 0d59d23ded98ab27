"""The card as it is published: names and numbers of what is there, not of all that the folder holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from panda_hf.publishing import curated_splits, wording
from panda_hf.publishing.card import size_category
from panda_hf.publishing.card_parts import front_matter, has_section, parted, seal, unsealed, with_section
from panda_hf.publishing.hub.scrub import Scrub

CONTENTS, OPT_OUT = "what is here", "no opt-out"
"""Sections of a card that a push rewrites: its table of what is there, and that no opt-out list was given."""
_FOLDER_IN_CARD = re.compile(r'load_dataset\("[^"\n]*"')
_EXAMPLE = re.compile(r"^(`{3,})python\n((?:(?!\1).*\n)*?.*load_dataset\((?:.*\n)*?)\1$", re.MULTILINE)
_TITLE = re.compile(r"^# .*\n", re.MULTILINE)

Info = dict[str, Any]
Splits = dict[str, list[str]]


@dataclass(frozen=True)
class Shown:
    """What a card must tell of."""

    out: Path
    repo_id: str
    files: Mapping[str, Path]
    """Tables by their name in the repository: where they are now."""
    rows: Mapping[str, int]
    opted_out: int
    chosen: Sequence[str] | None
    """Names of the configurations that were asked for; ``None``: all."""


def published_card(card: str, shown: Shown, scrub: Scrub) -> str:
    """A folder's card with the repository's name to load from, and only what is there.

    Where every row of every configuration is published, nothing else changes. Else its configurations, their sizes
    and its example are those of what is published, and a table says which rows that are.
    """
    text, sealed = unsealed(card)
    head, body = parted(text)
    body = scrub(_FOLDER_IN_CARD.sub(f'load_dataset("{shown.repo_id}"', body))
    front = front_matter(text)
    there = _there(front, shown)
    if (new := _front_matter(front, there, shown)) != front:
        head = f"---\n{yaml.safe_dump(new, sort_keys=False, allow_unicode=True)}---\n"
    gone = [config["config_name"] for config in _configs(front) if config["config_name"] not in there]
    if gone:
        body = _with_example(_with_curated(body, shown.out, there), there, shown.repo_id)
    if gone or shown.opted_out:
        body = _with_contents(body, there, gone, shown)
    text = head + body
    return text + seal(text) if sealed else text


def patterns(data_files: Any) -> list[str]:
    """The patterns in a configuration's ``data_files``, in any of the forms that ``datasets`` takes."""
    if isinstance(data_files, str):
        return [data_files]
    if isinstance(data_files, dict):
        return [pattern for value in data_files.values() for pattern in patterns(value)]
    items = data_files if isinstance(data_files, list) else []
    return [
        p
        for item in items
        for p in (patterns(item["path"]) if isinstance(item, dict) and "path" in item else patterns(item))
    ]


def _configs(front: Info) -> list[Info]:
    return [config for config in front.get("configs") or [] if isinstance(config, dict) and "config_name" in config]


def _by_split(data_files: Any) -> dict[str, Any]:
    """``data_files`` by split; what names none is ``train``."""
    if isinstance(data_files, dict):
        return dict(data_files)
    if isinstance(data_files, list) and data_files and all(isinstance(i, dict) and "split" in i for i in data_files):
        return {item["split"]: item.get("path") for item in data_files}
    return {"train": data_files}


def _there(front: Info, shown: Shown) -> dict[str, Splits]:
    """The published tables of each configuration and split; those without any are left out."""
    found: dict[str, Splits] = {}
    for config in _configs(front):
        name = str(config["config_name"])
        if shown.chosen is not None and name not in shown.chosen:
            continue
        for split, data_files in _by_split(config.get("data_files")).items():
            paths = {path for pattern in patterns(data_files) for path in shown.out.glob(pattern)}
            names = sorted({path.relative_to(shown.out).as_posix() for path in paths} & set(shown.rows))
            if names:
                found.setdefault(name, {})[split] = names
    return found


def _front_matter(front: Info, there: Mapping[str, Splits], shown: Shown) -> Info:
    """The front matter with the configurations, splits and sizes that are there; the same where all are."""
    if not there:
        return front
    new = {
        **front,
        "configs": [_config(config, there) for config in _configs(front) if config["config_name"] in there],
    }
    if new["configs"] != front["configs"] and not any(config.get("default") for config in new["configs"]):
        new["configs"][0]["default"] = True
    if "dataset_info" in front:
        infos = front["dataset_info"]
        listed = [infos] if isinstance(infos, dict) else list(infos)
        kept = [_info(info, there, shown) for info in listed if info.get("config_name", "default") in there]
        new["dataset_info"] = kept[0] if isinstance(infos, dict) and kept else kept
        if not kept:
            del new["dataset_info"]
    if new != front and "size_categories" in front:
        most = max(sum(_rows(splits, shown).values()) for splits in there.values())
        new["size_categories"] = [size_category(most)]
    return new


def _config(config: Info, there: Mapping[str, Splits]) -> Info:
    splits, data_files = there[config["config_name"]], config.get("data_files")
    if isinstance(data_files, dict):
        return {**config, "data_files": {split: value for split, value in data_files.items() if split in splits}}
    if isinstance(data_files, list):
        kept = [i for i in data_files if not (isinstance(i, dict) and "split" in i) or i["split"] in splits]
        return {**config, "data_files": kept}
    return dict(config)


def _info(info: Info, there: Mapping[str, Splits], shown: Shown) -> Info:
    """Types and sizes of a configuration, by which ``load_dataset`` checks what it loads."""
    splits = there[info.get("config_name", "default")]
    rows = _rows(splits, shown)
    before = {split.get("name"): split.get("num_examples") for split in info.get("splits") or []}
    if not before or before == rows:
        return info
    sizes = {split: sum(_unpacked_bytes(shown.files[name]) for name in names) for split, names in splits.items()}
    return {
        **info,
        "splits": [{"name": split, "num_bytes": sizes[split], "num_examples": rows[split]} for split in splits],
        "download_size": sum(shown.files[name].stat().st_size for names in splits.values() for name in names),
        "dataset_size": sum(sizes.values()),
    }


def _rows(splits: Splits, shown: Shown) -> dict[str, int]:
    return {split: sum(shown.rows[name] for name in names) for split, names in splits.items()}


def _unpacked_bytes(path: Path) -> int:
    footer = pq.read_metadata(path)
    return sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))


def _with_curated(text: str, out: Path, there: Mapping[str, Splits]) -> str:
    """The section on curated splits, of those that are there."""
    if not has_section(text, curated_splits.SECTION):
        return text
    _, sections = curated_splits.card_parts(out, only=there)
    return with_section(text, curated_splits.SECTION, sections[curated_splits.SECTION])


def _with_example(text: str, there: Mapping[str, Splits], repo_id: str) -> str:
    """The first example of loading, written for what is there, in place of the one that names all configurations."""
    lines = [
        f'{split} = load_dataset("{repo_id}", "{config}", split="{split}", streaming=True)'
        for config, splits in list(there.items())[:1]
        for split in splits
    ]
    example = "from datasets import load_dataset\n\n" + "\n".join(lines) + "\n"
    return _EXAMPLE.sub(lambda found: f"{found[1]}python\n{example}{found[1]}", text, count=1)


def _with_contents(text: str, there: Mapping[str, Splits], gone: Sequence[str], shown: Shown) -> str:
    """The table of what is there, in place of the card's own, else under its title."""
    left_out = f"{wording.plural(shown.opted_out, 'row')} left out at their owners' wish"
    told = [f"An opt-out list was honoured when this was published: {left_out}."] if shown.opted_out else []
    if gone:
        told.append(f"Not published here, whatever else this card says: {', '.join(map(wording.code, gone))}.")
    table = ["| configuration | split | rows |", "|---|---|--:|"]
    for config, splits in there.items():
        for split, rows in _rows(splits, shown).items():
            table.append(f"| {wording.code(config)} | {wording.code(split)} | {rows:,} |")
    section = "\n".join([*table, "", *told])
    if has_section(text, OPT_OUT) and shown.opted_out:
        text = with_section(text, OPT_OUT, told[0])
    if has_section(text, CONTENTS):
        return with_section(text, CONTENTS, section)
    told.append("What follows was counted before, in the folder that this is from.")
    section = "\n".join(["## What is published here", "", *table, "", *told])
    title = _TITLE.search(text)
    end = title.end() if title else len(text)
    return with_section(text[:end], CONTENTS, section) + text[end:]
