"""Where a run writes: a folder of its own, or an output that many machines share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from panda_hf.publishing.card import write_card
from panda_hf.running import folder
from panda_hf.running.commit import check_files
from panda_hf.running.files import is_url
from panda_hf.running.manifest import Manifest
from panda_hf.running.merge import merge
from panda_hf.running.part import Part
from panda_hf.running.shared import ROOM, SharedManifest
from panda_hf.running.store import Store
from panda_hf.video.source import cache_folder


class Place(Protocol):
    """Where a run writes."""

    @property
    def work(self) -> Path:
        """The folder on this machine for what is not finished."""

    @property
    def name(self) -> Path | str:
        """The output, as a summary calls it."""

    def opened(self, head: dict[str, Any], resume: bool) -> contextlib.AbstractContextManager[Any]:
        """The books of a run that is begun or gone on with, while no other run on this machine has them."""

    def check(self, books: Any) -> None:
        """Make sure that what the books name is there."""

    def close(self, license: str | None) -> None:
        """Do what comes after the last shard."""


@dataclass
class OwnFolder:
    """A folder that one run has for itself."""

    name: Path

    @property
    def work(self) -> Path:
        """See :class:`Place`."""
        return self.name / folder.WORK

    @contextlib.contextmanager
    def opened(self, head: dict[str, Any], resume: bool) -> Iterator[Manifest]:
        """See :class:`Place`."""
        with folder.locked(self.name):
            yield folder.open_manifest(self.name, head, resume)

    def check(self, books: Manifest) -> None:
        """See :class:`Place`."""
        check_files(self.name, books)

    def close(self, license: str | None) -> None:
        """See :class:`Place`."""
        folder.discard_work(self.name)
        write_card(self.name, license=license)


@dataclass
class SharedPlace:
    """An output to which other machines may write at the same time; this one does ``part``, or all and then merges."""

    store: Store
    part: Part | None
    work: Path

    @classmethod
    def of(
        cls, out: str | os.PathLike[str], part: Part | None, scratch: str | os.PathLike[str] | None = None
    ) -> SharedPlace:
        """The place at ``out``; what is not finished lies beside it on a disk, else in ``scratch`` or the cache."""
        store, own = Store.of(out), (part or Part()).file_name
        if not is_url(os.fspath(out)):
            return cls(store, part, Path(out).absolute() / ROOM / "work" / own)
        named = hashlib.sha256(store.url.encode()).hexdigest()[:16]
        base = Path(scratch) if scratch is not None else cache_folder().parent / "runs"
        return cls(store, part, base / named / own)

    @property
    def name(self) -> Path | str:
        """See :class:`Place`."""
        return self.store.url if is_url(self.store.url) else Path(self.store.url)

    @contextlib.contextmanager
    def opened(self, head: dict[str, Any], resume: bool) -> Iterator[SharedManifest]:
        """See :class:`Place`. A second worker with the same part on the same disk is refused.

        Where nothing can keep it out, it works beside this one, does the same again, and harms nothing.
        """
        with folder.locked(self.work) as alone:
            self.work = self.work if alone else self.work / uuid.uuid4().hex
            folder.clear_unfinished(self.work)
            yield SharedManifest.open(self.store, head, self.part or Part(), resume)

    def check(self, books: SharedManifest) -> None:
        """Nothing: files of other shards are looked at by the merge."""

    def close(self, license: str | None) -> None:
        """See :class:`Place`."""
        shutil.rmtree(self.work, ignore_errors=True)
        if self.part is None:
            merge(self.store.url, license=license)
