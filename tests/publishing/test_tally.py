"""The figures of a run, against counting by hand."""

from __future__ import annotations

import math

import pytest

from panda_hf.publishing.tally import Tally
from tests.publishing.synthetic import clip_row, video_row


def tally_of(candidates: list[list[dict]], chosen: list[str | None]) -> Tally:
    video = video_row("a.mp4")
    rows = [
        clip_row(
            video,
            i,
            2.0 * i,
            2.0 * i + 2.0,
            candidates=of_clip,
            caption_teacher=teacher,
            caption=None if teacher is None else "text",
            matching_score=next((c["score"] for c in of_clip if c["teacher"] == teacher), None),
        )
        for i, (of_clip, teacher) in enumerate(zip(candidates, chosen, strict=True))
    ]
    tally = Tally()
    tally.add_clips("kept", rows)
    return tally


def test_teachers_are_counted_and_their_scores_averaged() -> None:
    candidates = [
        [{"teacher": "a", "caption": "x", "score": 0.5}, {"teacher": "b", "caption": "y", "score": 0.25}],
        [{"teacher": "a", "caption": "x", "score": 0.0}, {"teacher": "b", "caption": "y", "score": 0.75}],
        [{"teacher": "a", "caption": "x", "score": 1.0}, {"teacher": "b", "caption": None, "score": None}],
    ]
    tally = tally_of(candidates, ["a", "b", "a"])
    first, second = tally.ranked_teachers
    assert (first.name, first.captions, first.selected) == ("a", 3, 2)
    assert first.mean_score == pytest.approx(0.5) and first.mean_selected_score == pytest.approx(0.75)
    assert (second.name, second.captions, second.selected) == ("b", 2, 1)
    assert second.mean_score == pytest.approx(0.5) and second.mean_selected_score == pytest.approx(0.75)
    assert tally.scores == [0.5, 0.75, 1.0]
    assert tally.chosen == tally.captioned == 3


def test_scores_that_are_no_numbers_do_not_count() -> None:
    tally = tally_of([[{"teacher": "a", "caption": "x", "score": math.nan}]], ["a"])
    assert tally.scores == []
    assert tally.teachers["a"].mean_score is None
    assert tally.teachers["a"].selected == 1


def test_the_funnel_adds_up() -> None:
    tally = Tally()
    tally.add_videos(
        [
            video_row("a.mp4", duration=10.0, shots=[{"start": 0.0, "end": 4.0}, {"start": 4.0, "end": 10.0}]),
            video_row(
                "b.mp4", status="filtered", duration=5.0, dropped=[{"start": 1.0, "end": 5.0, "reason": "still"}]
            ),
            video_row("c.mp4", status="failed"),
        ]
    )
    video = video_row("a.mp4")
    tally.add_clips("kept", [clip_row(video, 0, 0.0, 4.0, caption="x"), clip_row(video, 1, 4.0, 7.0)])
    tally.add_clips("failed", [{**clip_row(video, 2, 7.0, 9.0)}, {**clip_row(video, 3, 0, 0), "clip_id": None}])
    assert tally.equation() == "3 videos in = 1 kept + 1 filtered + 1 failed"
    assert (tally.shots, tally.clips_in, tally.clips["kept"], tally.captioned) == (2, 3, 2, 1)
    assert tally.footage_seconds == 15.0 and tally.kept_seconds == 7.0
    assert (tally.dropped["still"].count, tally.dropped["still"].seconds) == (1, 4.0)
