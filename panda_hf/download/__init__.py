"""From ids to videos: fetch with yt-dlp, say of each video what became of it, cut its clips."""

from typing import Any

from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.download.pool import fetch, fetch_all
from panda_hf.download.reasons import REASONS, TEMPORARY, Reason

__all__ = [
    "REASONS",
    "TEMPORARY",
    "DownloadSummary",
    "FetchOptions",
    "Fetched",
    "Making",
    "Plan",
    "Reason",
    "Wanted",
    "download",
    "fetch",
    "fetch_all",
]

_OF_RUN = ("DownloadSummary", "Making", "Plan", "download")


def __getattr__(name: str) -> Any:
    """What only a whole run needs is imported when it is asked for: each worker process imports this package too."""
    if name not in _OF_RUN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from panda_hf.download import run

    return getattr(run, name)
