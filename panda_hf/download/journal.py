"""The journal of a download: one line for each video that was tried, only ever added to; the last one counts."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from panda_hf.errors import OutputError
from panda_hf.stage import Row

NAME = "journal.jsonl"
_SYNC_SECONDS = 2.0


class Journal:
    """Opens or begins the journal of a folder. A last line that was not finished is cut off."""

    def __init__(self, path: Path, head: Row) -> None:
        """Read where each video's last line is.

        Args:
            path: the file.
            head: what this run is: source, configuration, split. A journal of another one is begun anew where no
                video was tried: its source may have been a slip.

        Raises:
            OutputError: when the journal there is of another download.
        """
        self.path = path
        self._places: dict[str, int] = {}
        self._synced = 0.0
        self._lock = threading.Lock()
        self._file: BinaryIO = open(path, "a+b")
        first = self.reread()
        if self._places:
            self._check(first, head)
        else:
            self._file.truncate(0)
            self.write_raw({"record": "download", "made_by": "panda_hf", **head})

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._places

    def __len__(self) -> int:
        return len(self._places)

    def reread(self) -> bytes:
        """Find anew where each video's last line is, also one that an interrupt kept from being noted; the first."""
        with self._lock:
            self._file.seek(0)
            first = self._file.readline()
            self._read()
        return first

    def close(self) -> None:
        """Put everything on disk."""
        self.sync()
        self._file.close()

    def get(self, video_id: str) -> Row | None:
        """What is known of a video; ``None`` when it was not tried."""
        place = self._places.get(video_id)
        if place is None:
            return None
        with open(self.path, "rb") as file:
            file.seek(place)
            return json.loads(file.readline())

    def add(self, entry: Row) -> None:
        """Note what became of a video; ``entry`` has a ``video_id``."""
        place = self.write_raw(entry)
        self._places[entry["video_id"]] = place
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def write_raw(self, value: Any) -> int:
        """Add a line; where it begins."""
        line = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            place = self._file.tell()
            self._file.write(line)
            self._file.flush()
        return place

    def sync(self) -> None:
        """Let all that was added reach the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _check(self, first: bytes, head: Row) -> None:
        found = json.loads(first)
        differences = [
            f"{name}={found.get(name)!r} then, {value!r} now"
            for name, value in head.items()
            if found.get(name) != value
        ]
        if found.get("record") != "download" or differences:
            raise OutputError(
                f"{self.path.parent} holds another download: {'; '.join(differences) or 'not a journal of ours'}. "
                f"Give another --out, or the settings of the first one to go on with it."
            )

    def _read(self) -> None:
        place = self._file.tell()
        while line := self._file.readline():
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if entry is None:
                self._file.truncate(place)
                break
            self._places[entry["video_id"]] = place
            place += len(line)
