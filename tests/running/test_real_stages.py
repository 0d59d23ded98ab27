"""Runs with the stages that split and sample real video."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import pytest
from datasets import load_dataset

from panda_hf.captioning import SampleFrames
from panda_hf.clips import explode_clips
from panda_hf.pipeline import run_steps
from panda_hf.running import curate, video_rows
from panda_hf.splitting import Split
from tests.splitting.films import moving, write

STEPS: list[Any] = [Split(), explode_clips, SampleFrames(num_frames=2, size=48)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write(folder / "one.mp4", [moving(1, 40), moving(2, 30)])
    write(folder / "two.mp4", [moving(5, 40)])
    write(folder / "short.mp4", [moving(3, 5)])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "one.srt").write_text("1\n00:00:00,500 --> 00:00:02,000\nA square crosses.\n")
    return folder


def without_places(rows: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "label"} for row in rows]


def test_streamed_and_eager_videos_give_the_same_rows(films: Path) -> None:
    eager = list(run_steps(video_rows(films), STEPS))
    assert sum(row["frames"] is not None for row in eager) >= 2
    assert {row["error"]["type"] for row in eager if row["error"]} == {"VideoError"}
    for source in (films, load_dataset("videofolder", data_dir=str(films), split="train", streaming=True)):
        stream = run_steps(video_rows(source, streaming=True), STEPS)
        assert sorted(without_places(stream), key=place) == sorted(without_places(eager), key=place)


def place(row: dict[str, Any]) -> tuple[str, float]:
    return row["video_id"], row["start"] or 0.0


def test_a_run_gives_the_rows_of_plain_maps(films: Path, tmp_path: Path) -> None:
    curate(films, tmp_path / "out", steps=STEPS, num_workers=0, progress=False)
    made = load_dataset(str(tmp_path / "out"))
    rows = [row for split in made.values() for row in split]
    mapped = run_steps(video_rows(films), STEPS).remove_columns("frames")
    assert sorted(rows, key=place) == sorted(mapped, key=place)
    assert [row["subtitle"] for row in rows if row["video_id"] == "one" and row["start"] < 2] == ["A square crosses."]


ODD_NAMES = ("-rf", 'it\'s a "film"', "two  spaces", "パンダ 🐼 видео", "a;b&c$(d)", "100%.x", "#1?")


def test_odd_names_are_curated(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ODD_NAMES:
        shutil.copy(films / "two.mp4", folder / f"{name}.mp4")
    summary = curate(folder, tmp_path / "out", steps=STEPS, num_workers=1, progress=False, export_clips=True)
    assert summary.videos.kept == len(ODD_NAMES)
    for row in load_dataset(str(tmp_path / "out"), split="train"):
        with av.open(str(tmp_path / "out" / row["clip_path"])) as clip:
            shown = sum(float(frame.duration * frame.time_base) for frame in clip.decode(video=0))
        assert abs(shown - (row["end"] - row["start"])) <= 1 / 10 + 1e-6


def hostile(folder: Path, film: bytes) -> dict[str, str]:
    """Files that are no videos, or not whole; what their error has to say."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    contents = {
        "zero.mp4": b"",
        "text.mp4": b"Dear reader, this is no video.\n" * 20,
        "pointer.mp4": pointer,
        "page.webm": b"<!DOCTYPE html><html>404</html>",
        "noise.mkv": bytes(range(256)) * 40,
        "head.mp4": film[:64],
        "zeros.avi": bytes(4096),
        "list.ts": b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with av.open(str(folder / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
    return {name: name for name in [*contents, "sound.mkv"]}


def test_bad_files_become_rows_that_name_them_and_stop_nothing(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    shutil.copy(films / "two.mp4", folder / "good.mp4")
    names = hostile(folder, (films / "two.mp4").read_bytes())
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    summary = curate(folder, tmp_path / "out", steps=STEPS, num_workers=1, progress=False, time_limit_seconds=60)
    assert (summary.videos.kept, summary.videos.failed) == (1, len(names) + 1)
    for row in load_dataset(str(tmp_path / "out"), split="failed"):
        name = Path(row["video"]["path"]).name
        assert row["error"]["type"] == "VideoError" and name in row["error"]["message"]


@pytest.mark.shared
def test_the_hostile_collection_adds_up(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "hostile"
    steps = [Split(), explode_clips, SampleFrames(num_frames=2)]
    summary = curate(source, tmp_path / "out", steps=steps, progress=False, export_clips=True, num_workers=1)
    listed = video_rows(source).num_rows
    assert summary.videos.total == listed and summary.ok
    failed = load_dataset(str(tmp_path / "out"), split="failed")
    assert {"zero_bytes", "text_renamed", "lfs_pointer", "audio_only", "trunc_moov_missing"} <= {
        row["video_id"].partition(".")[0].removeprefix("hostile_") for row in failed
    }
    assert all(Path(row["video"]["path"]).name in row["error"]["message"] for row in failed)
