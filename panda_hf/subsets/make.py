"""`make_subset`: a curated split of a dataset folder, written into it and told in its card."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from panda_hf import __version__
from panda_hf.errors import OutputError, SourceError
from panda_hf.publishing.card_parts import CARD, listed_configs, read_text, update_card
from panda_hf.publishing.curated_splits import FOLDER, RECORD, SAFE_NAME, card_parts, lost_names, read_records
from panda_hf.subsets.blocks import blocks
from panda_hf.subsets.clip_rules import opt_out_entries
from panda_hf.subsets.funnel import Funnel
from panda_hf.subsets.limits import all_codes, find_limits
from panda_hf.subsets.rule import Subset
from panda_hf.subsets.select import check_columns, read_columns
from panda_hf.subsets.shards import write_shards
from panda_hf.subsets.source import Source, split_files

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubsetRecord:
    """What was made, as ``subset.json`` says it."""

    path: Path
    """The folder of its Parquet files."""
    data: dict[str, Any]
    is_new: bool
    """``False``: it was there already, made by the same rule from the same rows."""

    @property
    def name(self) -> str:
        """The configuration under which it is loaded."""
        return self.data["name"]

    @property
    def clips(self) -> int:
        """Rows in it."""
        return self.data["clips"]["kept"]

    @property
    def dropped(self) -> dict[str, int]:
        """Rows of the source that are not in it, by reason."""
        return self.data["clips"]["dropped"]


def make_subset(
    folder: str | Path,
    name: str,
    rule: Subset,
    *,
    config: str | None = None,
    split: str = "train",
    overwrite: bool = False,
) -> SubsetRecord:
    """Write the clips that pass a rule to ``FOLDER/subsets/NAME`` and add the configuration NAME to the card.

    A curated split whose folder somebody deleted is taken out of the card first, since nothing can load it.
    Memory is bounded by a few batches of rows and 16 bytes for each video.

    Args:
        folder: a dataset repository on this machine, of Parquet files: made by ``build``, ``curate`` or others.
        name: of the configuration, lower case; ``load_dataset(folder, name, split="train")`` loads it.
        rule: which clips.
        config: where they are taken from; ``None`` is the configuration that ``load_dataset(folder)`` loads.
        split: of that configuration; what is made has one split, called train, wherever it is from.
        overwrite: replace a split of that name that was made by another rule or from other rows.

    Raises:
        MissingColumnError: when the rule asks for a column that is not there.
        OutputError: when the name cannot be used, or stands for another split already.
        SourceError: when the source cannot be read, or no clip passes.
    """
    _forget_lost(Path(folder))
    source = Source.find(folder, config, split)
    check_columns(rule, source.schema.names)
    if rule.opt_out.channels and not {"channel", "channel_id", "uploader", "uploader_id"} & {*source.schema.names}:
        log.warning("%s does not name channels, so those of the opt-out list cannot be left out", source.folder)
    found = _found(source, name)
    head = _head(name, rule, source)
    same = found is not None and all(found.get(key) == head[key] for key in ("rule", "source"))
    if found is not None and not same and not overwrite:
        raise OutputError(
            f"{source.folder / FOLDER / name} was made by another rule ({'; '.join(found['rule_in_words'])}) or from "
            f"other rows; give another name, or --overwrite (overwrite=True)"
        )
    data = found if found is not None and same else _written(source, rule, head)
    _tell_card(source)
    return SubsetRecord(source.folder / FOLDER / name, data, is_new=data is not found)


def _head(name: str, rule: Subset, source: Source) -> dict[str, Any]:
    rows = source.rows()
    return {
        "made_by": "panda_hf",
        "format": 1,
        "version": __version__,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "name": name,
        "rule": json.loads(json.dumps(rule.as_dict())),
        "rule_in_words": rule.in_words(),
        "source": {"config": source.config, "split": source.split, "rows": rows, "digest": source.digest()},
    }


def _found(source: Source, name: str) -> dict[str, Any] | None:
    """The record of a split of that name; raises ``OutputError`` when the name cannot be used."""
    if not SAFE_NAME.fullmatch(name):
        raise OutputError(
            f"{name!r} cannot be the name of a split: up to 64 lower-case letters, digits, dots, dashes and "
            f"underlines, beginning with a letter or digit"
        )
    if name == "default":
        raise OutputError(
            "'default' cannot be the name of a split: load_dataset takes it for the default configuration, and a "
            "folder can have only one; give another name"
        )
    records = read_records(source.folder)
    if name not in records and name in [config["config_name"] for config in _configs(source.folder)]:
        raise OutputError(f"{name!r} is a configuration of {source.folder} already; give another name")
    if source.config == name:
        raise OutputError(f"the split {name!r} cannot be made from itself; give another name or --config")
    return records.get(name)


def _forget_lost(folder: Path) -> None:
    """Take the configurations of curated splits that are deleted out of the card, and their words."""
    lost = lost_names(folder, _configs(folder))
    if lost:
        update_card(folder, [], card_parts(folder)[1], gone=lost)
        log.warning("%s lists %s, whose files are gone; taken out of the card", folder / CARD, ", ".join(lost))


def _configs(folder: Path) -> list[dict[str, Any]]:
    path = folder / CARD
    try:
        return listed_configs(read_text(path)) if path.exists() else []
    except ValueError as error:
        raise OutputError(f"the front matter of {path} cannot be read: {error}") from error


def _written(source: Source, rule: Subset, head: dict[str, Any]) -> dict[str, Any]:
    """Write files and record beside their place, then move them there in one step."""
    target = source.folder / FOLDER / head["name"]
    unfinished, old = target.with_name(f".{target.name}.partial"), target.with_name(f".{target.name}.old")
    for path in (unfinished, old):
        shutil.rmtree(path, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        funnel, files = _write_files(source, rule, unfinished)
        funnel.check(head["source"]["rows"])
        _check_result(funnel, rule, source)
        data = {**head, **_counts(funnel), "files": files}
        if rule.opt_out:
            data["unmatched_opt_outs"] = len(rule.opt_out) - len(funnel.opt_outs)
        _write_synced(unfinished / RECORD, data)
        if target.exists():
            os.replace(target, old)
        os.replace(unfinished, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error}") from error
    finally:
        for path in (unfinished, old):
            shutil.rmtree(path, ignore_errors=True)
    return data


def _check_result(funnel: Funnel, rule: Subset, source: Source) -> None:
    if not funnel.clips_kept:
        dropped = "; ".join(f"{reason} {count:,}" for reason, count in funnel.dropped.items())
        raise SourceError(f"no clip of {source.config}, {source.split} passes the rule: {dropped or 'it is empty'}")
    if rule.max_clips is not None and funnel.clips_kept > rule.max_clips:
        raise SourceError(f"{source.folder} names several clips by one clip_id, so no {rule.max_clips} can be drawn")


def _counts(funnel: Funnel) -> dict[str, Any]:
    seconds = None if funnel.seconds is None else round(funnel.seconds, 3)
    return {
        "clips": {"in": funnel.clips_in, "kept": funnel.clips_kept, "dropped": funnel.dropped},
        "videos": {"in": funnel.videos_in, "kept": funnel.videos_kept},
        "seconds": {"kept": seconds},
    }


def _write_files(source: Source, rule: Subset, folder: Path) -> tuple[Funnel, dict[str, int]]:
    """Write the Parquet files; rows by file name."""
    funnel = Funnel()
    needed = read_columns(rule, source.schema.names)
    whole_videos = rule.per_video is not None
    limits = find_limits(rule, lambda: blocks(source.tables(needed), whole_videos=whole_videos))

    def kept() -> Iterator[pa.Table]:
        for block in blocks(source.tables(), whole_videos=whole_videos):
            codes = all_codes(rule, limits, block)
            funnel.add(block, codes)
            funnel.opt_outs |= opt_out_entries(rule.opt_out, block.table) if rule.opt_out else frozenset()
            yield block.table.filter(pa.array(codes == 0))

    return funnel, write_shards(kept(), source.schema, folder)


def _write_synced(path: Path, data: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())


def _tell_card(source: Source) -> None:
    """Add all curated splits on disk to the card, which so far may have left its configurations to be guessed."""
    configs, sections = card_parts(source.folder)
    if not _configs(source.folder):
        configs = [_as_guessed(source), *configs]
    update_card(source.folder, configs, sections)


def _as_guessed(source: Source) -> dict[str, Any]:
    """The configuration that ``load_dataset`` found by itself, spelt out: once one is named, it guesses no more."""
    name, splits = split_files(source.folder, None)
    root = source.folder.resolve()
    paths = {split: [path.relative_to(root).as_posix() for path in files] for split, files in splits.items()}
    data_files = [{"split": split, "path": path} for split, path in paths.items()]
    return {"config_name": name, "default": True, "data_files": data_files}
