"""The output folder: whose it is, who may write to it now, and what is left to clear up."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panda_hf.errors import OutputError
from panda_hf.running import manifest
from panda_hf.running.commit import remove_unnamed
from panda_hf.running.manifest import Manifest
from panda_hf.running.shared import HEAD, ROOM
from panda_hf.running.spool import any_done
from panda_hf.running.swap import finish_swap

log = logging.getLogger(__name__)

WORK = ".work"
"""Folder inside the output for what is not finished; deleted at the end of a run."""


@contextlib.contextmanager
def locked(out: Path) -> Iterator[bool]:
    """Make the folder and keep other runs out of it. The lock goes with the process, however it ends.

    Yields:
        Whether other runs are kept out: not every file system can do that.

    Raises:
        OutputError: when another run is writing there, or the path is not a folder.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the output folder {out} cannot be made: {error}") from error
    try:
        import fcntl
    except ImportError:  # Windows
        log.warning("this system has no flock: nothing keeps a second run out of %s", out)
        yield False
        return
    descriptor = os.open(out, os.O_RDONLY)
    try:
        alone = _lock(fcntl, descriptor, out)
        with named_in_errors(out):
            yield alone
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named_in_errors(out: Path) -> Iterator[None]:
    """Let errors of the system say where: of a write that failed, such as to a full disk, they name no file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(out)
        raise


def open_manifest(out: Path, head: dict[str, Any], resume: bool) -> Manifest:
    """Start a run in ``out``, or go on with the one that is there.

    Args:
        out: the folder, locked.
        head: from :func:`panda_hf.running.manifest.head_record`: what this run is.
        resume: whether going on is wanted.

    Raises:
        OutputError: when the folder holds something else, a run made with other settings or of another input, or any
            run while ``resume`` is false.
    """
    path = out / manifest.NAME
    if not path.exists():
        return _started(out, head)
    if not resume:
        raise OutputError(f"{out} already holds a run; give another folder, or resume=True to go on with it")
    finish_swap(out)
    found = Manifest.load(path)
    differences = manifest.differences(found.head, head)
    if differences and not found.shards and not any_done(out / WORK):
        path.unlink()  # a run that ended before anything was done, such as for a checkpoint, binds nobody
        return _started(out, head)
    if differences:
        raise OutputError(
            f"{out} was made with other settings: {'; '.join(differences)}. "
            f"Give another output folder, or the settings and input of the first run to go on with it."
        )
    if found.head["versions"] != head["versions"]:
        log.warning("%s was begun with other package versions: %s", out, _changed(found.head, head))
    _clear(out, found)
    return found


def discard_work(out: Path) -> None:
    """Delete what is not needed once all shards are committed."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def _started(out: Path, head: dict[str, Any]) -> Manifest:
    if (out / HEAD).exists():
        raise OutputError(
            f"{out} holds parts of a run ({ROOM}/): go on with --shard, or merge them when all are through. "
            f"For a run without --shard give another folder"
        )
    input_part = _part_inside(out, head["source"])
    strange = sorted(p.name for p in out.iterdir() if not p.name.startswith(".") and p.name != input_part)
    if strange:
        raise OutputError(
            f"{out} is not empty and was not made by panda_hf (no {manifest.NAME}): it holds {strange[:5]}. "
            f"Give a new or empty folder."
        )
    discard_work(out)
    (out / WORK).mkdir()
    return Manifest.create(out / manifest.NAME, head)


def _part_inside(out: Path, source: str) -> str | None:
    """The entry of ``out`` that is or holds the source, where the videos lie inside the output folder."""
    try:
        return Path(source).relative_to(out.absolute()).parts[0]
    except (ValueError, IndexError):
        return None


def _clear(out: Path, found: Manifest) -> None:
    clear_unfinished(out / WORK)
    if stale := remove_unnamed(out, found):
        log.warning("removed %d file(s) of a shard that was not finished", len(stale))


def clear_unfinished(work: Path) -> None:
    """Make the folder for what is not finished, and delete from it what cannot be gone on with."""
    work.mkdir(parents=True, exist_ok=True)
    for path in work.iterdir():
        if path.name.startswith("commit-") or ".part-" in path.name:
            shutil.rmtree(path, ignore_errors=True)


def _changed(old: dict[str, Any], new: dict[str, Any]) -> str:
    names = sorted({*old["versions"], *new["versions"]})
    pairs = [(name, old["versions"].get(name), new["versions"].get(name)) for name in names]
    return ", ".join(f"{name} {before} then, {after} now" for name, before, after in pairs if before != after)


def _lock(fcntl: Any, descriptor: int, out: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError as error:
        raise OutputError(f"another run is writing to {out}; wait for it, or give another folder") from error
    except OSError as error:
        log.warning("%s cannot be locked (%s): do not start a second run there", out, error)
        return False
