"""A file of JSON lines that only grows: a line is on disk when `append` returns, whoever else writes or dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panda_hf.running.manifest import sync_folder

log = logging.getLogger(__name__)

_BLOCK = 1 << 16


class LineFile:
    """One file of records. Several objects and processes may read and write the same file."""

    def __init__(self, path: Path) -> None:
        """Take a file, which need not exist; a last line that a crash tore is repaired.

        A torn line was never acknowledged. It is kept where only its end of line is missing, else cut off.
        """
        self.path = path
        self.damaged = 0
        """Whole lines that are no JSON object; they stay in the file and are left out."""
        self._offset = 0
        if path.exists():
            with self._opened() as descriptor:
                _repair(descriptor, path)

    def append(self, record: dict[str, Any]) -> None:
        """Add a record.

        Raises:
            OSError: when it could not be written; the file is then as before.
        """
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        is_new = not self.path.exists()
        with self._opened() as descriptor:
            size = _repair(descriptor, self.path)
            try:
                _write_all(descriptor, line)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        if is_new:
            sync_folder(self.path.parent)

    def new_records(self) -> list[dict[str, Any]]:
        """Records that were added, by anybody, since the last call."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [_parsed(line) for line in whole.split(b"\n")[:-1]]
        if bad := found.count(None):
            self.damaged += bad
            log.warning("%s: %d damaged line(s) left out", self.path, bad)
        return [record for record in found if record is not None]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, open for adding, with others kept out."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            _lock(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)


def _repair(descriptor: int, path: Path) -> int:
    """End the file with a whole line; its size."""
    size = os.fstat(descriptor).st_size
    torn = _after_last_line(descriptor, size)
    if not torn:
        return size
    if _parsed(torn) is not None:
        _write_all(descriptor, b"\n")
        os.fsync(descriptor)
        return size + 1
    log.warning("%s: %d bytes of a line that was never finished are cut off", path, len(torn))
    os.ftruncate(descriptor, size - len(torn))
    os.fsync(descriptor)
    return size - len(torn)


def _after_last_line(descriptor: int, size: int) -> bytes:
    tail, start = b"", size
    while start > 0 and b"\n" not in tail:
        step = min(_BLOCK, start)
        start -= step
        os.lseek(descriptor, start, os.SEEK_SET)
        tail = os.read(descriptor, step) + tail
    return tail[tail.rfind(b"\n") + 1 :]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _lock(descriptor: int) -> None:
    """Wait until nobody else writes; the lock goes with the descriptor, however the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows: one process at a time
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("the answers cannot be locked (%s): let only one process write them", error)
