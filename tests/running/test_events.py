"""The log of a run in lines of JSON, and what its summary says of speed."""

from __future__ import annotations

import json
from pathlib import Path

from panda_hf.running import curate
from panda_hf.running.accounts import Counts, RunSummary
from tests.running.fakes import fake_steps, write_videos


def test_each_video_and_shard_is_a_line_and_a_run_that_goes_on_adds_its_own(tmp_path: Path) -> None:
    videos, log = write_videos(tmp_path / "v", a=2, b="broken", c=1), tmp_path / "logs" / "run.jsonl"
    options = {"steps": fake_steps(), "num_workers": 0, "progress": False, "videos_per_shard": 2, "log_file": log}
    summary = curate(videos, tmp_path / "out", **options)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["run", "video", "video", "shard", "video", "shard", "end"]
    assert [line["video_id"] for line in lines if line["event"] == "video"] == ["a", "b", "c"]
    assert lines[2]["status"] == "failed" and lines[2]["warnings"] == ["FakeSplit: VideoError: b.mp4: broken"]
    assert lines[1]["clips"] == {"kept": 1, "filtered": 1, "failed": 0} and "FakeCaption" in lines[1]["seconds"]
    assert lines[-1]["videos"] == {"kept": 2, "filtered": 0, "failed": 1}
    assert summary.videos_now == 3 and set(summary.stage_seconds) >= {"FakeSplit", "FakeCaption"}
    assert curate(videos, tmp_path / "out", **options).videos_now == 0
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()[7:]] == ["run", "end"]


def test_the_summary_says_how_fast_it_went_and_where_the_time_went() -> None:
    known = {"videos": Counts(3), "clips": Counts(9), "kept_seconds": 9.0, "shards": 1, "resumed_shards": 0}
    summary = RunSummary(Path("x"), **known, seconds=7.2, videos_now=2, stage_seconds={"Split": 1.0, "Caption": 3.0})
    assert summary.throughput() == [
        "2 videos in 7.2 s: 1,000 per hour",
        "work per video: Caption 1 s (75%), Split 0.33 s (25%)",
    ]
    assert RunSummary(Path("x"), **known, seconds=7.2).throughput() == []
