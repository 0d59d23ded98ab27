"""`merge`: from the shards that many machines made to one dataset, the same that one run would have made."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.publishing.card import write_card
from panda_hf.running import accounts, manifest
from panda_hf.running.accounts import RunSummary
from panda_hf.running.commit import check_files
from panda_hf.running.files import is_url
from panda_hf.running.manifest import Manifest, read_lines
from panda_hf.running.shared import ENDS, HEAD, RECORDS, ROOM, read_records
from panda_hf.running.store import LocalStore, Store

CARD = "README.md"
_OF_THE_WAY = ("place", "settings_hash")
"""What a record of a shard holds only until the merge."""

log = logging.getLogger(__name__)


def merge(
    out: str | os.PathLike[str], *, into: str | os.PathLike[str] | None = None, license: str | None = None
) -> RunSummary:
    """Make a dataset of the shards that runs with ``shard=`` left in ``out``, when all of them are there.

    Interrupted at any moment, the same call goes on. A dataset that is merged already is left as it is; a card that
    lacks is written.

    Args:
        out: the folder or address that the runs were given.
        into: another folder or address for the dataset, new or empty, such as one on this machine; ``None``: ``out``
            itself. One that is merged already is copied there.
        license: of the footage, see :func:`panda_hf.curate`.

    Raises:
        OutputError: when shards are missing (it says which), were made with other settings, ``out`` holds neither
            such shards nor a finished dataset, or ``into`` holds something else.
    """
    source, target = Store.of(out), Store.of(into if into is not None else out)
    head = _head(source)
    whole = _finished(source)
    if target != source or whole is None:
        shards, records = (_last_of_each(whole), whole) if whole is not None else _of_parts(source, head or {})
        if not _is_there(target, records):
            if target != source:
                _refuse_strange(target, shards)
            _bring(source, target, shards)
            _write_books(target, records, license)
    if isinstance(target, LocalStore) and not Path(target.url, CARD).exists():
        write_card(target.url, license=license)  # the call that merged it was killed before
    books = _books(target)
    if target == source:
        source.remove(ROOM)
    shards = list(books.shards.values())
    name = target.url if is_url(target.url) else Path(target.url)
    return accounts.summary(name, shards, 0.0, resumed=len(shards))


def missing_shards(head: dict[str, Any], ends: Sequence[dict[str, Any]], shards: set[int]) -> list[int] | None:
    """The shards that are not there yet; ``None`` when it is not known how many there will be.

    Args:
        head: what the run is.
        ends: of the parts that are through; one of a streamed input tells how many videos it held.
        shards: those that are there.
    """
    count = head["input"]["videos"] or max((end["input"] for end in ends), default=None)
    if count is None:
        return None
    return sorted(set(range(-(-count // head["settings"]["videos_per_shard"]))) - shards)


def _head(source: Store) -> dict[str, Any] | None:
    content = source.read(HEAD)
    if content is not None:
        return json.loads(content)
    if source.read(manifest.NAME) is None:
        raise OutputError(f"{source.url} holds nothing to merge: no {HEAD}; give the --out of runs with --shard")
    return None


def _finished(store: Store) -> list[dict[str, Any]] | None:
    """The records of the dataset in a store; ``None`` where there is none.

    Raises:
        OutputError: when its run has not come to its end.
    """
    content = store.read(manifest.NAME)
    if content is None:
        return None
    records = read_lines(content)
    shards = _last_of_each(records)
    ends = [record for record in records if record["record"] == "end"]
    if not ends:
        of = records[0]["input"]["videos"] if records else None
        done = f"{accounts.total(shards, 'videos').total:,}{f' of {of:,}' if of else ''} videos are committed"
        raise OutputError(f"{store.url} is not finished: {done}. The same curate command goes on, and needs no merge")
    accounts.check(shards, ends[-1]["input"])
    return records


def _last_of_each(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of shards in order; of one that was reworked the last."""
    shards = {record["shard"]: record for record in records if record["record"] == "shard"}
    return [shards[number] for number in sorted(shards)]


def _is_there(target: Store, records: Sequence[dict[str, Any]]) -> bool:
    """Whether the dataset of these records is in the target already.

    Raises:
        OutputError: when another one is, or a run that is not finished.
    """
    found = _finished(target)
    if found is not None and found[0]["settings_hash"] != records[0]["settings_hash"]:
        raise OutputError(f"{target.url} holds another dataset; give a new or empty folder")
    return found is not None


def _refuse_strange(target: Store, shards: Sequence[dict[str, Any]]) -> None:
    """Make sure that the target holds nothing but what a merge of these shards may have left there."""
    ours = {name for record in shards for name in (*record["files"], *record["thumbnails"], *record["media"])}
    names = {name for name in target.names("") if not name.startswith((ROOM, "."))}
    strange = sorted(name for name in names - ours if not PurePosixPath(name).name.startswith("."))
    if strange and (strange != [CARD] or not names & ours):
        raise OutputError(
            f"{target.url} is not empty and was not made by panda_hf: it holds {strange[:5]}. "
            f"Give a new or empty folder"
        )


def _of_parts(source: Store, head: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records of all shards in order, with where their files lie, and all records of the dataset to be."""
    records = sorted(read_records(source, RECORDS), key=lambda record: record["shard"])
    ends = read_records(source, ENDS)
    missing = missing_shards(head, ends, {record["shard"] for record in records})
    if missing is None or missing:
        known = "it is not known how many there are" if missing is None else f"{len(missing)}: {_listed(missing)}"
        raise OutputError(
            f"{source.url} lacks shards ({known}). See `panda-hf status`, and run the commands of the parts that are "
            f"not through once more"
        )
    strange = [record["shard"] for record in records if record["settings_hash"] != head["settings_hash"]]
    if strange:
        raise OutputError(f"{source.url}: the shards {_listed(strange)} were made with other settings than the rest")
    count = head["input"]["videos"] or max(end["input"] for end in ends)
    accounts.check(records, count)
    seconds = sum(end["seconds"] for end in ends)
    counts = {key: vars(accounts.total(records, key)) for key in ("videos", "clips")}
    end = {"record": "end", "finished": manifest.now(), "seconds": round(seconds, 3), "input": count, **counts}
    return records, [head, *map(_plain, records), end]


def _bring(source: Store, target: Store, records: Sequence[dict[str, Any]]) -> None:
    for number, record in enumerate(records):
        for name in (*record["files"], *record["thumbnails"], *record["media"]):
            there = f"{record['place']}/{name}" if "place" in record else name
            if source.url == target.url:
                source.rename(there, name)
            else:
                _carry(source, there, target, name)
        log.info("shard %d of %d is in place", number + 1, len(records))
    names = (name for record in records for name in (*record["files"], *record["thumbnails"], *record["media"]))
    target.settle({parent.as_posix() for name in names for parent in PurePosixPath(name).parents})


def _carry(source: Store, name: str, target: Store, new: str) -> None:
    with tempfile.TemporaryDirectory(prefix="panda_hf_merge_") as folder:
        source.fetch(name, Path(folder, "file"))
        target.take_in(Path(folder, "file"), new)


def _write_books(target: Store, records: list[dict[str, Any]], license: str | None) -> None:
    """The manifest, with which the dataset is there, and the card: behind an address before it, on a disk, where it is
    made from what lies there, after."""
    if isinstance(target, LocalStore):
        out = Path(target.url)
        check_files(out, Manifest.write(out / f".{manifest.NAME}", records))
        os.replace(out / f".{manifest.NAME}", out / manifest.NAME)
        write_card(out, license=license)
        return
    with tempfile.TemporaryDirectory(prefix="panda_hf_merge_") as folder:
        copy = Path(folder)
        books = Manifest.write(copy / manifest.NAME, records)
        for name in sorted(name for name in books.files() if name.endswith(".parquet")):
            target.fetch(name, copy / name)
        check_files(copy, books)
        target.take_in(write_card(copy, license=license), CARD)
        target.take_in(copy / manifest.NAME, manifest.NAME)


def _books(target: Store) -> Manifest:
    if isinstance(target, LocalStore):
        return Manifest.load(Path(target.url, manifest.NAME))
    with tempfile.TemporaryDirectory(prefix="panda_hf_merge_") as folder:
        target.fetch(manifest.NAME, Path(folder, manifest.NAME))
        return Manifest.load(Path(folder, manifest.NAME))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _OF_THE_WAY}


def _listed(numbers: Sequence[int], most: int = 10) -> str:
    return ", ".join(map(str, numbers[:most])) + (" …" if len(numbers) > most else "")
