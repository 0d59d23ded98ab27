"""What to fetch, how, and what came of it: the values that pass between a run and its worker processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from panda_hf.download.reasons import Reason
from panda_hf.stage import Row


@dataclass(frozen=True)
class Wanted:
    """A video to fetch."""

    video_id: str
    url: str
    sections: tuple[tuple[float, float], ...] = ()
    """Start and end in seconds of the pieces that are needed; empty: the whole video."""


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How to fetch. The same for all videos of a run."""

    height: int | None = 360
    """Lines of the picture: the best at or under so many, else the smallest above. ``None``: the best there is."""
    audio: bool = True
    subtitles: tuple[str, ...] = ("en",)
    """Languages in order of preference; empty: none."""
    automatic_subtitles: bool = True
    """Take automatic subtitles where nobody wrote any."""
    cookies: str | None = None
    """A cookie file in Netscape's format. It is read, never written."""
    cookies_from_browser: str | None = None
    """A browser's name, such as ``firefox`` or ``chrome:Profile 1``."""
    proxy: str | None = None
    rate_limit: int | None = None
    """Bytes per second of one worker."""
    retries: int = 3
    """Tries after the first one, where another may help."""
    back_off_seconds: float = 2.0
    """Wait before the first new try; doubled each time, with a little chance in it."""
    max_back_off_seconds: float = 120.0
    """Longest single wait, also when a server asks for a longer one."""
    socket_timeout: float = 20.0
    """Seconds a server may be silent."""
    sleep_seconds: float = 0.0
    """Pause between two requests of one worker while it reads about a video."""
    max_bytes: int | None = None
    """Larger files are not fetched: ``too-large``."""
    javascript: tuple[str, ...] = ("deno",)
    """Runtimes that yt-dlp may start for a site's JavaScript (YouTube needs one): ``deno`` keeps it in a sandbox
    without network, ``node`` does not."""
    allow_hosts: tuple[str, ...] = ()
    """``host`` or ``host:port`` that may be reached although the address is private (intranets, tests)."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What became of one video."""

    video_id: str
    url: str
    reason: Reason
    detail: str | None = None
    """One line for people: the cause, or a reservation about a video that is there."""
    path: str | None = None
    """The whole video, in the folder of the run; ``None``: not fetched, or sections only."""
    section_paths: tuple[str | None, ...] = ()
    """One file for each of ``Wanted.sections`` when they were cut out of the remote video; empty: the whole video is
    there (or nothing). ``None`` in it: this section could not be cut."""
    section_details: tuple[str | None, ...] = ()
    """For each section why it could not be cut, or a reservation about it."""
    section_seconds: tuple[float | None, ...] = ()
    """How long each section came out; ``None``: it could not be cut."""
    info: Row = field(default_factory=dict)
    """Of :data:`INFO_KEYS`, what the site says; unknown ones are ``None``. Empty: nothing was learned."""
    subtitles: list[Row] | None = None
    """Cues ``{start, end, text}`` in seconds, rolling duplicates removed; ``None``: there are none."""
    subtitle_kind: Literal["manual", "automatic"] | None = None
    bytes: int | None = None
    """Of the file at ``path``, or of the sections together."""
    seconds: float = 0.0
    """How long it took, waiting included."""
    attempts: int = 1
    http_status: int | None = None
    """The last one that told of a failure."""
    retry_after: float | None = None
    """Seconds the server asked to wait, when it did and the tries were used up."""


INFO_KEYS: dict[str, type[Any]] = {
    "title": str,
    "description": str,
    "channel": str,
    "channel_id": str,
    "channel_url": str,
    "uploader": str,
    "uploader_id": str,
    "duration": float,
    "width": int,
    "height": int,
    "fps": float,
    "upload_date": str,
    "categories": list,
    "tags": list,
    "language": str,
    "license": str,
    "webpage_url": str,
    "extractor": str,
    "format_id": str,
}
"""What is kept of yt-dlp's information, and of what type; lists are of text."""
