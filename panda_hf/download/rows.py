"""From the rows of a source to a video that is wanted, with its clips."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panda_hf.errors import SourceError
from panda_hf.rights import video_key
from panda_hf.running.subtitles import whole_text
from panda_hf.stage import Row

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


class ReleaseFile(SourceError):
    """A source is a file of the release as it is: no line of it can be used."""


@dataclass(frozen=True)
class Planned:
    """A video that is wanted."""

    video_id: str
    url: str
    clips: tuple[Row, ...] = ()
    """Rows of the source with ``clip_id``, ``start`` and ``end``; empty: the source names videos only."""


def address_of(video_id: str, url: Any) -> str:
    """Where a video is: as the source says, else on YouTube where the id is one of its ids.

    Raises:
        SourceError: neither is the case.
    """
    if isinstance(url, str) and url.strip():
        return url.strip()
    if _YOUTUBE_ID.fullmatch(video_id):
        return f"https://www.youtube.com/watch?v={video_id}"
    raise SourceError(f"where is the video {video_id!r}? The source has no url for it, and it is no YouTube id")


def id_of(row: Row) -> str:
    """The video that a row is of.

    Raises:
        SourceError: it does not say so, or is of a CSV file of the release, where a row is a list of clips.
    """
    if isinstance(row.get("timestamp"), str):
        raise ReleaseFile(
            "a CSV file of the release, with lists of clips; make a dataset of it: panda-hf build panda-70m --csv FILE"
        )
    value = row.get("video_id") or row.get("videoID") or row.get("id")
    if value is None and isinstance(row.get("url"), str):
        value = video_key(row["url"])
    if value is None or not str(value).strip():
        raise SourceError(f"a row has neither video_id nor url; it has {sorted(map(str, row))}")
    return str(value).strip()


def planned_of(rows: Sequence[tuple[int, Row]]) -> Planned:
    """The video of these rows, each with its place among the video's rows, by which a clip without a name is called.

    Raises:
        SourceError: a row is not of a video that can be found, or makes no clip.
    """
    video_id = id_of(rows[0][1])
    clips = [_clip(video_id, i, row) for i, row in rows if row.get("start") not in (None, "")]
    twice = [name for name, count in Counter(clip["clip_id"] for clip in clips).items() if count > 1]
    if twice:
        raise SourceError(f"the video {video_id!r} has two clips named {twice[0]!r}; give each a clip_id of its own")
    url = next((row["url"] for _, row in rows if row.get("url")), None)
    return Planned(video_id, address_of(video_id, url), tuple(clips))


def _clip(video_id: str, index: int, row: Row) -> Row:
    """A row as one of the release, whatever a table holds: text for numbers, nothing, columns of other meaning."""
    try:
        start, end = float(row["start"]), float(row["end"])
        score = row.get("matching_score")
        score = None if score in (None, "") else float(score)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"a clip of {video_id!r} has no start and end in seconds, or a matching_score that is no number: {error}"
        ) from error
    if not math.inf > end > start >= 0:
        raise SourceError(f"a clip of {video_id!r} runs from {start} s to {end} s; expected 0 <= start < end")
    shots = row.get("shot_boundary_detection")
    return {
        "clip_id": str(row.get("clip_id") or f"{video_id}.{index}"),
        "start": start,
        "end": end,
        "caption": _text(row.get("caption")),
        "matching_score": score,
        "desirable_filtering": _text(row.get("desirable_filtering")),
        "shot_boundary_detection": shots if isinstance(shots, list) else None,
    }


def _text(value: Any) -> str | None:
    return None if value in (None, "") else whole_text(str(value))
