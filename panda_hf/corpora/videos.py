"""The user's video files by the id that their names hold."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from panda_hf.errors import SourceError
from panda_hf.running.files import VIDEO_SUFFIXES, find_videos


@dataclass(frozen=True)
class VideoFiles:
    """Absolute paths of video files by file name and by name without suffix."""

    by_name: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: str | os.PathLike[str] | None) -> VideoFiles:
        """The files of a folder and its subfolders; none for ``None``.

        Raises:
            SourceError: when the folder is not there, holds no video, or two files with the same name.
        """
        if folder is None:
            return cls()
        if not Path(folder).is_dir():
            raise SourceError(f"{folder} is not a folder of videos")
        found: dict[str, str] = {}
        for path in find_videos(Path(folder)):
            name = PurePath(path).name
            if name in found:
                raise SourceError(f"two videos are called {name}: {found[name]} and {path}; which one is meant?")
            found[name] = path
        if not found:
            raise SourceError(f"no video found in {folder} or its subfolders")
        return cls({**{PurePath(name).stem: path for name, path in found.items()}, **found})

    def path(self, video_id: str) -> str | None:
        """The file called ``video_id``, with or without a suffix; ``None`` when there is none."""
        stem, suffix = os.path.splitext(video_id)
        bare = stem if suffix.casefold() in VIDEO_SUFFIXES or suffix == "." else video_id
        return self.by_name.get(video_id) or self.by_name.get(bare)
