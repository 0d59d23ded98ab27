"""Clips as files that a browser plays: what the dataset holds is linked or cut, once, when it is first wanted."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from panda_hf.annotation.tables import Tables
from panda_hf.errors import VideoError
from panda_hf.running.files import is_url
from panda_hf.video import cut_clip, playable_suffix, probe


class HasMedia(Protocol):
    """Clips whose pictures are wanted: :class:`~panda_hf.annotation.Tasks`, or others of a dataset."""

    @property
    def tables(self) -> Tables:
        """Where the clips stand."""

    def media(self, clip_id: str) -> dict[str, Any]:
        """The columns ``tasks.MEDIA`` of one clip; ``KeyError`` when there is none."""


class Media:
    """A folder of playable clips, named by hashes: nothing of a clip's name reaches the file system.

    Example::

        Media(tasks, "annotations/playable").file("film.0")
    """

    def __init__(self, tasks: HasMedia, folder: str | Path) -> None:
        """Take the tasks whose clips are wanted; the folder is made when the first one is."""
        self.tasks = tasks
        self.folder = Path(folder).absolute()
        self._locks = [threading.Lock() for _ in range(16)]

    def file(self, clip_id: str) -> Path:
        """The clip as a file of its own, made where it is not there yet.

        Raises:
            VideoError: when its media cannot be found or read.
            KeyError: when there is no such clip.
        """
        name = hashlib.sha256(f"{self.tasks.tables.dataset}\0{clip_id}".encode()).hexdigest()[:32]
        with self._locks[int(name[:2], 16) % len(self._locks)]:
            made = next((p for s in (".mp4", ".m4v", ".webm") if (p := self.folder / (name + s)).is_file()), None)
            return made or self._make(clip_id, name)

    def _make(self, clip_id: str, name: str) -> Path:
        row = self.tasks.media(clip_id)
        self.folder.mkdir(parents=True, exist_ok=True)
        own = self._own(row)
        if own is None:
            return self._cut(self._source(clip_id, row), row["start"], row["end"], name)
        suffix = playable_suffix(own)
        if suffix is None:
            return self._cut(own, None, None, name)
        return _placed(own, self.folder / (name + suffix))

    def _own(self, row: Mapping[str, Any]) -> Any:
        """The clip's own file or bytes, where it has some."""
        clip = row["clip"] or {}
        if clip.get("bytes") is not None:
            return {"path": None, "bytes": clip["bytes"]}
        for name in (row["clip_path"], clip.get("path")):
            if name and (found := self.tasks.tables.located(name)):
                return found
        video = row["video"] or {}
        if row["start"] is None or row["end"] is None:
            return self._named(video)
        return None

    def _source(self, clip_id: str, row: Mapping[str, Any]) -> Any:
        found = self._named(row["video"] or {})
        if found is None:
            raise VideoError(
                f"clip {clip_id!r}: neither its own file nor its video is found. Export clips with media."
            )
        return found

    def _named(self, video: Mapping[str, Any]) -> Any:
        if video.get("bytes") is not None:
            return {"path": None, "bytes": video["bytes"]}
        return self.tasks.tables.located(video["path"]) if video.get("path") else None

    def _cut(self, video: Any, start: float | None, end: float | None, name: str) -> Path:
        target = self.folder / (name + ".mp4")
        if start is None or end is None:
            start, end = 0.0, probe(video).duration or 3600.0
        cut_clip(video, start, end, target, threads=2)
        return target


def _placed(video: Any, target: Path) -> Path:
    """The file under another name, without a copy where the file system can; it appears whole."""
    new = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        if isinstance(video, str) and not is_url(video):
            try:
                os.link(os.path.realpath(video), new)
            except OSError:
                shutil.copyfile(video, new)
        else:
            _fetch(video, new)
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)
    return target


def _fetch(video: Any, new: Path) -> None:
    from panda_hf.video.source import Source

    with Source.of(video).open_file() as file, open(new, "wb") as copy:
        shutil.copyfileobj(file, copy)
