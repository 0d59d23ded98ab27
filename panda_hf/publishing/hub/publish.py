"""`push`: a dataset folder to the Hub: only what is new, resumable, checked by reading it back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from panda_hf.errors import HubError
from panda_hf.publishing.hub.prepare import CARD, PROVENANCE, Prepared, prepare
from panda_hf.publishing.hub.remote import FIRST_PAUSE_SECONDS, RemoteFile, Repository, same
from panda_hf.rights import OptOut

COMMIT_FILES, COMMIT_BYTES = 64, 2**30
"""A commit holds at most so many files and, one file aside, so many bytes: what a kill can cost."""
_LAST = (CARD, PROVENANCE)

Say = Callable[[str], None]


@dataclass
class PushSummary:
    """What a push did."""

    repo_id: str
    uploaded: dict[str, int] = field(default_factory=dict)
    """Bytes by file, of those that were new or other."""
    unchanged: int = 0
    """Files that were there already."""
    deleted: list[str] = field(default_factory=list)
    rows: int = 0
    """Rows of all tables, read back after the upload."""
    opted_out: int = 0
    dry: bool = False

    def __str__(self) -> str:
        size = sum(self.uploaded.values()) / 2**20
        verb = "would be uploaded" if self.dry else "uploaded"
        text = f"{len(self.uploaded):,} files {verb} ({size:,.1f} MB), {self.unchanged:,} unchanged"
        text += f", {len(self.deleted):,} deleted"
        if self.opted_out:
            text += f"; {self.opted_out:,} rows left out at their owners' wish"
        rows = f"{self.rows:,} rows read back, " if self.rows else ""
        return text if self.dry else f"{text}; checked: {rows}every size and hash as here"


def push(
    out: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    configs: Collection[str] | None = None,
    with_videos: bool = False,
    opt_out: OptOut | None = None,
    dry_run: bool = False,
    message: str | None = None,
    pause_seconds: float = FIRST_PAUSE_SECONDS,
    say: Say | None = None,
) -> PushSummary:
    """Publish a dataset folder: data first, card and provenance last, then read back what arrived.

    Called again it uploads what is new or other, deletes what an earlier push brought and the folder no longer has,
    and leaves every other file alone. Killed at any moment, the same call goes on: what arrived is not sent again.

    Args:
        out: the output of ``curate``, ``build``, ``download`` or ``subset``, or any folder with a card and Parquet.
        repo_id: ``user/name``.
        private: of a new repository; ``None``: as the account has it, which is mostly public. One that is there must
            be as this says.
        token: of the Hub; ``None`` for the one that is logged in.
        configs: only these configurations.
        with_videos: publish long videos too, each once.
        opt_out: whose rows are not published; files of an earlier push that hold them are replaced.
        dry_run: tell what would be done, change nothing.
        message: of the commits.
        pause_seconds: before the first new try of what may pass.
        say: told what is happening.

    Raises:
        OutputError: the folder is not a finished dataset.
        HubError: the name is not ``user/name``, the Hub refuses, or holds something else afterwards; the repository
            is there and not as ``private`` says; or the licence is not known and it would be public.
    """
    folder, tell = Path(out), say or (lambda text: None)
    repository = Repository(repo_id, token, pause_seconds)
    with tempfile.TemporaryDirectory(prefix="panda_hf-push-") as temporary:
        staging = Path(temporary)
        prepared = prepare(folder, staging, repo_id, with_videos=with_videos, opt_out=opt_out, configs=configs)
        message = message or f"Publish {folder.resolve().name} with panda_hf"
        return send(repository, prepared, private=private, dry_run=dry_run, message=message, tell=tell)


def send(
    repository: Repository, prepared: Prepared, *, private: bool | None, dry_run: bool, message: str, tell: Say
) -> PushSummary:
    """Upload what is new or other, card and provenance last, and compare what arrived with what was sent.

    Args:
        repository: where to; made where there is none.
        prepared: the files.
        private, dry_run, message: see :func:`push`.
        tell: told what is happening.

    Raises:
        HubError: see :func:`push`.
    """
    was_private = repository.is_private()
    _check_visibility(repository.repo_id, was_private, private, prepared.license_known)
    summary = PushSummary(repository.repo_id, opted_out=prepared.opted_out, dry=dry_run)
    if not dry_run and was_private is None:
        repository.create(private)
        _check_visibility(repository.repo_id, repository.is_private(), private, prepared.license_known)
    there = repository.files() if not dry_run or was_private is not None else {}
    new = _new(prepared, there)
    gone = _gone(repository, there, prepared)
    summary.uploaded = {name: path.stat().st_size for name, path in new.items()}
    summary.unchanged, summary.deleted = len(prepared.files) - len(new), gone
    if not dry_run:
        _upload(repository, new, gone, message, tell)
        summary.rows = _check(repository, prepared, gone)
    return summary


def _check_visibility(repo_id: str, is_private: bool | None, private: bool | None, license_known: bool) -> None:
    """What becomes public by mistake cannot be taken back.

    Args:
        repo_id: where to.
        is_private: what the repository is; ``None``: there is none yet.
        private: what was asked for; ``None``: nothing.
        license_known: whether the card states a licence.

    Raises:
        HubError: the repository is not as was asked for, or would be public without a word on its licence.
    """
    if private is not None and is_private not in (None, private):
        asked, found, option = ("private", "public", "--private") if private else ("public", "private", "--public")
        raise HubError(
            f"{repo_id} is there already, and {found}; a push does not make it {asked}. Change it in the settings of "
            f"the repository, give another name, or push without {option}"
        )
    if not license_known and not (private if is_private is None else is_private):
        raise HubError(
            "the card does not say under which licence this may be shared. Set `license:` at the top of README.md "
            "(curate, push-model: --license; of clips of a download: `footage_license:`), or push to a private "
            "repository (--private)"
        )


def _new(prepared: Prepared, there: Mapping[str, RemoteFile]) -> dict[str, Path]:
    """Files that are not there, or other."""
    return {
        name: path for name, path in prepared.files.items() if not same(path, prepared.digests[name], there.get(name))
    }


def _gone(repository: Repository, there: Mapping[str, RemoteFile], prepared: Prepared) -> list[str]:
    """Files that an earlier push brought and this one does not have."""
    if PROVENANCE not in there:
        return []
    before = repository.read_json(PROVENANCE) or {}
    ours = before.get("files") if before.get("made_by") == "panda_hf" else None
    return sorted(name for name in ours or () if name in there and name not in prepared.files)


def _upload(repository: Repository, new: dict[str, Path], gone: list[str], message: str, tell: Say) -> None:
    data = {name: path for name, path in new.items() if name not in _LAST}
    batches = list(_batches(data))
    for number, batch in enumerate(batches, 1):
        size = sum(path.stat().st_size for path in batch.values()) / 2**20
        tell(f"commit {number} of {len(batches) + 1}: {len(batch)} files, {size:,.1f} MB")
        repository.commit(batch, [], f"{message} ({number} of {len(batches) + 1})" if len(batches) > 1 else message)
    last = {name: path for name, path in new.items() if name in _LAST}
    if last or gone:
        tell(f"commit {len(batches) + 1} of {len(batches) + 1}: card and provenance")
        repository.commit(last, gone, f"{message}: card and provenance")


def _batches(files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    held: dict[str, Path] = {}
    size = 0
    for name, path in files.items():
        length = path.stat().st_size
        if held and (len(held) >= COMMIT_FILES or size + length > COMMIT_BYTES):
            yield held
            held, size = {}, 0
        held[name], size = path, size + length
    if held:
        yield held


def _check(repository: Repository, prepared: Prepared, gone: list[str]) -> int:
    """Compare what arrived with what was sent; rows read back in all."""
    there, rows = repository.files(), 0
    for name, path in prepared.files.items():
        if not same(path, prepared.digests[name], there.get(name)):
            raise HubError(f"{repository.repo_id}: {name} is not there as it was sent; push again")
    for name, expected in prepared.rows.items():
        found = repository.rows(name)
        if found != expected:
            raise HubError(f"{repository.repo_id}: {name} has {found:,} rows there and {expected:,} here; push again")
        rows += found
    left = [name for name in gone if name in there]
    if left:
        raise HubError(f"{repository.repo_id}: {left[0]} should have been deleted; push again")
    return rows
