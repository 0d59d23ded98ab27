"""Exported clips, encoded or copied, begin and end with their rows, with sound in step and upright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from panda_hf.errors import OutputError
from panda_hf.running import Cut
from panda_hf.video import probe
from panda_hf.video.cut import Way
from tests.video.conftest import FilmMaker
from tests.video.conftest import film as film  # a fixture
from tests.video.films import B_FRAMES, X264, number_of, sequential, set_matrix

FRAME = 1 / 25
SPANS = [(0.48, 1.6), (1.6, 2.76), (1.013, 2.987)]


def rows(path: Path, spans: list[tuple[float, float]]) -> dict[str, list[Any]]:
    return {
        "clip_id": [f"{path.stem}.{i}" for i in range(len(spans))],
        "video": [{"path": str(path), "bytes": None}] * len(spans),
        "start": [start for start, _ in spans],
        "end": [end for _, end in spans],
        "filtered": [None] * len(spans),
        "error": [None] * len(spans),
    }


@pytest.mark.parametrize("way", ["encode", "copy", "smart"])
def test_a_clip_is_its_row_to_the_frame_and_sounds_in_step(film: FilmMaker, tmp_path: Path, way: Way) -> None:
    path = film("sound.mp4", count=100, options=B_FRAMES, tone=4.0)
    out = Cut(folder=str(tmp_path), way=way)(rows(path, SPANS))
    assert out["error"] == [None] * len(SPANS)
    for (start, end), name in zip(SPANS, out["clip_path"], strict=True):
        times, pictures = sequential(Path(name))
        assert abs(number_of(pictures[0]) * FRAME - start) <= FRAME
        assert abs((number_of(pictures[len(times) - 1]) + 1) * FRAME - end) <= FRAME
        with av.open(name) as container:
            frames = list(container.decode(audio=0))
        first, last = frames[0], frames[-1]
        assert abs(first.time) <= 0.05
        assert abs(last.time + last.samples / last.sample_rate - (times[-1] + FRAME)) <= 0.05


def test_copies_hold_the_very_pictures_and_say_so(film: FilmMaker, tmp_path: Path) -> None:
    path = film("film.mp4", count=100, options=B_FRAMES)
    out = Cut(folder=str(tmp_path), way="copy")(rows(path, SPANS))
    assert out["clip_way"] == ["copy"] * len(SPANS) and out["clip_way_reason"] == [None] * len(SPANS)
    _, whole = sequential(path)
    _, part = sequential(Path(out["clip_path"][0]))
    assert all(np.array_equal(part[i], whole[12 + i]) for i in range(len(part)))
    assert "clip_way" not in Cut(folder=str(tmp_path)).appends


def test_what_cannot_be_copied_is_encoded_and_says_so(film: FilmMaker, tmp_path: Path) -> None:
    path = film("film.avi", count=60, options={**X264, "bf": "0"})
    out = Cut(folder=str(tmp_path), way="copy")(rows(path, [(0.4, 1.2)]))
    assert out["clip_way"] == ["encode"]
    assert out["clip_way_reason"] == ["the packets of the video do not tell enough of its frames"]
    times, pictures = sequential(Path(out["clip_path"][0]))
    assert [number_of(pictures[i]) for i in range(len(times))] == list(range(10, 30))


@pytest.mark.parametrize("way", ["encode", "copy", "smart"])
def test_a_clip_of_a_phone_stands_upright(film: FilmMaker, tmp_path: Path, way: Way) -> None:
    path = tmp_path / "phone.mp4"
    path.write_bytes(film("film.mp4", count=60, options=B_FRAMES).read_bytes())
    set_matrix(path, (0, 1, -1, 0))
    out = Cut(folder=str(tmp_path / "out"), way=way)(rows(path, [(0.5, 1.5)]))
    source, clip = probe(path), probe(out["clip_path"][0])
    assert source.rotation == 90
    assert (clip.width, clip.height) == (source.width, source.height)


@pytest.mark.parametrize("way", ["encode", "copy", "smart"])
def test_a_row_that_cannot_be_cut_costs_its_neighbours_nothing(film: FilmMaker, tmp_path: Path, way: Way) -> None:
    path = film("film.mp4", count=60, options=B_FRAMES)
    batch = rows(path, [(0.0, 1.0), (2.0, 1.0), (50.0, 60.0), (1.0, 2.0), (0.5, 1.5)])
    batch["filtered"][4] = "too short"
    out = Cut(folder=str(tmp_path), way=way)(batch)
    assert [error and error["type"] for error in out["error"]] == [None, "ValueError", "VideoError", None, None]
    assert [path is not None for path in out["clip_path"]] == [True, False, False, True, False]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".mp4" and "." in path.stem) == [
        "film.0.mp4",
        "film.3.mp4",
    ]


def test_smart_clips_say_which_of_them_were_encoded_and_why(film: FilmMaker, tmp_path: Path) -> None:
    path = film("film.mp4", count=100, options=B_FRAMES)
    out = Cut(folder=str(tmp_path), way="smart")(rows(path, [(0.48, 1.6), (1.2, 2.4), (1.4, 2.2)]))
    assert out["clip_way"] == ["smart", "copy", "encode"]
    assert [reason is not None for reason in out["clip_way_reason"]] == [False, False, True]


def test_av1_is_written_where_asked_for(film: FilmMaker, tmp_path: Path) -> None:
    path = film("sound.mp4", count=100, options=B_FRAMES, tone=4.0)
    stage = Cut(folder=str(tmp_path), codec="av1")
    stage.check()
    out = stage(rows(path, SPANS))
    assert out["error"] == [None] * len(SPANS)
    for (start, end), name in zip(SPANS, out["clip_path"], strict=True):
        assert probe(name).codec == "av1"
        assert probe(name).duration == pytest.approx(end - start, abs=0.001)
        times, pictures = sequential(Path(name))
        shown = [number_of(pictures[i]) for i in range(len(times))]
        assert shown == list(range(int(start / FRAME + 0.001), int(np.ceil(end / FRAME - 0.001))))


def test_a_codec_is_refused_where_the_videos_own_is_kept(tmp_path: Path) -> None:
    for way in ("copy", "smart"):
        with pytest.raises(ValueError, match="keeps the packets of the video"):
            Cut(folder=str(tmp_path), way=way, codec="av1")  # type: ignore[arg-type]


def test_an_encoder_that_is_not_there_is_named_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"libx264"})
    Cut(folder=str(tmp_path)).check()
    with pytest.raises(OutputError, match="libsvtav1 or libaom-av1"):
        Cut(folder=str(tmp_path), codec="av1").check()
