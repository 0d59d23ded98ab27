"""Retry and extend: what is asked for is done again, and nothing else is touched."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from datasets import Features, Value, load_dataset

from panda_hf.clips import explode_clips
from panda_hf.errors import OutputError, SourceError
from panda_hf.running import curate, extend, retry
from panda_hf.running.accounts import Counts
from panda_hf.running.again import to_run, with_changes
from panda_hf.stage import Batch, Row, Stage, run_rows
from tests.running.fakes import FakeCaption, FakeFrames, FakeSplit, SetAside, fake_steps, write_videos
from tests.running.test_resume import output_of

QUICK = {"num_workers": 0, "progress": False}


@dataclass(frozen=True, kw_only=True)
class Teacher(Stage):
    """Says its name and the clip's, and counts in a file how often it was asked; fails on clips of some video."""

    teacher: str
    asked: str = ""
    fails_on: str | None = None
    version: int = 1

    @property
    def name(self) -> str:
        return f"Teacher({self.teacher})"

    @property
    def reads(self) -> tuple[str, ...]:
        return ("clip_id", "frames")

    @property
    def appends(self) -> Features:
        return Features({f"caption_{self.teacher}": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        return run_rows(self._say, batch, list(self.appends))

    def _say(self, row: Row) -> Row:
        if self.asked:
            with open(self.asked, "a") as file:
                file.write(f"{self.teacher} {row['clip_id']}\n")
        if self.fails_on and row["clip_id"].startswith(self.fails_on):
            raise ValueError("no words")
        return {f"caption_{self.teacher}": f"{self.teacher} v{self.version} of {row['clip_id']}"}


@dataclass(frozen=True, kw_only=True)
class Longest(Stage):
    """Takes the longest caption; sets aside those of less than some letters."""

    teachers: tuple[str, ...]
    letters: int = 0

    @property
    def reads(self) -> tuple[str, ...]:
        return ("frames",)

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(f"caption_{teacher}" for teacher in self.teachers)

    @property
    def appends(self) -> Features:
        return Features({"caption": Value("string"), "filtered": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        texts = [[t for t in said if t] for said in zip(*(batch[c] for c in self.uses), strict=True)]
        best = [max(said, key=len) for said in texts]
        return {"caption": best, "filtered": [None if len(t) >= self.letters else "short" for t in best]}


def steps_of(*teachers: Stage, letters: int = 0) -> list[Any]:
    names = tuple(stage.teacher for stage in teachers)  # type: ignore[attr-defined]
    return [FakeSplit(), explode_clips, FakeFrames(), *teachers, Longest(teachers=names, letters=letters)]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "videos", a=3, b="broken", c=1, d=0, e=2)


def run(videos: Path, out: Path, steps: Any, **options: Any) -> Any:
    return curate(videos, out, steps=steps, videos_per_shard=2, **{**QUICK, **options})


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def asked(tmp_path: Path) -> list[str]:
    path = tmp_path / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_retry_does_the_failed_rows_and_gives_what_an_undisturbed_run_gives(videos: Path, tmp_path: Path) -> None:
    steps = fake_steps(fails_on=2)
    assert run(videos, tmp_path / "out", steps).videos == Counts(kept=3, filtered=1, failed=1)
    before = output_of(tmp_path / "out")
    (videos / "b.mp4").write_text("2")
    mended = fake_steps()
    run(videos, tmp_path / "whole", mended)
    summary = retry(tmp_path / "out", steps=mended, **QUICK)
    assert summary.chosen == 2 and summary.before.failed == 2 and summary.run.clips.failed == 0
    assert not summary.kept_as_they_were
    assert output_of(tmp_path / "out") == output_of(tmp_path / "whole")
    untouched = [name for name in before if "000001" in name or "000002" in name]
    assert untouched and all(before[name] == output_of(tmp_path / "out")[name] for name in untouched)
    assert not (tmp_path / "out" / "clips" / "failed").exists() or not any((tmp_path / "out/clips/failed").iterdir())
    assert records(tmp_path / "out")[-1]["kind"] == "retry"


def test_what_fails_again_stays_a_failed_row_with_the_new_error(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", fake_steps())
    (videos / "b.mp4").write_text("worse")
    summary = retry(tmp_path / "out", steps=fake_steps(), **QUICK)
    assert summary.run.videos.failed == 1
    assert load_dataset(str(tmp_path / "out"), split="failed")["error"][0]["message"] == "b.mp4: worse"
    assert retry(tmp_path / "out", steps=fake_steps(), num_workers=1, progress=False).chosen == 1


def test_retry_needs_the_videos_that_failed_as_a_whole(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", fake_steps())
    moved = videos.rename(tmp_path / "moved")
    with pytest.raises(SourceError, match="Say where the videos are now"):
        retry(tmp_path / "out", steps=fake_steps(), **QUICK)
    (moved / "b.mp4").write_text("1")
    assert retry(tmp_path / "out", steps=fake_steps(), source=moved, **QUICK).run.videos.failed == 0


def test_a_new_selector_asks_no_teacher(videos: Path, tmp_path: Path) -> None:
    teachers = [Teacher(teacher=name, asked=str(tmp_path / "asked")) for name in ("x", "longer")]
    run(videos, tmp_path / "out", steps_of(*teachers))
    run(videos, tmp_path / "whole", steps_of(*teachers, letters=100))
    asked(tmp_path)
    change = Longest(teachers=("x", "longer"), letters=100)
    summary = extend(tmp_path / "out", [change], steps=steps_of(*teachers), **QUICK)
    assert asked(tmp_path) == [] and summary.chosen == 6
    assert summary.before == Counts(6, 1, 1) and summary.run.clips == Counts(0, 7, 1)
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
    back = Longest(teachers=("x", "longer"))
    assert extend(tmp_path / "out", [back], steps=steps_of(*teachers, letters=100), **QUICK).run.clips == Counts(
        6, 1, 1
    )


def tables(out: Path) -> dict[str, list[Row]]:
    return {split: list(rows) for split, rows in load_dataset(str(out)).items()}


def test_a_new_teacher_asks_no_other(videos: Path, tmp_path: Path) -> None:
    first, second = (Teacher(teacher=name, asked=str(tmp_path / "asked")) for name in ("x", "longer"))
    run(videos, tmp_path / "out", steps_of(first))
    run(videos, tmp_path / "whole", steps_of(first, second))
    asked(tmp_path)
    extend(tmp_path / "out", [second, Longest(teachers=("x", "longer"))], steps=steps_of(first), **QUICK)
    assert asked(tmp_path) == [f"longer {clip}" for clip in ("a.0", "a.1", "a.2", "c.0", "e.0", "e.1")]
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
    videos_of = [load_dataset(str(tmp_path / n), "videos", split="train").to_list() for n in ("out", "whole")]
    assert videos_of[0] == videos_of[1]
    assert run(videos, tmp_path / "out", steps_of(first, second)).resumed_shards == 3  # the steps are now the new ones


def test_only_matching_rows_are_captioned_again(videos: Path, tmp_path: Path) -> None:
    teachers = [Teacher(teacher=name, asked=str(tmp_path / "asked")) for name in ("x", "longer")]
    run(videos, tmp_path / "out", steps_of(*teachers))
    before = tables(tmp_path / "out")["train"]
    untouched = tmp_path / "out" / "clips" / "train" / "000001.parquet"  # of c, whose only clip begins at 0
    written = untouched.stat().st_mtime_ns
    asked(tmp_path)
    better = Teacher(teacher="longer", asked=str(tmp_path / "asked"), version=2)
    extend(tmp_path / "out", [better], where=lambda row: row["start"] == 1.0, steps=steps_of(*teachers), **QUICK)
    assert asked(tmp_path) == ["longer a.1", "longer e.1"]
    after = tables(tmp_path / "out")["train"]
    changed = [new["clip_id"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["a.1", "e.1"] and after[1]["caption"] == "longer v2 of a.1"
    assert untouched.stat().st_mtime_ns == written


def test_where_nothing_is_to_be_done_nothing_is_written(tmp_path: Path) -> None:
    run(write_videos(tmp_path / "videos", a=1), tmp_path / "out", fake_steps())
    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    assert retry(tmp_path / "out", steps=fake_steps(), **QUICK).chosen == 0
    assert extend(tmp_path / "out", [SetAside()], where=lambda row: False, steps=fake_steps(), **QUICK).chosen == 0
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before
    assert not (tmp_path / "out" / ".work").exists()


def test_a_row_that_fails_now_stays_what_it_was(videos: Path, tmp_path: Path) -> None:
    first = Teacher(teacher="x")
    run(videos, tmp_path / "out", steps_of(first))
    bad = Teacher(teacher="y", fails_on="a.")
    summary = extend(tmp_path / "out", [bad, Longest(teachers=("x", "y"))], steps=steps_of(first), **QUICK)
    assert summary.kept_as_they_were == {"Teacher(y): ValueError: no words": 3}
    rows = {row["clip_id"]: row for row in tables(tmp_path / "out")["train"]}
    assert len(rows) == 6 and rows["a.0"]["caption"] == "x v1 of a.0" and rows["a.0"]["caption_y"] is None
    assert rows["c.0"]["caption_y"] == "y v1 of c.0"


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", range(0, 14))
def test_a_rework_that_is_killed_while_files_change_places_is_finished_by_whoever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    videos = write_videos(tmp_path / "videos", a=2, b=1)
    first, second = Teacher(teacher="x"), Teacher(teacher="longer")
    changes = [second, Longest(teachers=("x", "longer"))]
    curate(videos, tmp_path / "out", steps=steps_of(first), videos_per_shard=1, **QUICK)
    curate(videos, tmp_path / "whole", steps=steps_of(first, second), videos_per_shard=1, **QUICK)
    replace, left = os.replace, [moment]

    def some(source: Any, target: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", some)
        try:
            extend(tmp_path / "out", changes, steps=steps_of(first), **QUICK)
        except Crash:
            pass
    if "change" not in [record["record"] for record in records(tmp_path / "out")]:
        order = (tmp_path / "out" / ".work" / "change" / "commit.json").exists()
        if not order:
            extend(tmp_path / "out", changes, steps=steps_of(first), **QUICK)
    curate(videos, tmp_path / "out", steps=steps_of(first, second), videos_per_shard=1, **QUICK)
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
    assert [record["record"] for record in records(tmp_path / "out")].count("change") == 1


@dataclass(frozen=True, kw_only=True)
class Reads(Stage):
    """Wants a column that the fakes do not write."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("sharpness",)

    @property
    def appends(self) -> Features:
        return Features({"sharp": Value("bool")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        return {"sharp": [value > 0.5 for value in batch["sharpness"]]}


def test_an_unfinished_run_is_refused_and_so_is_a_stage_whose_columns_nobody_writes(
    videos: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="not the folder of a run"):
        retry(tmp_path / "nowhere", steps=fake_steps())
    run(videos, tmp_path / "out", fake_steps())
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "manifest.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(OutputError, match="not finished"):
        retry(tmp_path / "out", steps=fake_steps())
    (tmp_path / "out" / "manifest.jsonl").write_text("".join(lines))
    with pytest.raises(ValueError, match=r"Reads reads \['sharpness'\], which no stage of the dataset writes"):
        extend(tmp_path / "out", [Reads()], steps=fake_steps())
    with pytest.raises(OutputError, match="is no stage of panda_hf; give the steps"):
        retry(tmp_path / "out")


def test_the_stages_of_this_package_are_made_again_from_the_manifest() -> None:
    from panda_hf import panda_70m
    from panda_hf.running.plan import description
    from panda_hf.running.recorded import recorded_steps
    from panda_hf.splitting import SplitSettings

    steps = panda_70m(split=SplitSettings.preset("paper"), teachers=("mini_image", "mini_text"))
    described = json.loads(json.dumps([description(step) for step in steps]))
    assert recorded_steps(described) == steps


def test_which_stages_run_follows_from_what_they_read_and_write() -> None:
    from panda_hf import Caption, SampleFrames, Select
    from panda_hf.rights import MarkHarmful

    a, b, new = (Caption(teacher=name) for name in ("mini_image", "mini_video", "mini_text"))
    select = Select(teachers=("mini_image", "mini_video"))
    marks = MarkHarmful(columns=("caption",))
    stages = [SampleFrames(), a, b, select, marks]
    other = Select(teachers=("mini_image", "mini_video"), num_frames=4)
    changed = with_changes([explode_clips, *stages], [other])
    assert to_run(changed[1:], [other]) == (stages[0], other, marks)  # type: ignore[arg-type]
    three = Select(teachers=("mini_image", "mini_video", "mini_text"))
    changed = with_changes([explode_clips, *stages], [new, three])
    assert changed[1:] == [stages[0], a, b, new, three, marks]
    assert to_run(changed[1:], [new, three]) == (stages[0], new, three, marks)  # type: ignore[arg-type]
    assert to_run([FakeFrames(), FakeCaption(), SetAside()], [SetAside()]) == (SetAside(),)
