"""What many machines write to at once without knowing of each other: a record for each shard, put whole."""

from __future__ import annotations

import json
import socket
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.running import manifest
from panda_hf.running.part import Part
from panda_hf.running.spool import shard_name
from panda_hf.running.store import Store

ROOM = "unmerged"
"""The folder of the output that holds everything until `panda-hf merge`."""
HEAD = f"{ROOM}/settings.json"
RECORDS = f"{ROOM}/records"
FILES = f"{ROOM}/files"
ENDS = f"{ROOM}/ends"
WORKERS = f"{ROOM}/workers"


@dataclass
class SharedManifest:
    """The books of a run whose shards are made on many machines.

    A shard is put as files under a name that no other attempt has, then as one record that names them. Who puts the
    record last wins, with all files of its own; the others' are dropped by the merge. So two workers may take the same
    shard, and any of them may die at any moment.
    """

    store: Store
    head: dict[str, Any]
    part: Part
    shards: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Committed shards of this part by index."""
    ended: bool = False
    _name: str = field(default_factory=lambda: f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}", repr=False)

    @classmethod
    def open(cls, store: Store, head: dict[str, Any], part: Part, resume: bool) -> SharedManifest:
        """Join the run in a store, or begin it.

        Raises:
            OutputError: when the store holds a finished dataset, a run with other settings or of another input, or any
                shard of this part while ``resume`` is false.
        """
        _refuse_whole(store)
        _join(store, head)
        books = cls(store, head, part)
        for shard in sorted(recorded(store)):
            if part.has(shard):
                books.knows(shard)
        if books.shards and not resume:
            raise OutputError(f"{store.url} already holds shards of part {part}; give another output, or resume=True")
        books.ended = f"{ENDS}/{part.file_name}.json" in store.names(ENDS)
        return books

    def knows(self, shard: int) -> bool:
        """Whether a shard is committed, perhaps by another worker meanwhile."""
        if shard not in self.shards:
            content = self.store.read(f"{RECORDS}/{shard_name(shard)}.json")
            if content is None:
                return False
            self.shards[shard] = json.loads(content)
        return True

    def commit(self, moves: dict[Path, str], record: dict[str, Any]) -> None:
        """Put the files of a shard, then the record that names them."""
        place = f"{FILES}/{shard_name(record['shard'])}-{uuid.uuid4().hex}"
        for source, name in moves.items():
            self.store.take_in(source, f"{place}/{name}")
        self.append({**record, "place": place, "settings_hash": self.head["settings_hash"]})

    def append(self, *records: dict[str, Any]) -> None:
        """Put records of shards, or the end of this part."""
        for record in records:
            if record["record"] == "shard":
                self.store.write(f"{RECORDS}/{shard_name(record['shard'])}.json", _json(record))
                self.shards[record["shard"]] = record
            elif record["record"] == "end":
                self.store.write(f"{ENDS}/{self.part.file_name}.json", _json({**record, "part": str(self.part)}))
                self.ended = True

    def sign(self, state: dict[str, Any]) -> None:
        """Leave word of how far this worker is; `panda-hf status` shows it."""
        said = {"part": str(self.part), "worker": self._name, "said": manifest.now(), **state}
        self.store.write(f"{WORKERS}/{self.part.file_name}-{self._name}.json", _json(said))


def recorded(store: Store) -> dict[int, str]:
    """The numbers of all shards that are recorded, each with the name of its record."""
    return {int(name.rpartition("/")[2].removesuffix(".json")): name for name in store.names(RECORDS)}


def read_records(store: Store, folder: str) -> list[dict[str, Any]]:
    """What is written in all files of a folder of records."""
    contents = (store.read(name) for name in store.names(folder))
    return [json.loads(content) for content in contents if content is not None]


def _refuse_whole(store: Store) -> None:
    """Make sure that the output is none of a run without parts, and not merged yet."""
    content = store.read(manifest.NAME)
    if content is None:
        return
    if any(record["record"] == "end" for record in manifest.read_lines(content)):
        raise OutputError(
            f"{store.url} holds a finished dataset, merged from parts or made without --shard: a part has nothing "
            f"left to do there. For another run give another output"
        )
    raise OutputError(
        f"{store.url} holds an unfinished run without --shard: go on with it without --shard, or give another output"
    )


def _join(store: Store, head: dict[str, Any]) -> None:
    """Make sure that the store holds this run; of two that begin at once, one finds the settings of the other."""
    if store.read(HEAD) is None:
        strange = [name for name in store.names("") if not name.startswith((ROOM, "."))]
        if strange:
            raise OutputError(
                f"{store.url} is not empty and was not made by panda_hf: it holds {strange[:5]}. "
                f"Give a new or empty folder."
            )
        store.write(HEAD, _json(head))
    found = json.loads(store.read(HEAD) or b"{}")
    differences = manifest.differences(found, head) if found.get("made_by") == "panda_hf" else ["it is not ours"]
    if differences:
        raise OutputError(
            f"{store.url} is being made with other settings: {'; '.join(differences)}. "
            f"Give another output, or the settings and input of the first worker to take part."
        )


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n"
