"""`Store`: a folder that files are put into and taken from, on a disk of this machine or behind any fsspec address."""

from __future__ import annotations

import logging
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec

from panda_hf.errors import OutputError
from panda_hf.running.files import is_url
from panda_hf.running.manifest import sync_folder
from panda_hf.running.spool import sync

T = TypeVar("T")

PATIENCE_SECONDS = 600.0
"""So long a store that fails is asked again, at growing intervals, before the run stops."""
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 30.0
LASTING = (PermissionError, IsADirectoryError, NotADirectoryError, NotImplementedError, ValueError, TypeError)
"""What does not go away by asking again."""

log = logging.getLogger(__name__)


class Store(ABC):
    """A folder of files by relative name. What is put appears whole or not at all."""

    url: str

    @staticmethod
    def of(place: str | os.PathLike[str]) -> Store:
        """The store at a path, or at an address such as ``s3://bucket/folder``."""
        text = os.fspath(place)
        return RemoteStore(text.rstrip("/")) if is_url(text) else LocalStore(os.path.abspath(text))

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The content of a file; ``None`` when there is none."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Put a file, in place of any of that name; when this returns, it lasts."""

    @abstractmethod
    def take_in(self, source: Path, name: str) -> None:
        """Put a file of this machine; whether it stays where it was is left open."""

    @abstractmethod
    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this machine.

        Raises:
            OutputError: when it is not there.
        """

    @abstractmethod
    def rename(self, name: str, new: str) -> None:
        """Give a file another name; nothing happens when it has that already and no file has the old one."""

    def settle(self, folders: set[str]) -> None:
        """Return when the names in these folders last."""
        return

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """All files below a folder, relative to the store, sorted; none when there is no such folder."""

    @abstractmethod
    def remove(self, folder: str) -> None:
        """Delete a folder with all that is in it, where there is one."""


@dataclass(frozen=True)
class LocalStore(Store):
    """A folder on a disk, perhaps one that several machines share."""

    url: str

    def read(self, name: str) -> bytes | None:
        """See :class:`Store`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See :class:`Store`."""
        unfinished = self._beside(name)
        with open(unfinished, "wb") as file:
            file.write(content)
            sync(file)
        self._appear(unfinished, name)

    def take_in(self, source: Path, name: str) -> None:
        """See :class:`Store`."""
        with open(source, "rb") as file:
            os.fsync(file.fileno())
        unfinished = self._beside(name)
        try:
            os.replace(source, unfinished)
        except OSError:  # another disk
            shutil.copyfile(source, unfinished)
            with open(unfinished, "rb") as file:
                os.fsync(file.fileno())
        self._appear(unfinished, name)

    def fetch(self, name: str, target: Path) -> None:
        """See :class:`Store`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(self._path(name), target)
        except FileNotFoundError as error:
            raise OutputError(f"{self._path(name)} is missing; did something else delete it?") from error

    def rename(self, name: str, new: str) -> None:
        """See :class:`Store`."""
        self._path(new).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(self._path(name), self._path(new))
        except FileNotFoundError as error:
            if not self._path(new).exists():
                raise OutputError(f"{self._path(name)} is missing; did something else delete it?") from error

    def settle(self, folders: set[str]) -> None:
        """See :class:`Store`."""
        for folder in folders:
            sync_folder(self._path(folder))

    def names(self, folder: str) -> list[str]:
        """See :class:`Store`."""
        files = (path for path in self._path(folder).rglob("*") if path.is_file() and path.suffix != ".new")
        return sorted(path.relative_to(self.url).as_posix() for path in files)

    def remove(self, folder: str) -> None:
        """See :class:`Store`."""
        shutil.rmtree(self._path(folder), ignore_errors=True)

    def _path(self, name: str) -> Path:
        return Path(self.url, name)

    def _beside(self, name: str) -> Path:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{path.name}.{os.uname().nodename if hasattr(os, 'uname') else ''}-{os.getpid()}.new")

    def _appear(self, unfinished: Path, name: str) -> None:
        os.replace(unfinished, self._path(name))
        sync_folder(self._path(name).parent)


@dataclass(frozen=True)
class RemoteStore(Store):
    """Whatever fsspec opens. An action that fails is tried again for a while: stores stumble."""

    url: str
    patience_seconds: float = field(default_factory=lambda: PATIENCE_SECONDS)

    def read(self, name: str) -> bytes | None:
        """See :class:`Store`."""
        try:
            return self._patiently(lambda fs, path: fs.cat_file(path), name)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See :class:`Store`."""
        self._patiently(lambda fs, path: fs.pipe_file(path, content), name)

    def take_in(self, source: Path, name: str) -> None:
        """See :class:`Store`."""
        self._patiently(lambda fs, path: fs.put_file(str(source), path), name)

    def fetch(self, name: str, target: Path) -> None:
        """See :class:`Store`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._patiently(lambda fs, path: fs.get_file(path, str(target)), name)
        except FileNotFoundError as error:
            raise OutputError(f"{self.url}/{name} is missing; did something else delete it?") from error

    def rename(self, name: str, new: str) -> None:
        """See :class:`Store`. The old file stays: stores copy, and whoever is done removes the folder."""

        def copy(fs: Any, path: str) -> None:
            fs.cp_file(path, self._path(fs, new))

        try:
            self._patiently(copy, name)
        except FileNotFoundError as error:
            if self.read(new) is None:
                raise OutputError(f"{self.url}/{name} is missing; did something else delete it?") from error

    def names(self, folder: str) -> list[str]:
        """See :class:`Store`."""

        def found(fs: Any, path: str) -> list[str]:
            fs.invalidate_cache()
            root = PurePosixPath(self._path(fs, ""))
            return sorted(PurePosixPath(file).relative_to(root).as_posix() for file in fs.find(path))

        try:
            return self._patiently(found, folder)
        except FileNotFoundError:
            return []

    def remove(self, folder: str) -> None:
        """See :class:`Store`."""
        for name in self.names(folder):
            self._patiently(lambda fs, path: fs.rm_file(path), name, gone=True)

    def _path(self, fs: Any, name: str) -> str:
        root = str(fs._strip_protocol(self.url)).rstrip("/")
        return f"{root}/{name}".rstrip("/")

    def _patiently(self, action: Callable[[Any, str], T], name: str, gone: bool = False) -> T:
        """The result of ``action(file system, path)``, tried until it succeeds or patience ends.

        Raises:
            OSError: one of ``LASTING``; with ``gone``, a missing file is none.
            OutputError: when the store keeps failing.
        """
        wait, until = FIRST_WAIT_SECONDS, time.monotonic() + self.patience_seconds
        while True:
            try:
                fs = fsspec.core.url_to_fs(self.url)[0]
                return action(fs, self._path(fs, name))
            except FileNotFoundError as error:
                if gone:
                    return None  # type: ignore[return-value]
                raise error
            except ImportError as error:
                raise OutputError(f"{self.url} needs a package that is not installed: {error}") from error
            except LASTING as error:
                what = f"{self.url}/{name}: {type(error).__name__}: {error}"
                raise OutputError(f"{what}; check name and access") from error
            except Exception as error:  # fsspec raises what the libraries under it raise; the run ends with it
                if time.monotonic() + wait > until:
                    raise OutputError(
                        f"{self.url}/{name}: the store failed for {self.patience_seconds:g} s, at last with "
                        f"{type(error).__name__}: {error}. Run the same command again when it is back."
                    ) from error
                log.warning("%s/%s: %s: %s; again in %g s", self.url, name, type(error).__name__, error, wait)
            time.sleep(wait)
            wait = min(2 * wait, MAX_WAIT_SECONDS)
