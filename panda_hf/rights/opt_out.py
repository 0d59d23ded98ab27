"""`OptOut`: whose videos and which channels must not be in a dataset, whatever step it is made in."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from panda_hf.errors import SourceError

log = logging.getLogger(__name__)

REASON = "opted out"
"""What the columns ``filtered`` and ``reason`` say of a row that the list names."""

_VIDEO_COLUMNS = ("video_id", "url", "webpage_url", "original_url")
_CHANNEL_COLUMNS = ("channel_id", "channel", "channel_url", "uploader_id", "uploader", "uploader_url")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}")
_HANDLE = re.compile(r"@[^\s/,;\"']+")
_CHANNEL = "channel:"
_YOUTUBE_HOSTS = ("youtube.com", "youtube-nocookie.com", "music.youtube.com")
_NO_CHANNEL = frozenset(
    "attribution_link clip embed feed gaming hashtag live playlist post results shorts source v watch".split()
)
"""First parts of addresses of YouTube that are no channel's own name, as ``youtube.com/NAME`` is."""
_SHOWN = 5
"""Odd lines that are named in a warning."""


@dataclass(frozen=True)
class OptOut:
    """Videos and channels whose owners do not want them in a dataset. Empty: nobody."""

    videos: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: str | os.PathLike[str] | None) -> OptOut:
        """The list in a text file; an empty one for ``None``.

        One entry a line: a video id, the address of a video, ``channel:`` with an id, handle or name, a channel's id
        (``UC…``), handle (``@…``) or address. Quotes around an entry are taken off. Empty lines and what follows a
        ``#`` at the start of a line or after a space are ignored.

        Lines that are none of these, and a list without entries, are warned of. Such a line counts as the id of a
        video nevertheless: ids of videos that are not from YouTube may be any text.

        Raises:
            SourceError: when the file cannot be read: a list that is silently not honoured is worse than none.
        """
        if path is None:
            return cls()
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"the opt-out list {path} cannot be read: {error}. Give a UTF-8 text file.") from error
        listed, odd = cls._parsed(text.splitlines())
        if odd:
            more = f" and {len(odd) - _SHOWN:,} more" if len(odd) > _SHOWN else ""
            log.warning(
                f"the opt-out list {path}: {', '.join(odd[:_SHOWN])}{more}: neither a YouTube id, an address, @handle "
                f"nor channel:NAME. Such a line leaves out only a video whose id is exactly that text."
            )
        if not listed:
            log.warning(f"the opt-out list {path} names nobody: it holds no entry")
        return listed

    @classmethod
    def of(cls, lines: Iterable[str]) -> OptOut:
        """The list that these lines make."""
        return cls._parsed(lines)[0]

    @classmethod
    def _parsed(cls, lines: Iterable[str]) -> tuple[OptOut, list[str]]:
        """The list, and the lines that are no entry of the usual forms, in words."""
        videos, channels, odd = set(), set(), []
        for number, line in enumerate(lines, 1):
            entry = _unquoted(re.sub(r"(^|\s)#.*", "", line).strip())
            channel = _channel_of_entry(entry)
            if channel:
                channels.add(channel)
            elif entry and channel is None:
                videos.add(video_key(entry))
            if entry and not channel and not _is_usual(entry):
                odd.append(f"line {number} ({entry[:60]!r})")
        return cls(frozenset(videos), frozenset(channels)), odd

    def __len__(self) -> int:
        """How many entries it has."""
        return len(self.videos) + len(self.channels)

    def names(self, row: Mapping[str, Any]) -> bool:
        """Whether the list names this row, by id, address, channel or uploader, whichever columns it has."""
        return bool(self.entries(row))

    def entries(self, row: Mapping[str, Any]) -> frozenset[str]:
        """The entries that name this row, in the form in which they are compared, channels after ``channel:``."""
        videos = {video_key(value) for value in _texts(row, _VIDEO_COLUMNS)} & self.videos
        channels = {_channel_key(value) for value in _texts(row, _CHANNEL_COLUMNS)} & self.channels
        return frozenset(videos | {_CHANNEL + channel for channel in channels})

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
    host, parts, query = _address(text)
    found = ""
    if host == "youtu.be":
        found = parts[0]
    elif host in _YOUTUBE_HOSTS:
        found = parse_qs(query).get("v", [parts[1] if len(parts) > 1 else ""])[0]
    return found if _YOUTUBE_ID.fullmatch(found) else text


def _unquoted(entry: str) -> str:
    return entry[1:-1].strip() if len(entry) > 1 and entry[0] == entry[-1] and entry[0] in "\"'" else entry


def _is_usual(entry: str) -> bool:
    """Whether an entry that is no channel is the id of a YouTube video, or an address that can be one of a video."""
    if _YOUTUBE_ID.fullmatch(video_key(entry)):
        return True
    host = _address(entry)[0] if "/" in entry else ""
    return "." in host and host not in _YOUTUBE_HOSTS and len(entry.split()) == 1


def _channel_of_entry(entry: str) -> str | None:
    """The key of the channel that an entry names, empty when it names none after ``channel:``; ``None``: a video."""
    if entry.casefold().startswith(_CHANNEL):
        return _channel_key(entry[len(_CHANNEL) :])
    if _CHANNEL_ID.fullmatch(entry) or _HANDLE.fullmatch(entry):
        return entry.casefold()
    return _channel_of_address(entry)


def _channel_of_address(entry: str) -> str | None:
    """The key of a channel's address; ``None`` when the entry is not one."""
    if "/" not in entry:
        return None
    host, parts, query = _address(entry)
    if host not in _YOUTUBE_HOSTS:
        return None
    if parts[0] in ("channel", "c", "user"):
        return parts[1].casefold() if len(parts) > 1 else None
    is_name = parts[0].startswith("@") or (len(parts) == 1 and not query and parts[0] not in {"", *_NO_CHANNEL})
    return parts[0].casefold() if is_name else None


def _address(text: str) -> tuple[str, list[str], str]:
    """Host without ``www.`` and ``m.``, parts of the path (at least one), and query; no host: ``""``."""
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = address.hostname or ""
    except ValueError:
        return "", [""], ""
    return host.removeprefix("www.").removeprefix("m."), address.path.strip("/").split("/"), address.query


def _channel_key(value: str) -> str:
    return _channel_of_address(value) or value.strip().casefold()


def _texts(row: Mapping[str, Any], columns: Iterable[str]) -> Iterable[str]:
    return (value for column in columns if isinstance(value := row.get(column), str) and value)
