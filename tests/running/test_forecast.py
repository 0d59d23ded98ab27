"""Predictions by arithmetic, on trials made up here."""

from __future__ import annotations

import pytest

from panda_hf.errors import SourceError
from panda_hf.running.forecast import Extent, forecast
from panda_hf.running.trial import Trial, VideoTrial


def video(name="a", minutes=1.0, clips=4, tried=2, failed=0, split=6.0, caption=10.0, size=200) -> VideoTrial:
    return VideoTrial(name, minutes, clips, tried, failed, {"Split": split, "Caption": caption}, size)


def trial(*videos: VideoTrial, load=None, gpu=(None, None, 0)) -> Trial:
    return Trial(videos, ("Split",), ("Caption",), load or {}, 10**9, *gpu)


def test_one_video_is_scaled_by_minutes_and_by_clips():
    found = forecast(trial(video()), Extent(10, (1.0, 2.0, 3.0), 3), workers=1)
    # 10 videos of 2 minutes: 20 minutes of 6 s; 80 clips of 5 s and of 100 bytes
    assert [(stage.name, stage.seconds) for stage in found.stages] == [("Split", 120.0), ("Caption", 400.0)]
    assert [stage.seconds_per_unit for stage in found.stages] == [6.0, 5.0]
    assert [stage.unit for stage in found.stages] == ["video minute", "clip"]
    assert found.clips == 80 and found.output_bytes == 8000
    assert found.seconds == 520.0 and found.bottleneck.name == "Caption"
    assert found.bottleneck.share == pytest.approx(400 / 520)


def test_workers_share_the_work_but_each_loads_its_models():
    alone = forecast(trial(video(), load={"Caption": 30.0}), Extent(10, (1.0,) * 10, 10), workers=1)
    four = forecast(trial(video(), load={"Caption": 30.0}), Extent(10, (1.0,) * 10, 10), workers=4)
    assert alone.seconds == 60 + 200 + 30 and four.seconds == (60 + 200) / 4 + 30
    assert four.worker_bytes == 10**9


def test_there_are_no_more_workers_than_videos():
    assert forecast(trial(video()), Extent(2, (1.0, 1.0), 2), workers=8).workers == 2
    assert forecast(trial(video()), Extent(2, (1.0, 1.0), 2), workers=0).workers == 1


def test_models_may_be_loaded_more_than_once():
    once, thrice = (
        forecast(trial(video(), load={"Caption": 5.0}), Extent(1, (1.0,), 1), 1, loads=loads) for loads in (1, 3)
    )
    assert thrice.seconds - once.seconds == 10.0


def test_one_video_tells_nothing_of_the_spread():
    found = forecast(trial(video()), Extent(10, (1.0,) * 10, 10), workers=1)
    assert found.low is None and found.stages[0].high is None


def test_videos_alike_leave_no_range_and_different_ones_do():
    extent = Extent(10, (1.0,) * 10, 10)
    alike = forecast(trial(video("a"), video("b")), extent, 1)
    assert alike.low == pytest.approx(alike.seconds) == pytest.approx(alike.high)
    apart = forecast(trial(video("a"), video("b", split=18.0)), extent, 1)
    # Of two videos drawn, both are the slow one in a quarter of the cases, both the quick one in another.
    assert (apart.stages[0].low, apart.stages[0].high) == (60.0, 180.0)
    assert apart.stages[0].seconds == 120.0


def test_lengths_that_were_not_asked_for_widen_the_range():
    two = trial(video("a"), video("b"))
    asked = forecast(two, Extent(4, (1.0, 9.0, 1.0, 9.0), 4), 1)
    guessed = forecast(two, Extent(400, (1.0, 9.0, 1.0, 9.0), 4), 1)
    assert asked.high - asked.low == pytest.approx(0.0)
    assert guessed.high - guessed.low > 0.2 * guessed.seconds


def test_files_that_do_not_say_their_length_shorten_the_total():
    # 2 of 4 that were asked cannot be read: of 8 videos about 4 are there to be split.
    assert Extent(8, (3.0, 5.0), 4).total_minutes == 16.0
    assert Extent(8, (), 4).total_minutes is None


def test_without_any_length_videos_are_counted():
    found = forecast(trial(video(minutes=None)), Extent(5, (), 5), 1)
    assert found.stages[0].unit == "video" and found.stages[0].seconds == 30.0
    assert found.clips == 20


def test_a_video_that_failed_counts_with_its_time_and_without_clips():
    broken = VideoTrial("b", None, 0, 0, 1, {"Split": 2.0}, 0)
    found = forecast(trial(video(), broken), Extent(2, (1.0,), 2), 1)
    assert found.stages[0].seconds == 8.0 and found.clips == 4


def test_nothing_is_predicted_when_everything_failed():
    with pytest.raises(SourceError, match="all 1 videos"):
        forecast(trial(VideoTrial("b", None, 0, 0, 1, {"Split": 2.0}, 0)), Extent(2, (), 2), 1)


def test_workers_share_the_gpus():
    found = forecast(trial(video(), gpu=(5, 24, 2)), Extent(10, (1.0,) * 10, 10), workers=5)
    assert (found.gpu_bytes, found.gpu_total_bytes) == (15, 24)  # three of the five workers on one of two
    assert forecast(trial(video()), Extent(10, (1.0,) * 10, 10), workers=5).gpu_bytes is None
