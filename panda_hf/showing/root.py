"""The folder in which one server keeps everything of its visitors: removed with it, or by the next one."""

from __future__ import annotations

import atexit
import math
import os
import shutil
import tempfile
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: a folder that a killed server left is then left to the system
    fcntl = None  # type: ignore[assignment]

PREFIX = "panda_hf-space-"
_NEW = "panda_hf-new-"
LOCK = ".lock"
"""In each such folder: a file on which its server holds a lock, which ends with the process, however that ends."""


class Root:
    """A folder in the system's temporary folder that nobody else on the machine may read.

    It is removed by :meth:`close`, and at the end of the process. What a server left that was killed is removed by the
    next one: a folder of the same user whose lock nobody holds.

    Example::

        root = Root()
        (root.path / "film.mp4").write_bytes(data)
        root.close()
    """

    def __init__(self) -> None:
        """Remove what dead servers left, and make the folder."""
        remove_dead()
        new = Path(tempfile.mkdtemp(prefix=_NEW)).resolve()
        self._lock = _lock(new / LOCK)
        # Under its name it is locked from the first moment on, so that no other server takes it for a dead one's.
        self.path = new.rename(new.with_name(PREFIX + new.name.removeprefix(_NEW)))
        atexit.register(self._remove)

    def close(self) -> None:
        """Remove the folder."""
        self._remove()
        if self._lock is not None:
            self._lock.close()

    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def remove_dead(folder: Path | None = None) -> list[Path]:
    """Remove the folders of servers that ended without removing them.

    Args:
        folder: where they lie; ``None``: the system's temporary folder.

    Returns:
        What was removed.
    """
    found = sorted(Path(folder or tempfile.gettempdir()).glob(PREFIX + "*")) if fcntl else []
    return [path for path in found if _removed(path)]


def remove_old(root: Path, kept: Set[Path], before: float) -> None:
    """Remove what lies below the doors of a root, and beside them, and was not touched for long.

    Args:
        root: the folder of a server.
        kept: what stays in any case.
        before: what was last written before that time, in seconds since 1970, is old.
    """
    for path in [*root.glob("*/*"), *root.glob("*")]:
        if path not in kept and _last_touched(path) < before:
            _delete(path, whole=path.parent != root)


def _last_touched(path: Path) -> float:
    """When anything in a folder was last written, or the file itself."""
    try:
        return max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
    except OSError:  # it has just gone
        return math.inf


def _delete(path: Path, *, whole: bool) -> None:
    """A file, or a folder: an empty one, or with what is in it."""
    with suppress(OSError):
        if not path.is_dir():
            path.unlink()
        elif whole:
            shutil.rmtree(path)
        else:
            path.rmdir()


def _removed(path: Path) -> bool:
    with suppress(OSError):
        if path.is_symlink() or path.lstat().st_uid != os.getuid() or (path / LOCK).is_symlink():
            return False
        with open(path / LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
            return True
    return False


def _lock(path: Path) -> IO[bytes] | None:
    if fcntl is None:
        return None
    file = open(path, "wb")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file
