"""Three ways to cut a video into clips, those of the paper's Table 2: by its subtitles, by PySceneDetect, by ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from panda_hf.errors import VideoError
from panda_hf.splitting.comparison import detect_with_peer
from panda_hf.splitting.split import Split
from panda_hf.stage import Row
from panda_hf.video import probe

Way = Literal["subtitle alignment", "PySceneDetect", "ours"]
Span: TypeAlias = tuple[float, float]

SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_CLOSING = "\"'”’»)]"


def clips_by(way: Way, row: Row, split: Split) -> list[Span]:
    """The clips of a video, start and end in seconds.

    Args:
        way: which.
        row: a video row with the path of a file, and its subtitles.
        split: ours.

    Raises:
        VideoError: when the video cannot be read.
    """
    if way == "subtitle alignment":
        return by_subtitles(row.get("subtitles") or [])
    if way == "PySceneDetect":
        return _by_scenes(row["video"])
    out = split({"video": [row["video"]], "error": [None]})
    if (error := out["error"][0]) is not None:
        raise VideoError(error["message"])
    return [(clip["start"], clip["end"]) for clip in out["clips"][0]]


def by_subtitles(cues: Sequence[Row]) -> list[Span]:
    """One clip for each sentence that is said, from the first cue of the sentence to the end of its last.

    Where no cue of the video ends a sentence, as in automatic subtitles, each cue is a clip: what the paper did there
    is not stated.

    Example:
        >>> by_subtitles([{"start": 1, "end": 2, "text": "One"}, {"start": 2, "end": 4, "text": "sentence."}])
        [(1.0, 4.0)]
    """
    known = [cue for cue in cues if cue["text"].strip() and cue["end"] > cue["start"] >= 0]
    punctuated = any(_ends(cue["text"]) for cue in known)
    clips: list[Span] = []
    start: float | None = None
    for place, cue in enumerate(known):
        start = float(cue["start"]) if start is None else start
        if not punctuated or _ends(cue["text"]) or place == len(known) - 1:
            clips.append((start, float(max(cue["end"], start))))
            start = None
    return clips


def _ends(text: str) -> bool:
    return text.strip().rstrip(_CLOSING).endswith(SENTENCE_ENDS)


def _by_scenes(video: Any) -> list[Span]:
    """What PySceneDetect's ContentDetector finds in the file, with its own defaults."""
    end = probe(video).duration or 0.0
    boundaries, _, _ = detect_with_peer(str(video["path"]), "ContentDetector")
    edges = [0.0, *(float(boundary) for boundary in boundaries if 0 < boundary < end), end]
    return [(one, two) for one, two in zip(edges, edges[1:], strict=False) if two > one]
