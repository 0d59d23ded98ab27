"""The clock over a few videos, on stages that take known times, and the choice of the videos."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Features, Value

from panda_hf.clips import explode_clips
from panda_hf.errors import CheckpointError, SourceError
from panda_hf.rights import OptOut
from panda_hf.running.curate import curate
from panda_hf.running.extent import look_over
from panda_hf.running.forecast import forecast
from panda_hf.running.inputs import list_videos
from panda_hf.running.plan import Plan
from panda_hf.running.trial import run_together, run_trial
from panda_hf.stage import Batch, Stage
from tests.running.fakes import FakeCaption, FakeFrames, FakeSplit, fake_steps, write_videos
from tests.stages import write_film

LOAD = 0.5


@functools.cache
def load(name: str) -> str:
    time.sleep(LOAD)
    return name


@dataclass(frozen=True, kw_only=True)
class Loads(Stage):
    """Takes 20 ms for each clip, and `LOAD` seconds once in a process."""

    key: str

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id", "frames")

    @property
    def appends(self) -> Features:
        return Features({"loaded": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        load(self.key)
        time.sleep(0.02 * len(batch["clip_id"]))
        return {"loaded": [f"{self.key} {rank}"] * len(batch["clip_id"])}


def tried(folder: Path, steps: list, **options):
    videos = list_videos(folder)
    plan = Plan.of(steps, videos.features, thumbnails=options.pop("thumbnails", False))
    return run_trial(plan, [plan.row(entry.load()) for entry in videos], **options)


def test_clips_are_counted_and_only_some_are_tried(tmp_path):
    trial = tried(write_videos(tmp_path, a=40, b=3), fake_steps(), clips_per_video=5)
    assert [(one.video_id, one.clips, one.tried, one.failed) for one in trial.videos] == [
        ("a", 40, 5, 0),
        ("b", 3, 3, 0),
    ]
    assert [one.minutes for one in trial.videos] == [40 / 60, 3 / 60]
    assert trial.video_stages == ("FakeSplit",)
    assert trial.clip_stages == ("SetAside", "FakeFrames", "FakeCaption")
    assert all(one.output_bytes > 0 for one in trial.videos)
    assert trial.peak_bytes > 10**7


def test_loading_is_told_apart_from_the_work(tmp_path):
    steps = [FakeSplit(), explode_clips, FakeFrames(), Loads(key=str(tmp_path))]
    trial = tried(write_videos(tmp_path, a=10), steps, clips_per_video=None)
    assert trial.load_seconds["Loads"] == pytest.approx(LOAD, abs=0.25)
    assert 0.15 < trial.videos[0].seconds["Loads"] < 0.2 + LOAD


def test_pictures_and_exported_clips_count_as_output(tmp_path):
    folder = write_videos(tmp_path, a=3)
    plain = tried(folder, fake_steps()).videos[0].output_bytes
    trial = tried(folder, fake_steps(), thumbnails=True)
    assert trial.videos[0].output_bytes > plain
    assert trial.clip_stages[-1] == "thumbnails" and trial.videos[0].seconds["thumbnails"] > 0


def test_a_broken_video_and_a_broken_clip_are_counted(tmp_path):
    folder = write_videos(tmp_path, a=3, b="nonsense")
    trial = tried(folder, fake_steps(fails_on=2))
    assert [(one.clips, one.tried, one.failed) for one in trial.videos] == [(3, 3, 1), (0, 0, 1)]
    assert trial.videos[1].minutes is None


def test_what_every_video_would_meet_ends_the_trial(tmp_path):
    with pytest.raises(CheckpointError, match="fake"):
        tried(
            write_videos(tmp_path, a=1), [FakeSplit(), explode_clips, FakeFrames(), FakeCaption(needs_checkpoint=True)]
        )


def test_videos_of_all_lengths_are_chosen_the_shortest_first(tmp_path):
    for name, seconds in {"a": 4.0, "b": 1.0, "c": 3.0, "d": 2.0}.items():
        write_film(tmp_path / f"{name}.mp4", shots=1, seconds=seconds)
    (tmp_path / "e.mp4").write_bytes(b"no video")
    extent, rows = look_over(list_videos(tmp_path), 2)
    # Quarters of the lengths: the middle of the lower half and of the upper half.
    assert [row["video_id"] for row in rows] == ["d", "a"]
    assert sorted(extent.minutes) == pytest.approx([1 / 60, 2 / 60, 3 / 60, 4 / 60], rel=0.1)
    assert (extent.videos, extent.probed) == (5, 5)
    assert extent.total_minutes == pytest.approx(10 / 60, rel=0.1)


def test_files_of_unknown_length_are_tried_where_nothing_else_is(tmp_path):
    extent, rows = look_over(list_videos(write_videos(tmp_path, a=2, b=3)), 3)
    assert len(rows) == 2 and extent.total_minutes is None


def test_who_opted_out_is_not_opened(tmp_path, monkeypatch):
    from panda_hf.running import extent as module

    folder = write_videos(tmp_path / "films", a=2, b=3)
    (tmp_path / "out.txt").write_text("a\n")
    asked = []
    monkeypatch.setattr(module, "probe", lambda video: asked.append(Path(video["path"]).stem) or _raise())
    _, rows = look_over(list_videos(folder), 2, opt_out=OptOut.read(tmp_path / "out.txt"))
    assert [row["video_id"] for row in rows] == ["b"] and asked == ["b"]


def _raise():
    from panda_hf.errors import VideoError

    raise VideoError("not a video")


def test_a_stream_must_be_told_how_long_it_is(tmp_path):
    rows = list_videos(write_videos(tmp_path, a=2, b=3)).to_dataset().to_iterable_dataset()
    with pytest.raises(SourceError, match="--limit"):
        look_over(list_videos(rows), 1)
    extent, chosen = look_over(list_videos(rows, limit=2), 1, limit=2)
    assert extent.videos == 2 and len(chosen) == 1


def test_processes_that_work_together_give_means_of_their_times(tmp_path):
    videos = list_videos(write_videos(tmp_path, a=4))
    steps = [FakeSplit(seconds=0.6), explode_clips, FakeFrames(), Loads(key=str(tmp_path))]
    plan = Plan.of(steps, videos.features, thumbnails=False)
    trial = run_together(plan, [plan.row(entry.load()) for entry in videos], 2)
    assert [(one.video_id, one.tried) for one in trial.videos] == [("a", 4)]
    assert 0.55 < trial.videos[0].seconds["FakeSplit"] < 2 * 0.6  # the mean of the two, not their sum
    assert trial.load_seconds["Loads"] == pytest.approx(LOAD, abs=0.25)  # in each of the two, not shared


def test_the_prediction_comes_true_in_a_run_of_all_videos(tmp_path):
    folder = write_videos(tmp_path / "films", **{name: 10 for name in "abcdef"})
    planned = [FakeSplit(seconds=0.1), explode_clips, FakeFrames(), Loads(key=f"{tmp_path} plan")]
    videos = list_videos(folder)
    extent, rows = look_over(videos, 2)
    predicted = forecast(run_trial(Plan.of(planned, videos.features, thumbnails=False), rows), extent, 1)
    # 6 videos of 0.1 s, 60 clips of 0.02 s, loading once
    assert predicted.seconds == pytest.approx(6 * 0.1 + 60 * 0.02 + LOAD, rel=0.4)

    fresh = [*planned[:-1], Loads(key=f"{tmp_path} run")]
    summary = curate(folder, tmp_path / "out", steps=fresh, num_workers=0, thumbnails=False, progress=False)
    assert 0.4 * summary.seconds < predicted.seconds < 1.3 * summary.seconds
    assert predicted.clips == summary.clips.kept == 60
