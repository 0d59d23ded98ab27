"""From video rows to clip rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Features, Value

from panda_hf import schema
from panda_hf.clips import explode_clips, spoken_between, video_id_of
from panda_hf.errors import MissingColumnError

FEATURES = Features({**schema.VIDEO_ROW, **schema.SPLIT_COLUMNS, "error": schema.ERROR, "licence": Value("string")})


def row(**values: Any) -> dict[str, Any]:
    blank = dict.fromkeys(FEATURES)
    video = {"path": "films/long.mp4", "bytes": None}
    return {**blank, "video_id": "long", "video": video, "licence": "cc0", **values}


def clip(start: float, end: float) -> dict[str, Any]:
    return {"start": start, "end": end, "shot_boundary_detection": [{"start": 0.0, "end": end - start}]}


def exploded(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return list(explode_clips(Dataset.from_list(list(rows), features=FEATURES)))


def test_each_clip_becomes_a_row_named_after_its_video() -> None:
    rows = exploded(row(clips=[clip(0, 2), clip(3, 6.5)]))
    assert [r["clip_id"] for r in rows] == ["long.0", "long.1"]
    assert [(r["start"], r["end"]) for r in rows] == [(0, 2), (3, 6.5)]
    assert all(r["video"] == {"path": "films/long.mp4", "bytes": None} for r in rows)
    assert all(r["licence"] == "cc0" for r in rows)


def test_a_failed_video_stays_one_row_with_its_error() -> None:
    error = {"stage": "Split", "type": "VideoError", "message": "long.mp4 is empty"}
    (only,) = exploded(row(error=error))
    assert (only["clip_id"], only["filtered"], only["error"]) == (None, None, error)


def test_a_video_without_a_clip_stays_one_row_with_the_reasons() -> None:
    dropped = [
        {"start": 0.0, "end": 1.0, "reason": "still"},
        {"start": 1.0, "end": 2.0, "reason": "too_short"},
        {"start": 2.0, "end": 3.0, "reason": "still"},
    ]
    (only,) = exploded(row(clips=[], dropped=dropped))
    assert only["filtered"] == "no clip left: 2 still, 1 too_short"
    assert only["clip_id"] is None and only["error"] is None


def test_streaming_gives_the_same_rows() -> None:
    data = Dataset.from_list([row(clips=[clip(0, 2), clip(2, 4)]), row(clips=[])], features=FEATURES)
    assert list(explode_clips(data.to_iterable_dataset())) == list(explode_clips(data))


def test_a_video_held_as_bytes_is_written_once_and_referred_to() -> None:
    rows = exploded(row(video={"path": None, "bytes": b"film"}, clips=[clip(0, 2), clip(2, 4)]))
    paths = {r["video"]["path"] for r in rows}
    assert len(paths) == 1 and all(r["video"]["bytes"] is None for r in rows)
    assert Path(paths.pop()).read_bytes() == b"film"


def test_without_split_it_says_what_is_missing() -> None:
    with pytest.raises(MissingColumnError, match="Split"):
        explode_clips(Dataset.from_list([{"video_id": "a"}]))


def test_the_subtitle_of_a_clip_is_what_overlaps_it() -> None:
    cues = [
        {"start": 0.0, "end": 1.0, "text": "before"},
        {"start": 0.9, "end": 2.0, "text": " into "},
        {"start": 2.5, "end": 2.6, "text": ""},
        {"start": 2.9, "end": 9.0, "text": "out of"},
        {"start": 3.0, "end": 4.0, "text": "after"},
    ]
    assert spoken_between(cues, 1.0, 3.0) == "into out of"
    assert spoken_between(cues, 20.0, 30.0) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b/film.one.mp4", "film.one"), ("C:\\films\\x.mp4", "x"), ("-dash.mp4", "-dash"), (None, "video")],
)
def test_a_video_without_an_id_is_named_after_its_file(path: str | None, expected: str) -> None:
    assert video_id_of({"video": {"path": path, "bytes": None}}) == expected
