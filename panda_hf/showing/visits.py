"""Visitors and their files: behind the door of each browser, deleted when they leave or stay away."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panda_hf.errors import VideoError
from panda_hf.publishing.wording import clean
from panda_hf.showing import decoding
from panda_hf.showing.apart import Helpers
from panda_hf.showing.doors import OPEN
from panda_hf.showing.limits import Limits
from panda_hf.showing.root import LOCK, Root, remove_old
from panda_hf.video import VideoInfo

SWEEP_SECONDS = 20.0
UPLOAD = "upload-"
"""How the folder of an upload begins, until it is taken."""
LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class Film:
    """A visitor's video, under a name of ours."""

    path: Path
    """As it was uploaded."""
    name: str
    """What the visitor calls it, cleaned for showing; never part of a path."""
    info: VideoInfo
    playable: Path
    """What a browser plays: the same file, or encoded anew."""

    @property
    def seconds(self) -> float | None:
        """Its length as declared."""
        return self.info.duration


@dataclass
class Visit:
    """One visitor: a folder, and what the page remembers between two clicks."""

    folder: Path
    now: Callable[[], float] = time.monotonic
    seen: float = 0.0
    """When the visitor last gave a sign of life."""
    left: bool = False
    """Whether the page was closed: what is still being done is the last."""
    things: dict[str, Any] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    """Files that stay as they came, and go with the visit."""
    busy: int = 0
    """How much is being done for the visitor; meanwhile the files stay."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def new_path(self, suffix: str) -> Path:
        """A path in the folder that nobody can guess."""
        return self.folder / (secrets.token_hex(16) + suffix)

    def __enter__(self) -> Visit:
        with self._lock:
            self.busy += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.busy -= 1
            self.seen = self.now()


class Visits:
    """All visitors.

    Example::

        visits = Visits(Limits())
        with visits.of("session") as visit:
            film = visits.adopt(visit, "upload.mp4", "my film.mp4", one_clip=False)
    """

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        """Make the folder of all visitors, which nobody else on the machine may read."""
        self.limits = limits
        self._root = Root()
        self.helpers = Helpers(limits.at_once)
        self._now = now
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._keep_sweeping, name="sweeper", daemon=True).start()

    @property
    def root(self) -> Path:
        """The folder of all visitors: in it one for each door, and in that one for each visit and each upload."""
        return self._root.path

    def of(self, key: str | None) -> Visit:
        """The visit under a key, begun where there is none.

        Args:
            key: of :func:`key_of`; one that names no door is behind the open one.
        """
        key = key or key_of(OPEN, None)
        with self._lock:
            visit = self._visits.get(key)
            if visit is None:
                folder = self._behind(door_in(key)) / secrets.token_hex(16)
                folder.mkdir(mode=0o700)
                visit = self._visits[key] = Visit(folder, self._now)
            visit.seen = self._now()
            return visit

    def new_upload(self, door: str) -> Path:
        """A folder for a file that is about to arrive, of a name that nobody can guess."""
        with self._lock:
            folder = self._behind(door) / (UPLOAD + secrets.token_hex(16))
            folder.mkdir(mode=0o700)
            return folder

    def uploaded(self, visit: Visit, path: str) -> str:
        """The same path, of a file that came in by the visitor's own door.

        Raises:
            VideoError: for any other file, be it of this machine or of another visitor, and for one that is gone.
        """
        folder = self._upload_folder(Path(path))
        if folder is None or folder.parent != visit.folder.parent or not os.path.lexists(path):
            raise VideoError("This is no upload of yours, or it was deleted after its use. Upload the file again.")
        return path

    def take_over(self, visit: Visit, upload: str, *, one_clip: bool) -> Film:
        """Adopt an upload that came in by the visitor's own door; the upload is deleted in any case.

        Raises:
            VideoError: see :meth:`uploaded` and :meth:`adopt`.
        """
        path = self.uploaded(visit, upload)
        try:
            return self.adopt(visit, path, None, one_clip=one_clip)
        finally:
            self._discard(path)

    def _discard(self, upload: str) -> None:
        folder = self._upload_folder(Path(upload))
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _upload_folder(self, path: Path) -> Path | None:
        parts = path.relative_to(self.root).parts if path.is_relative_to(self.root) else ()
        if len(parts) < 3 or ".." in parts or not parts[1].startswith(UPLOAD):
            return None
        return self.root.joinpath(*parts[:2])

    def _behind(self, door: str) -> Path:
        folder = self.root / door
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @contextmanager
    def passing(self, door: str = OPEN) -> Iterator[Visit]:
        """A visit that ends with the block: for one call of a program."""
        key = key_of(door, None)
        try:
            with self.of(key) as visit:
                yield visit
        finally:
            self.leave(key)

    def leave(self, key: str | None) -> None:
        """Delete what a visitor left, as soon as nothing is being done for them."""
        with self._lock:
            visit = self._visits.get(key or "")
            if visit is None:
                return
            visit.left = True
        self.sweep()

    def sweep(self) -> None:
        """Delete the files of visitors who left or stayed away."""
        with self._lock:
            old = [
                key
                for key, visit in self._visits.items()
                if not visit.busy and (visit.left or self._now() - visit.seen > self.limits.idle_seconds)
            ]
            gone = [self._visits.pop(key) for key in old]
        for visit in gone:
            for upload in visit.uploads:
                self._discard(upload)
            visit.things.clear()
            shutil.rmtree(visit.folder, ignore_errors=True)
        self._sweep_left()

    def _sweep_left(self) -> None:
        """Delete what belongs to no visit and was not touched for long: uploads of which nothing was made."""
        with self._lock:
            visits = list(self._visits.values())
            kept = {visit.folder for visit in visits} | {self.root / LOCK}
            kept |= {folder for visit in visits for one in visit.uploads if (folder := self._upload_folder(Path(one)))}
            remove_old(self.root, kept, time.time() - self.limits.idle_seconds)

    def close(self) -> None:
        """Delete everything, end the helpers."""
        self._closed.set()
        self.helpers.close()
        self._root.close()

    def adopt(self, visit: Visit, upload: str, name: str | None, *, one_clip: bool) -> Film:
        """Take an uploaded file over: look at it apart, keep it under a name of ours.

        Args:
            visit: whose.
            upload: where the server put it.
            name: what the visitor calls it.
            one_clip: whether it is to be captioned as one clip.

        Raises:
            VideoError: too large, too long, or not a video that can be read; the message names no path.
        """
        self.limits.check_bytes(decoding.file_size(upload))
        raw = visit.new_path(".video")
        _link_or_copy(upload, raw)
        try:
            return self._film(visit, raw, shown_name(name or upload), one_clip)
        except VideoError as error:
            raw.unlink(missing_ok=True)
            raise VideoError(_without_path(str(error), raw, shown_name(name or upload))) from None

    def _film(self, visit: Visit, raw: Path, name: str, one_clip: bool) -> Film:
        info, suffix = self.helpers.call(decoding.look, str(raw), seconds=LOOK_SECONDS)
        self.limits.check_video(info, one_clip=one_clip)
        if suffix is not None:
            path = raw.with_suffix(suffix)
            os.replace(raw, path)
            return Film(path, name, info, path)
        preview = visit.new_path(".mp4")
        most = self.limits.max_clip_seconds if one_clip else self.limits.max_seconds
        seconds = info.duration or most
        self.helpers.call(decoding.encode_preview, str(raw), seconds, str(preview), seconds=self.limits.work_seconds)
        return Film(raw, name, info, preview)

    def _keep_sweeping(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()


def key_of(door: str, session: str | None) -> str:
    """The key of a visit: whoever knows another's session has not the cookie, so not the door, so not the visit.

    Args:
        door: of :func:`panda_hf.showing.doors.door_of`.
        session: the page's name for itself; ``None``: a visit that nobody finds again.
    """
    return f"{door}/{session or secrets.token_hex(16)}"


def door_in(key: str) -> str:
    """The door in a key."""
    door, slash, _ = key.partition("/")
    return door if slash else OPEN


def shown_name(name: str) -> str:
    """The last part of a file's name on one line, at most 80 characters; for showing only."""
    return clean(re.split(r"[\\/]", name)[-1], 80) or "video"


def _link_or_copy(upload: str, target: Path) -> None:
    """Without a copy where the file system can; of a link nothing is taken (``file_size`` has refused it)."""
    try:
        os.link(upload, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(upload, target, follow_symlinks=False)


def _without_path(message: str, path: Path, name: str) -> str:
    return message.replace(repr(str(path)), f"“{name}”").replace(str(path), name)
