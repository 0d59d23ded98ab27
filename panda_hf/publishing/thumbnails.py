"""The strip of frames of a clip, as data that a page can hold."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from PIL import Image as Picture

MAX_BYTES = 300_000
"""A larger file is not a thumbnail and is left out of the page."""


@dataclass(frozen=True)
class Image:
    """A picture as a ``data:`` address, with its size in pixels."""

    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Thumbnails:
    """The folder of thumbnails of a run.

    A file is called after its clip; where a file system could take that name amiss, after the start of it, ``~`` and
    eight digits of its hash.
    """

    folder: Path

    def of(self, clip_id: str) -> Image | None:
        """The strip of frames of a clip; ``None`` when there is none that can be read."""
        digest = hashlib.sha256(clip_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{clip_id}.jpg"
        try:
            plain = self.folder / name if PurePath(name).name == name and "\\" not in name else None
            path = plain if plain and plain.is_file() else self._hashed.get(digest)
            return _read(path) if path else None
        except (OSError, ValueError):
            return None

    @cached_property
    def _hashed(self) -> dict[str, Path]:
        return {path.stem[-8:]: path for path in self.folder.glob("*~????????.jpg")}


def _read(path: Path) -> Image | None:
    if path.stat().st_size > MAX_BYTES:
        return None
    data = path.read_bytes()
    with Picture.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        width, height = picture.size
    return Image("data:image/jpeg;base64," + base64.b64encode(data).decode(), width, height)
