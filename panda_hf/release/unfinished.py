"""The folder in which a build grows, hidden beside its place until it is whole, and what killed builds left."""

from __future__ import annotations

import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_BUILDING, _OLD = "building", "old"


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A new folder beside ``target``, removed at the end if it is still there; leftovers of killed builds go first.

    The folder is locked while it is in use, so that a build running beside this one keeps its own. The lock goes with
    the process, however it ends.

    Raises:
        OSError: it cannot be made.
    """
    target = target.absolute()
    _remove_leftovers(target)
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{_BUILDING}")
    folder.mkdir(parents=True)
    try:
        descriptor = _locked(folder)
        try:
            yield folder
        finally:
            if descriptor is not None:
                os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move(folder: Path, target: Path, *, replace: bool) -> None:
    """Put a folder in its place.

    Args:
        folder: the whole folder.
        target: its place.
        replace: remove what stands there, after the move.

    Raises:
        OSError: it cannot be moved; without ``replace`` also where something stands that is no empty folder.
    """
    if replace and target.exists():
        old = target.absolute().with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{_OLD}")
        os.replace(target, old)
        os.replace(folder, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(folder, target)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed builds left; a folder that one had put aside stays where nothing took its place."""
    for path, kind in _leftovers(target):
        if kind == _OLD and not target.exists():
            log.warning("%s is what a killed build --overwrite had put aside; rename or delete it", path)
        elif _is_free(path):
            shutil.rmtree(path, ignore_errors=True)
            log.warning("removed %s, left by a build that was killed", path)


def _leftovers(target: Path) -> list[tuple[Path, str]]:
    if not target.parent.is_dir():
        return []
    form = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.({_BUILDING}|{_OLD})")
    found = ((path, form.fullmatch(path.name)) for path in sorted(target.parent.iterdir()))
    return [(path, match[1]) for path, match in found if match is not None and path.is_dir()]


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock of a folder; ``None`` where the system or the disk has no such locks.

    Raises:
        BlockingIOError: somebody else holds it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


def _is_free(folder: Path) -> bool:
    """Whether no running build holds the folder; ``False`` where that cannot be told."""
    try:
        descriptor = _locked(folder)
    except OSError:
        return False
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None
