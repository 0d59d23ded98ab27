"""How much video there is in a list, and which few stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from panda_hf.errors import SourceError, VideoError
from panda_hf.rights import OptOut
from panda_hf.running.forecast import Extent
from panda_hf.running.videos import Entry, Videos
from panda_hf.stage import Row
from panda_hf.video import probe

PROBES = 100
"""So many videos, spread over the list, are asked how long they are."""


def look_over(
    videos: Videos, sample: int, *, limit: int | None = None, opt_out: OptOut | None = None
) -> tuple[Extent, list[Row]]:
    """Ask videos how long they are, and choose some of all lengths to be tried.

    Args:
        videos: the list.
        sample: how many to choose.
        limit: how many there are, where only the end of a stream would tell.
        opt_out: videos that are left out.

    Returns:
        How much there is, and the rows of the chosen videos, the shortest first, those of unknown length last.

    Raises:
        SourceError: when there is no video, or a stream does not say how many.
    """
    entries = _entries(videos, sample, limit)
    asked = [(entry, *_asked(entry, opt_out or OptOut())) for entry in entries]
    known = sorted(
        ((minutes, i) for i, (_, minutes, left_out) in enumerate(asked) if minutes), key=lambda pair: pair[0]
    )
    silent = [i for i, (_, minutes, left_out) in enumerate(asked) if minutes is None and not left_out]
    chosen = [i for _, i in _spread(known, sample)]
    chosen += silent[: sample - len(chosen)]
    if not chosen:
        raise SourceError("there is no video to try: all are left out, or the list is empty")
    count = videos.count or limit or len(entries)
    extent = Extent(count, tuple(minutes for minutes, _ in known), len(asked))
    return extent, [asked[i][0].load() for i in chosen]


def _entries(videos: Videos, sample: int, limit: int | None) -> list[Entry]:
    if videos.count is not None:
        return _spread(list(videos), PROBES)
    if limit is None:
        raise SourceError("a stream does not say how many videos it holds; give --limit, the number to predict for")
    return list(islice(videos, min(limit, 2 * sample)))


def _asked(entry: Entry, opt_out: OptOut) -> tuple[float | None, bool]:
    """Length in minutes, ``None`` where the file does not say it, and whether the video is left out."""
    row = entry.load()
    video = row.get("video") or {}
    if opt_out.names({"original_url": video.get("path"), **row}):
        return None, True
    try:
        seconds = probe(video).duration
    except VideoError:
        return None, False
    return (seconds / 60 if seconds else None), False


def _spread(items: Sequence, most: int) -> list:
    """At most so many, evenly from begin to end."""
    if len(items) <= most:
        return list(items)
    return [items[int((i + 0.5) * len(items) / most)] for i in range(most)]
