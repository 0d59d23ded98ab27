"""Take paths of this machine out of text that others will read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_QUOTED = re.compile(r"""(?P<quote>['"`])(?:[A-Za-z]:)?[\\/](?:[^'"`\n]*[\\/])?(?P<name>[^'"`\\/\n]+)(?P=quote)""")
_BARE = re.compile(r"(?<![\w/:.<])(?:[A-Za-z]:)?[\\/](?:[\w.~+@%=-]+[\\/])+(?=[\w.~+@%=-])")


@dataclass(frozen=True)
class Scrub:
    """Replaces folders: known ones first, then whatever looks like an absolute path. Addresses of sites stay."""

    folders: tuple[str, ...] = ()
    """Absolute paths, as they may stand in text."""

    @classmethod
    def of(cls, *known: str | os.PathLike[str] | None) -> Scrub:
        """With these folders, the current one, and the user's."""
        paths = [Path(path) for path in (*known, os.getcwd(), Path.home()) if path]
        texts = {str(path) for path in paths} | {os.path.abspath(path) for path in paths if str(path)}
        return cls(
            tuple(sorted((text for text in texts if len(text) > 1 and os.path.isabs(text)), key=len, reverse=True))
        )

    def __call__(self, text: str) -> str:
        """``text`` with file names instead of paths."""
        for folder in self.folders:
            text = text.replace(folder + os.sep, "").replace(folder, os.path.basename(folder) or "folder")
        text = _QUOTED.sub(lambda match: f"{match['quote']}{match['name']}{match['quote']}", text)
        return _BARE.sub("", text)
