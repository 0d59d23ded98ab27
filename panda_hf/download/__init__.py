"""From ids to videos: fetch with yt-dlp, say of each video what became of it, cut its clips."""

from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.download.pool import fetch, fetch_all
from panda_hf.download.reasons import REASONS, TEMPORARY, Reason

__all__ = ["REASONS", "TEMPORARY", "FetchOptions", "Fetched", "Reason", "Wanted", "fetch", "fetch_all"]
