"""A repository on the Hub, of a dataset or a model: what is there, and commits that are tried again."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import pyarrow.parquet as pq
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id

from panda_hf.errors import HubError

log = logging.getLogger(__name__)

Result = TypeVar("Result")
CLIENT_ERROR = cast(type[Exception], HfHubHTTPError.__mro__[1])
"""The error of the HTTP client that this version of huggingface_hub is built on, for what goes wrong on the way."""
TRIES = 5
TRIES_OF_UNREACHED = 2
"""Of a Hub that has not answered once: this machine is rather offline than the Hub busy."""
FIRST_PAUSE_SECONDS = 1.0
_MAY_PASS = (408, 409, 412, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class RemoteFile:
    """A file in the repository."""

    size: int
    sha256: str | None
    """Of a large file; ``None`` for one that git itself holds."""
    git_sha1: str


Kind = Literal["dataset", "model"]


class Repository:
    """One repository."""

    def __init__(
        self,
        repo_id: str,
        token: str | None,
        pause_seconds: float = FIRST_PAUSE_SECONDS,
        kind: Kind = "dataset",
    ) -> None:
        """Nothing is asked yet.

        Raises:
            HubError: ``repo_id`` is not of the form ``user/name``.
        """
        self.repo_id, self.kind = _checked(repo_id), kind
        self.api = HfApi(token=token, library_name="panda_hf")
        self.pause_seconds = pause_seconds
        self._reached = False
        self._told = ""

    def create(self, private: bool | None) -> None:
        """Make the repository where there is none."""
        self._try(
            lambda: self.api.create_repo(self.repo_id, repo_type=self.kind, private=private, exist_ok=True),
            "the repository cannot be made",
        )

    def is_private(self) -> bool | None:
        """Whether it is private; ``None`` where there is none, for this token."""
        try:
            info = self._try(lambda: self.api.repo_info(self.repo_id, repo_type=self.kind), "cannot be looked up")
        except HubError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError):
                return None
            raise
        return bool(info.private)

    def files(self) -> dict[str, RemoteFile]:
        """What is in it now."""
        entries = self._try(
            lambda: list(self.api.list_repo_tree(self.repo_id, repo_type=self.kind, recursive=True)),
            "cannot be listed",
        )
        return {
            entry.path: RemoteFile(entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
            for entry in entries
            if isinstance(entry, RepoFile)
        }

    def read_json(self, name: str) -> Any:
        """A small JSON file of the repository; ``None`` when it is not there or is none."""
        try:
            with self._filesystem().open(self._address(name), "rb") as file:
                return json.loads(file.read())
        except (OSError, ValueError):
            return None

    def commit(self, files: dict[str, Path], gone: Sequence[str], message: str) -> None:
        """Add or replace files, delete others, in one commit."""

        def once() -> None:
            adds = [CommitOperationAdd(name, path) for name, path in files.items()]
            deletes = [CommitOperationDelete(name) for name in gone]
            self.api.create_commit(
                self.repo_id, [*adds, *deletes], commit_message=message, repo_type=self.kind, num_threads=4
            )

        self._try(once, f"the commit {message!r} failed")

    def rows(self, name: str) -> int:
        """Rows of a Parquet file, read back from its end over the network."""

        def read() -> int:
            with self._filesystem().open(self._address(name), "rb", block_size=2**16) as file:
                return pq.read_metadata(file).num_rows

        return self._try(read, f"{name} cannot be read back")

    def _address(self, name: str) -> str:
        return f"{'datasets/' if self.kind == 'dataset' else ''}{self.repo_id}/{name}"

    def _filesystem(self) -> HfFileSystem:
        return HfFileSystem(token=self.api.token, skip_instance_cache=True)

    def _try(self, action: Callable[[], Result], what: str) -> Result:
        for attempt in range(TRIES):
            try:
                result = action()
            except (HfHubHTTPError, CLIENT_ERROR, OSError) as error:
                self._reached |= _status(error) is not None
                if not _may_pass(error) or attempt == (TRIES if self._reached else TRIES_OF_UNREACHED) - 1:
                    raise HubError(f"{self.repo_id}: {what}: {_said(error)}{self._advice(error)}") from error
                self._tell(f"{self.repo_id}: {what}: {_said(error)}; trying again")
                time.sleep(self.pause_seconds * 2**attempt)
            else:
                self._reached = True
                return result
        raise AssertionError("the last try returns or raises")

    def _tell(self, text: str) -> None:
        """Warn, but not of the same twice in a row."""
        if text != self._told:
            log.warning(text)
        self._told = text

    def _advice(self, error: Exception) -> str:
        if self._reached or not _may_pass(error):
            return ""
        return f". {self.api.endpoint} cannot be reached: is this machine online?"


def _checked(repo_id: str) -> str:
    """A bare name would be made in the user's account, and then not be found under that name."""
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise HubError(f"{repo_id!r} is no name of a repository: {error} Give user/name.") from error
    if "/" not in repo_id:
        raise HubError(f"{repo_id!r} does not say whose repository it is; give user/name")
    return repo_id


def same(path: Path, sha256: str, there: RemoteFile | None) -> bool:
    """Whether the repository holds this very file, whose digest is ``sha256``."""
    if there is None or there.size != path.stat().st_size:
        return False
    if there.sha256 is not None:
        return sha256 == there.sha256
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == there.git_sha1


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _may_pass(error: Exception) -> bool:
    status = _status(error)
    return status in _MAY_PASS if status is not None else not isinstance(error, (FileNotFoundError, PermissionError))


def _said(error: Exception) -> str:
    status = _status(error)
    if status == 401:
        return "the token was refused (401). Log in with `hf auth login`, or set HF_TOKEN to a token that may write"
    if status == 403:
        return "this token may not write there (403). Give a token with write access to this account"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or this token may not see it"
    first = str(error).strip().split("\n")[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
