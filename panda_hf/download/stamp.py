"""`Stamp`: which version of a file a partial download is a part of, so that two versions are never glued together."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HTTP_OK = (200, 206)


@dataclass(frozen=True)
class Stamp:
    """Lies beside a partial download; holds what the server calls this version (``ETag`` or ``Last-Modified``)."""

    target: Path
    """The file that the download will become; yt-dlp's part of it has the suffix ``.part``."""

    def drop_part_of_unknown_version(self) -> None:
        """Remove what an earlier run left when nobody can say what it is a part of."""
        if self.version is None:
            for suffix in (".part", ".ytdl"):
                self._beside(suffix).unlink(missing_ok=True)

    @property
    def version(self) -> str | None:
        """The value for ``If-Range``; ``None``: the server named none."""
        try:
            return self._beside(".stamp").read_text(encoding="ascii") or None
        except (OSError, UnicodeDecodeError):
            return None

    def headers(self, headers: Any) -> dict[str, str]:
        """Headers that let a server send the whole file again when it is not the one that was begun."""
        return {**(headers or {}), **({"If-Range": self.version} if self.version else {})}

    def note(self, response: Any) -> None:
        """Remember the version of a response, before its first byte is kept."""
        if response.status not in _HTTP_OK:
            return
        tag = response.headers.get("ETag") or ""
        version = tag if tag.startswith('"') else response.headers.get("Last-Modified") or ""
        if not version.strip():
            self._beside(".stamp").unlink(missing_ok=True)
            return
        draft = self._beside(".stamp.new")
        with contextlib.suppress(OSError, UnicodeEncodeError):
            draft.write_text(version.strip(), encoding="ascii")
            os.replace(draft, self._beside(".stamp"))

    def _beside(self, suffix: str) -> Path:
        return self.target.with_name(self.target.name + suffix)
