"""Where the bars of the timelines and of the histogram stand."""

from __future__ import annotations

import random

import pytest

from panda_hf.publishing import drawing
from tests.publishing.synthetic import clip_row, video_row


def test_bars_lie_along_the_duration_in_per_cent() -> None:
    video = video_row(
        "a.mp4",
        duration=20.0,
        shots=[{"start": 0.0, "end": 5.0}, {"start": 5.0, "end": 20.0}],
        dropped=[{"start": 0.0, "end": 5.0, "reason": "too_short"}],
    )
    clip = clip_row(video, 0, 5.0, 15.0)
    drawn = drawing.timeline(video, [clip], {clip["clip_id"]: "here"})
    assert [(bar.x, bar.width) for bar in drawn.shots] == [(0.0, 25.0), (25.0, 75.0)]
    assert [(bar.x, bar.width, bar.target) for bar in drawn.clips] == [(25.0, 50.0, "here")]
    assert [(bar.x, bar.width, bar.kind) for bar in drawn.dropped] == [(0.0, 25.0, "too_short")]
    assert drawn.clips[0].tip == "clip 0, 0:05.0 to 0:15.0 (10.0 s)"


def test_a_video_of_unknown_duration_reaches_to_its_last_shot() -> None:
    drawn = drawing.timeline(video_row("a.mp4", shots=[{"start": 0.0, "end": 4.0}]), [], {})
    assert [(bar.x, bar.width) for bar in drawn.shots] == [(0.0, 100.0)]


def test_nothing_is_drawn_of_a_video_without_duration() -> None:
    assert drawing.timeline(video_row("a.mp4"), [], {}) == drawing.Timeline([], [], [], [])


def test_a_timeline_of_very_many_shots_stays_small() -> None:
    shots = [{"start": 0.1 * i, "end": 0.1 * (i + 1)} for i in range(36_000)]
    drawn = drawing.timeline(video_row("a.mp4", duration=3600.0, shots=shots), [], {})
    assert len(drawn.shots) <= 2 * drawing.TIMELINE_STEPS
    assert drawn.shots[-1].x + drawn.shots[-1].width == pytest.approx(100, abs=0.2)


@pytest.mark.parametrize("seconds", [0.4, 1, 8, 59, 61, 600, 7200, 100_000, 1_000_000])
def test_the_axis_has_few_marks_at_round_times(seconds: float) -> None:
    marks = drawing.ticks(seconds)
    assert 1 <= len(marks) <= 6
    assert marks[0].x == 0 and all(mark.x <= 94 for mark in marks)


def test_every_value_is_in_one_column_of_the_histogram() -> None:
    rng = random.Random(0)
    values = [rng.gauss(0.3, 0.1) for _ in range(500)]
    columns = drawing.histogram(values)
    assert sum(column.count for column in columns) == 500
    for column in columns:
        assert column.count == sum(column.low <= value < column.high for value in values)
    assert 5 <= len(columns) <= 26
    assert max(column.height for column in columns) == 100


@pytest.mark.parametrize("values", [[0.25], [0.0, 0.0], [-3.0], [1e-30, 1.0], [-1.0, 1.0]])
def test_odd_values_make_a_histogram_too(values: list[float]) -> None:
    assert sum(column.count for column in drawing.histogram(values)) == len(values)


def test_without_values_there_is_no_histogram() -> None:
    assert drawing.histogram([]) == []
