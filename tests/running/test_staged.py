"""One model at a time: the same result as video by video, and each model loaded once for a shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from datasets import Features, Value, load_dataset

from panda_hf.captioning import Caption
from panda_hf.errors import CheckpointError, OutputError
from panda_hf.models.release import kept, release_models
from panda_hf.running import curate
from panda_hf.stage import Batch, Stage
from tests.running.fakes import FakeCaption, fake_steps, write_videos

LOADED: list[str] = []
HELD: list[int] = []
"""How many models were there when a teacher had loaded its own."""


@kept
def load(name: str) -> str:
    LOADED.append(name)
    return name


@dataclass(frozen=True, kw_only=True)
class Teacher(Stage):
    """Looks at the frames with a model of its own."""

    teacher: str
    breaks: bool = False

    @property
    def name(self) -> str:
        return f"Teacher({self.teacher})"

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id", "frames")

    @property
    def appends(self) -> Features:
        return Features({f"seen_{self.teacher}": Value("int64")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        load(self.teacher)
        HELD.append(load.cache_info().currsize)
        if self.breaks:
            raise MemoryError("no room")
        return {f"seen_{self.teacher}": [frames["data"][0] for frames in batch["frames"]]}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "videos", a=3, b=0, c="broken", d=5, e=2)


def steps(**options: Any) -> list[Any]:
    *before, last = fake_steps(**options)
    return [*before, Teacher(teacher="x"), Teacher(teacher="y"), last]


def rows_of(out: Path, name: str = "clips") -> dict[str, list[dict[str, Any]]]:
    return {
        split: [{k: v for k, v in row.items() if k not in ("seconds", "stage_seconds")} for row in rows]
        for split, rows in load_dataset(str(out), name).items()
    }


def test_the_rows_are_those_of_a_run_video_by_video(videos: Path, tmp_path: Path) -> None:
    options = {"steps": steps(fails_on=4), "progress": False, "videos_per_shard": 2, "batch_size": 2}
    one = curate(videos, tmp_path / "one", num_workers=0, **options)
    other = curate(videos, tmp_path / "other", one_model_at_a_time=True, **options)
    assert (one.videos, one.clips) == (other.videos, other.clips)
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "other")
    assert rows_of(tmp_path / "one", "videos") == rows_of(tmp_path / "other", "videos")
    pictures = [sorted(path.name for path in (tmp_path / out / "thumbnails").iterdir()) for out in ("one", "other")]
    assert pictures[0] == pictures[1] != []


def test_each_model_is_loaded_once_for_a_shard(videos: Path, tmp_path: Path) -> None:
    release_models()
    LOADED.clear()
    curate(videos, tmp_path / "out", steps=steps(), one_model_at_a_time=True, videos_per_shard=5, progress=False)
    assert LOADED == ["x", "y"]


def test_frames_leave_nothing_behind(videos: Path, tmp_path: Path) -> None:
    curate(videos, tmp_path / "out", steps=steps(), one_model_at_a_time=True, progress=False)
    assert not list((tmp_path / "out").rglob("*.pickle"))


def test_a_step_that_breaks_fails_its_rows_and_no_others(videos: Path, tmp_path: Path) -> None:
    broken = [*steps()[:-2], Teacher(teacher="z", breaks=True), steps()[-1]]
    summary = curate(videos, tmp_path / "out", steps=broken, one_model_at_a_time=True, progress=False)
    assert summary.videos.failed == 4 and summary.videos.filtered == 1
    errors = [row["error"] for row in rows_of(tmp_path / "out")["failed"] if row["clip_id"]]
    assert len(errors) == 10 and all(error["stage"] == "Teacher(z)" for error in errors)


def test_a_missing_checkpoint_ends_the_run(videos: Path, tmp_path: Path) -> None:
    lacking = [*fake_steps()[:-1], FakeCaption(needs_checkpoint=True)]
    with pytest.raises(CheckpointError):
        curate(videos, tmp_path / "out", steps=lacking, one_model_at_a_time=True, progress=False)


def test_worker_processes_beside_it_are_refused(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_workers=2"):
        curate(videos, tmp_path / "out", steps=steps(), one_model_at_a_time=True, num_workers=2)


@pytest.mark.parametrize("staged", [True, False])
def test_a_teacher_that_is_not_there_is_missed_before_any_work_and_binds_nobody(videos, tmp_path, staged) -> None:
    options = {"one_model_at_a_time": True} if staged else {"num_workers": 0}
    out, frames, last = tmp_path / "out", fake_steps()[:-1], Caption(teacher="mini_image", checkpoint="/not/here")
    with pytest.raises(CheckpointError, match="mini_image.*/not/here"):
        curate(videos, out, steps=[*frames, last], progress=False, **options)
    assert not out.exists()


def test_a_run_that_ended_before_anything_was_done_may_be_begun_anew_with_other_settings(videos, tmp_path) -> None:
    lacking = [*fake_steps()[:-1], FakeCaption(needs_checkpoint=True)]
    with pytest.raises(CheckpointError):
        curate(videos, tmp_path / "out", steps=lacking, one_model_at_a_time=True, progress=False)
    curate(videos, tmp_path / "out", steps=steps(), one_model_at_a_time=True, progress=False)
    assert rows_of(tmp_path / "out")["train"]
    with pytest.raises(OutputError, match="other settings"):  # what has results does bind
        curate(videos, tmp_path / "out", steps=fake_steps(), one_model_at_a_time=True, progress=False)


def test_a_model_is_let_go_before_the_next_step_begins(videos: Path, tmp_path: Path) -> None:
    release_models()
    HELD.clear()
    curate(videos, tmp_path / "out", steps=steps(), one_model_at_a_time=True, videos_per_shard=5, progress=False)
    assert set(HELD) == {1}
    assert load.cache_info().currsize == 0
