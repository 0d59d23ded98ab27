"""`OptOut`: whose videos and which channels must not be in a dataset, whatever step it is made in."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from panda_hf.errors import SourceError

REASON = "opted out"
"""What the columns ``filtered`` and ``reason`` say of a row that the list names."""

_VIDEO_COLUMNS = ("video_id", "url", "webpage_url", "original_url")
_CHANNEL_COLUMNS = ("channel_id", "channel", "channel_url", "uploader_id", "uploader", "uploader_url")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


@dataclass(frozen=True)
class OptOut:
    """Videos and channels whose owners do not want them in a dataset. Empty: nobody."""

    videos: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: str | os.PathLike[str] | None) -> OptOut:
        """The list in a text file; an empty one for ``None``.

        One entry a line: a video id, the address of a video, ``channel:`` with an id, handle or name, or the address
        of a channel. Empty lines and what follows a ``#`` at the start of a line or after a space are ignored.

        Raises:
            SourceError: when the file cannot be read: a list that is silently not honoured is worse than none.
        """
        if path is None:
            return cls()
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"the opt-out list {path} cannot be read: {error}. Give a UTF-8 text file.") from error
        return cls.of(text.splitlines())

    @classmethod
    def of(cls, lines: Iterable[str]) -> OptOut:
        """The list that these lines make."""
        videos, channels = set(), set()
        for line in lines:
            entry = re.sub(r"(^|\s)#.*", "", line).strip()
            if entry.casefold().startswith("channel:"):
                channels.add(_channel_key(entry.split(":", 1)[1].strip()))
            elif entry and (channel := _channel_of_address(entry)):
                channels.add(channel)
            elif entry:
                videos.add(video_key(entry))
        return cls(frozenset(videos), frozenset(channels - {""}))

    def __bool__(self) -> bool:
        return bool(self.videos or self.channels)

    def names(self, row: Mapping[str, Any]) -> bool:
        """Whether the list names this row, by id, address, channel or uploader, whichever columns it has."""
        if any(video_key(value) in self.videos for value in _texts(row, _VIDEO_COLUMNS)):
            return True
        return any(_channel_key(value) in self.channels for value in _texts(row, _CHANNEL_COLUMNS))

    @property
    def digest(self) -> str:
        """Sixteen digits of a hash of the list: they tell which list was honoured, not whom it names."""
        entries = [*sorted(self.videos), "", *sorted(self.channels)]
        return hashlib.sha256("\n".join(entries).encode()).hexdigest()[:16]


def video_key(text: str) -> str:
    """The id in the address of a YouTube video; any other text as it is."""
    text = text.strip()
    if "/" not in text:
        return text
    address = urlsplit(text if "://" in text else f"https://{text}")
    host, parts = (address.hostname or "").removeprefix("www.").removeprefix("m."), address.path.strip("/").split("/")
    found = ""
    if host == "youtu.be":
        found = parts[0]
    elif host in ("youtube.com", "youtube-nocookie.com", "music.youtube.com"):
        found = parse_qs(address.query).get("v", [parts[1] if len(parts) > 1 else ""])[0]
    return found if _YOUTUBE_ID.fullmatch(found) else text


def _channel_of_address(entry: str) -> str | None:
    """The key of a channel's address; ``None`` when the entry is not one."""
    if "/" not in entry:
        return None
    address = urlsplit(entry if "://" in entry else f"https://{entry}")
    parts = address.path.strip("/").split("/")
    if (address.hostname or "").removeprefix("www.").removeprefix("m.") != "youtube.com":
        return None
    if parts[0].startswith("@"):
        return parts[0].casefold()
    return parts[1].casefold() if parts[0] in ("channel", "c", "user") and len(parts) > 1 else None


def _channel_key(value: str) -> str:
    return _channel_of_address(value) or value.strip().casefold()


def _texts(row: Mapping[str, Any], columns: Iterable[str]) -> Iterable[str]:
    return (value for column in columns if isinstance(value := row.get(column), str) and value)
