"""What a run says of itself while it goes on, and at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.running import curate
from panda_hf.running.accounts import Counts, RunSummary, per_video
from tests.running.fakes import fake_steps, write_videos


def test_the_longest_stages_come_first_with_what_each_takes_of_a_video() -> None:
    seconds = {"Split": 6.0, "Select": 1.0, "Caption(x)": 3.0}
    assert per_video(seconds, 4) == "Split 1.5 s (60%), Caption(x) 0.75 s (30%), Select 0.25 s (10%)"
    assert per_video(seconds, 4, most=1) == "Split 1.5 s (60%)"
    assert per_video({}, 4) == per_video(seconds, 0) == ""


def test_a_summary_tells_the_rate_of_this_run_and_the_work_of_all_videos(tmp_path: Path) -> None:
    of_all = Counts(kept=8, failed=2)
    summary = RunSummary(tmp_path, of_all, Counts(), 0.0, 2, 1, 60.0, videos_now=5, stage_seconds={"Split": 20.0})
    assert summary.throughput() == ["5 videos in 60.0 s: 300 per hour", "work per video: Split 2 s (100%)"]


def test_each_shard_says_how_far_the_run_is_and_how_long_it_will_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = write_videos(tmp_path / "videos", a=2, b=1, c=1)
    curate(videos, tmp_path / "out", steps=fake_steps(seconds=0.02), num_workers=0, videos_per_shard=2)
    first, second = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  ")]
    assert first.strip().startswith("2 of 3 videos, ") and " per hour, " in first and " left; per video " in first
    assert second.strip().startswith("3 of 3 videos, ") and "FakeCaption" in second
