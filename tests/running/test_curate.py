"""`curate`: what a run leaves behind, and that its books balance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from datasets import Dataset, Video, load_dataset
from PIL import Image

from panda_hf import schema
from panda_hf.clips import explode_clips
from panda_hf.errors import CheckpointError, MissingColumnError, OutputError, SourceError
from panda_hf.running import accounts, curate
from panda_hf.running.accounts import AccountsError, Counts
from panda_hf.running.folder import locked
from panda_hf.video.cut import Way
from tests.running.fakes import FakeCaption, FakeFrames, FakeSplit, OneClip, SetAside, fake_steps, write_videos
from tests.stages import write_film

ROOT = Path(__file__).parents[2]


def run(source: Any, out: Path, **options: Any) -> accounts.RunSummary:
    chosen = {"steps": fake_steps(), "num_workers": 0, "progress": False, **options}
    return curate(source, out, **chosen)


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "videos", a=3, b=0, c="broken", d=5)


def test_every_row_ends_in_one_split(videos: Path, tmp_path: Path) -> None:
    summary = run(videos, tmp_path / "out", steps=fake_steps(fails_on=4), videos_per_shard=3)
    assert summary.videos == Counts(kept=2, filtered=1, failed=1)
    clips = load_dataset(str(tmp_path / "out"))
    assert {split: rows["clip_id"][:] for split, rows in clips.items()} == {
        "train": ["a.0", "a.2", "d.0", "d.2", "d.3"],
        "filtered": ["a.1", None, "d.1"],
        "failed": [None, "d.4"],
    }
    assert summary.clips == Counts(5, 3, 2) and summary.shards == 2 and summary.ok
    assert summary.kept_seconds == 5.0
    assert clips["failed"]["error"][:] == [
        {"stage": "FakeSplit", "type": "VideoError", "message": "c.mp4: broken"},
        {"stage": "FakeCaption", "type": "ValueError", "message": "d.4: no words for it"},
    ]
    assert clips["filtered"]["filtered"][:] == ["second", "no clip left: 1 still", "second"]
    assert str(summary).splitlines() == [
        "4 videos in = 2 kept + 1 filtered + 1 failed",
        "10 clip rows in = 5 kept + 3 filtered + 2 failed",
    ]


def test_there_is_one_row_per_video(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    rows = load_dataset(str(tmp_path / "out"), "videos", split="train")
    assert rows["video_id"][:] == ["a", "b", "c", "d"]
    assert rows["status"][:] == ["kept", "filtered", "failed", "kept"]
    assert rows["clips"][:] == [3, 0, 0, 5] and rows["clips_kept"][:] == [2, 0, 0, 4]
    assert rows["filtered"][1] == "no clip left: 1 still" and rows["error"][2]["message"] == "c.mp4: broken"
    assert rows["shots"][0] == [{"start": i * 1.0, "end": i + 1.0} for i in range(3)]


def test_videos_stay_references_without_any_decoder(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    clips = load_dataset(str(tmp_path / "out"), split="train")
    assert clips.features["video"] == Video(decode=False)
    assert clips[0]["video"] == {"path": str(videos / "a.mp4"), "bytes": None}
    assert set(schema.CLIP_ROW) < set(clips.features) and "frames" not in clips.features
    assert next(iter(load_dataset(str(tmp_path / "out"), split="failed", streaming=True)))["video_id"] == "c"


def test_splits_without_rows_do_not_stop_loading(tmp_path: Path) -> None:
    run(write_videos(tmp_path / "v", a=1), tmp_path / "out")
    assert {split: len(rows) for split, rows in load_dataset(str(tmp_path / "out")).items()} == {"train": 1}


def test_worker_processes_make_the_same_files(videos: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        run(videos, tmp_path / str(workers), num_workers=workers, videos_per_shard=2)
    hashes = [[r["files"] for r in records(tmp_path / str(n)) if r["record"] == "shard"] for n in (0, 2)]
    assert hashes[0] and all(sorted(map(str, h)) == sorted(map(str, hashes[0])) for h in hashes)


def test_thumbnails_are_small_strips_named_after_clips(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    folder = tmp_path / "out" / "thumbnails"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{v}.{i}.jpg" for v, n in (("a", 3), ("d", 5)) for i in range(n)
    ]
    assert Image.open(folder / "a.0.jpg").size == (96, 16)
    run(videos, tmp_path / "without", thumbnails=False)
    assert not (tmp_path / "without" / "thumbnails").exists()


def test_nothing_but_the_output_is_left(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", num_workers=1)
    expected = ["README.md", "clips", "manifest.jsonl", "thumbnails", "videos"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == expected


def test_the_manifest_says_what_was_run(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", steps=fake_steps(text="look:"), videos_per_shard=3)
    head, *shards, end = records(tmp_path / "out")
    assert [step["name"] for step in head["steps"]] == [
        "FakeSplit",
        "explode_clips",
        "SetAside",
        "FakeFrames",
        "FakeCaption",
    ]
    assert head["steps"][4]["settings"]["text"] == "look:"
    assert head["input"]["videos"] == 4 and head["versions"]["datasets"]
    assert [shard["video_ids"] for shard in shards] == [["a", "b", "c"], ["d"]]
    assert end["videos"] == {"kept": 2, "filtered": 1, "failed": 1}


def test_user_columns_are_kept_and_never_overwritten(videos: Path, tmp_path: Path) -> None:
    table = {"video": [str(videos / "a.mp4")], "license": ["cc0"], "caption": ["theirs"], "status": [7]}
    run(Dataset.from_dict(table), tmp_path / "out")
    row = load_dataset(str(tmp_path / "out"), split="train")[0]
    assert (row["license"], row["source_caption"], row["source_status"]) == ("cc0", "theirs", 7)
    assert row["caption"] == "this is a.0"


def test_a_stream_is_curated_too(videos: Path, tmp_path: Path) -> None:
    stream = load_dataset("videofolder", data_dir=str(videos), split="train", streaming=True)
    assert run(stream, tmp_path / "out", videos_per_shard=3).videos == Counts(2, 1, 1)
    again = run(stream, tmp_path / "out", videos_per_shard=3)
    assert again.resumed_shards == again.shards == 2
    with pytest.raises(OutputError, match="video 0 of shard 0 was 'a', now it is 'b'"):
        run(stream.skip(1), tmp_path / "out", videos_per_shard=3)


def test_when_every_video_failed_the_run_is_not_ok(tmp_path: Path) -> None:
    summary = run(write_videos(tmp_path / "v", a="broken", b="broken"), tmp_path / "out")
    assert not summary.ok and summary.videos == Counts(failed=2)
    assert "every video failed" in str(summary)
    assert len(load_dataset(str(tmp_path / "out"), split="failed")) == 2


def test_an_output_without_kept_clips_is_not_ok(tmp_path: Path) -> None:
    assert not run(write_videos(tmp_path / "v", a=0), tmp_path / "out").ok


def test_a_listed_file_that_is_missing_is_a_row_that_names_it(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1)
    (tmp_path / "list.txt").write_text("a.mp4\nnowhere.mp4\n")
    assert run(tmp_path / "list.txt", tmp_path / "out").videos == Counts(kept=1, failed=1)
    assert "nowhere.mp4" in load_dataset(str(tmp_path / "out"), split="failed")[0]["error"]["message"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": fake_steps(text="other")}, "FakeCaption.text was 'this is', now 'other'"),
        ({"steps": [FakeSplit(), explode_clips, FakeFrames(), FakeCaption()]}, "the steps were"),
        ({"videos_per_shard": 5}, "videos_per_shard was 32, now 5"),
        ({"limit": 2}, "4 videos then, 2 now"),
        ({"resume": False}, "already holds a run"),
    ],
)
def test_an_output_made_with_other_settings_is_refused(videos: Path, tmp_path: Path, change: Any, words: str) -> None:
    run(videos, tmp_path / "out")
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(OutputError, match=words):
        run(videos, tmp_path / "out", **change)
    assert sorted((tmp_path / "out").rglob("*")) == before


def test_an_output_of_other_videos_is_refused(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    (videos / "a.mp4").rename(videos / "z.mp4")
    with pytest.raises(OutputError, match="other names"):
        run(videos, tmp_path / "out")


def test_a_folder_that_is_not_ours_is_refused(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("dear")
    with pytest.raises(OutputError, match=r"thesis\.doc"):
        run(videos, tmp_path / "out")
    with pytest.raises(OutputError, match="cannot be made"):
        run(videos, videos / "a.mp4")


def test_the_videos_may_lie_inside_the_output(tmp_path: Path) -> None:
    write_videos(tmp_path / "out" / "films", a=1)
    assert run(tmp_path / "out" / "films", tmp_path / "out").ok


def test_the_output_may_lie_among_the_videos(videos: Path) -> None:
    assert run(videos, videos / "out").videos.total == 4
    write_videos(videos / "out" / "media" / "000000", clip=1)
    write_videos(videos / "out" / "mine", clip=1)
    assert run(videos, videos / "out").videos.total == 4
    assert run(videos, videos / "another").videos.total == 4


def test_two_runs_at_once_are_refused(videos: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "out"), pytest.raises(OutputError, match="another run"):
        run(videos, tmp_path / "out")


def test_input_without_videos_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError):
        run(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_steps_that_do_not_fit_are_refused_before_work(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingColumnError, match="frames"):
        run(videos, tmp_path / "out", steps=[FakeSplit(), explode_clips, FakeCaption()])
    with pytest.raises(ValueError, match="explode_clips"):
        run(videos, tmp_path / "out", steps=[FakeSplit(), SetAside()])


@pytest.mark.parametrize("workers", [0, 1])
def test_what_every_video_would_meet_ends_the_run(videos: Path, tmp_path: Path, workers: int) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'fake' here"):
        run(videos, tmp_path / "out", steps=fake_steps(needs_checkpoint=True), num_workers=workers)


@pytest.mark.parametrize("option", ["num_workers", "videos_per_shard", "batch_size", "limit", "time_limit_seconds"])
def test_options_out_of_range_are_refused_by_name(videos: Path, tmp_path: Path, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option}=-1"):
        run(videos, tmp_path / "out", **{option: -1})


def test_a_table_that_was_deleted_or_exchanged_is_noticed(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    clips = tmp_path / "out" / "clips"
    (clips / "train" / "000000.parquet").write_bytes((clips / "failed" / "000000.parquet").read_bytes())
    with pytest.raises(OutputError, match="holds 1 rows, the manifest says 6"):
        run(videos, tmp_path / "out")
    (clips / "train" / "000000.parquet").unlink()
    with pytest.raises(OutputError, match="cannot be read"):
        run(videos, tmp_path / "out")


def test_lost_rows_are_noticed(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out")
    shard = records(tmp_path / "out")[1]
    accounts.check([shard], 4)
    for wrong in ({"clip_rows": 11}, {"video_ids": ["a"]}, {"files": {}}, {"clips": {"kept": 1}}):
        with pytest.raises(AccountsError):
            accounts.check([{**shard, **wrong}], 4)
    with pytest.raises(AccountsError, match="5 videos went in, 4 came out"):
        accounts.check([shard], 5)


@pytest.mark.parametrize("way", [True, "copy", "smart"])
def test_exported_clips_play_and_last_as_long_as_their_rows(tmp_path: Path, way: bool | Way) -> None:
    (tmp_path / "v").mkdir()
    write_film(tmp_path / "v" / "-a film.mp4")
    steps = [OneClip(start=0.5, end=2.25), explode_clips, SetAside()]
    run(tmp_path / "v", tmp_path / "out", steps=steps, export_clips=way)
    row = load_dataset(str(tmp_path / "out"), split="train")[0]
    assert row["clip_path"] == "media/000000/-a film.0.mp4"
    with av.open(str(tmp_path / "out" / row["clip_path"])) as clip:
        shown = sum(frame.duration * frame.time_base for frame in clip.decode(video=0))
    assert abs(shown - (row["end"] - row["start"])) <= 1 / 12


def test_a_script_without_a_main_guard_can_curate(videos: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from panda_hf.running import curate\n"
        "from tests.running.fakes import *\n"
        "class Loud(FakeCaption):\n"
        "    def _caption(self, row):\n"
        "        print('noise on standard output')\n"
        "        return {'caption': row['clip_id'].upper()}\n"
        "steps = [FakeSplit(), explode_clips, FakeFrames(), Loud()]\n"
        f"print(curate({str(videos)!r}, {str(tmp_path / 'out')!r}, steps=steps, num_workers=2))\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=120,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[0] == "4 videos in = 2 kept + 1 filtered + 1 failed", done.stderr
    assert "'" + str(videos / "c.mp4") + "': FakeSplit: VideoError: c.mp4: broken" in done.stderr
    assert load_dataset(str(tmp_path / "out"), split="train")["caption"][:2] == ["A.0", "A.1"]
