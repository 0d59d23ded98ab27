"""The Split stage on small real files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from panda_hf.splitting import Split, SplitSettings

from .films import black, moving, still, write


def split(path: Path, stage: Split | None = None) -> dict[str, Any]:
    out = (stage or Split())({"video": [{"path": str(path), "bytes": None}]})
    assert out["error"] == [None], out["error"]
    return {column: values[0] for column, values in out.items()}


def spans(stretches: list[dict[str, float]]) -> list[tuple[float, float]]:
    return [(stretch["start"], stretch["end"]) for stretch in stretches]


def reasons(row: dict[str, Any]) -> set[str]:
    return {drop["reason"] for drop in row["dropped"]}


def assert_covers(row: dict[str, Any]) -> None:
    """Clips and drops are the whole video, once."""
    parts = sorted(spans(row["clips"]) + spans(row["dropped"]))
    assert parts[0][0] == 0.0 and parts[-1][1] == row["duration"]
    assert all(one[1] == two[0] for one, two in pairwise(parts))


def test_shots_clips_and_drops_of_a_small_film(tmp_path: Path):
    row = split(write(tmp_path / "film.mp4", [moving(1, 40), moving(2, 30), still(3, 30), moving(4, 20)]))
    assert spans(row["shots"]) == [(0.0, 4.0), (4.0, 7.0), (7.0, 10.0), (10.0, 12.0)]
    assert spans(row["clips"]) == [(0.4, 3.6), (4.3, 6.7)]
    assert [(d["start"], d["reason"]) for d in row["dropped"] if d["reason"] != "trimmed"] == [
        (7.0, "still"),
        (10.0, "too_short"),
    ]
    assert (row["duration"], row["fps"], row["width"], row["height"]) == (12.0, 10.0, 160, 96)
    assert row["warning"] is None
    assert_covers(row)


def test_clips_say_where_their_shots_lie(tmp_path: Path):
    joined = Split(settings=SplitSettings(max_stitch_distance=2.0))
    row = split(write(tmp_path / "film.mp4", [moving(1, 40), moving(2, 40)]), joined)
    assert spans(row["clips"]) == [(0.8, 7.2)]
    assert spans(row["clips"][0]["shot_boundary_detection"]) == [(0.0, 3.2), (3.2, 6.4)]


def test_a_long_take_is_one_clip(tmp_path: Path):
    row = split(write(tmp_path / "film.mp4", [moving(1, 300)]))
    assert spans(row["shots"]) == [(0.0, 30.0)]
    assert spans(row["clips"]) == [(3.0, 27.0)]


def test_an_object_that_moves_on_a_still_ground_is_no_still(tmp_path: Path):
    assert spans(split(write(tmp_path / "moves.mp4", [moving(5, 40)]))["clips"]) == [(0.4, 3.6)]
    assert reasons(split(write(tmp_path / "still.mp4", [still(5, 40)]))) == {"still"}


def test_black_video_has_no_shot(tmp_path: Path):
    row = split(write(tmp_path / "black.mp4", [black(50)]))
    assert row["shots"] == row["clips"] == []
    assert row["dropped"] == [{"start": 0.0, "end": 5.0, "reason": "black"}]


def test_one_frame_is_too_short(tmp_path: Path):
    row = split(write(tmp_path / "one.mp4", [still(1, 1)]))
    assert row["clips"] == []
    assert reasons(row) == {"too_short"}
    assert_covers(row)


def test_a_video_of_one_frame_every_five_seconds(tmp_path: Path):
    times = [5000 * i for i in range(8)]
    row = split(write(tmp_path / "slow.mp4", [moving(1, 8)], times=times))
    assert row["shots"] and len(row["clips"]) >= 1
    assert_covers(row)


def test_times_of_varying_frame_rate_lie_on_frames(tmp_path: Path):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([33, 40, 120, 250], 120)).tolist()
    path = write(tmp_path / "varying.mp4", [moving(1, 60), moving(2, 60)], times=times)
    with av.open(str(path)) as container:
        shown = [float(f.pts * f.time_base) - container.start_time / 1e6 for f in container.decode(video=0)]
    row = split(path)
    assert spans(row["shots"])[0][1] == pytest.approx(shown[60], abs=1e-3)
    allowed = {round(time, 4) for time in [*shown, row["duration"]]}
    for span in spans(row["clips"]) + spans(row["dropped"]) + spans(row["shots"]):
        assert {round(time, 4) for time in span} <= allowed
    assert len(row["clips"]) == 2
    assert_covers(row)


def test_lengths_are_in_seconds_where_the_frame_rate_varies(tmp_path: Path):
    """20 frames in 1 s, then 20 in 8 s: the second shot is long, though it has no more frames than the first."""
    times = [50 * i for i in range(20)] + [1000 + 400 * i for i in range(20)]
    row = split(write(tmp_path / "varying.mp4", [moving(1, 20), moving(2, 20)], times=times))
    assert [d["reason"] for d in row["dropped"] if d["start"] == 0.0] == ["too_short"]
    assert len(row["clips"]) == 1 and row["clips"][0]["end"] - row["clips"][0]["start"] > 5


def test_a_truncated_file_gives_clips_and_a_warning(tmp_path: Path):
    path = write(tmp_path / "whole.mkv", [moving(1, 100), moving(2, 100)])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    row = split(cut)
    assert row["clips"] and row["warning"]
    assert row["duration"] < 20


def test_a_video_in_memory_is_split_like_the_file(tmp_path: Path):
    path = write(tmp_path / "film.mp4", [moving(1, 40), moving(2, 40)])
    out = Split()({"video": [{"path": None, "bytes": path.read_bytes()}]})
    assert out["clips"][0] == split(path)["clips"]


def test_a_file_that_is_no_video_becomes_an_error_that_names_it(tmp_path: Path):
    bad, good = tmp_path / "notes.mp4", write(tmp_path / "film.mp4", [moving(1, 40)])
    bad.write_text("not a video")
    out = Split()({"video": [{"path": str(path), "bytes": None} for path in (bad, good)]})
    assert out["clips"][0] is None and len(out["clips"][1]) == 1
    assert out["error"][1] is None
    assert out["error"][0]["type"] == "VideoError" and "notes.mp4" in out["error"][0]["message"]


def test_settings_follow_the_embedder():
    assert Split().rules == SplitSettings.preset("default")
    assert Split(embedder="some/model").rules == SplitSettings.preset("panda70m")
    assert Split(embedder="some/model", settings=SplitSettings()).rules == SplitSettings()


@pytest.mark.shared
def test_long_takes_of_real_footage_are_kept(shared: Path):
    for name, least in [("longtake_bottles_40s.mp4", 30), ("longtake_car_30s.mp4", 20), ("pancake.mkv", 7)]:
        row = split(shared / "data/videos" / name)
        assert len(row["shots"]) == 1
        assert sum(end - start for start, end in spans(row["clips"])) > least, name
        assert_covers(row)


@pytest.mark.shared
def test_a_picture_that_is_shown_for_seconds_is_dropped(shared: Path):
    row = split(shared / "data/videos/psd_testvideo.mp4")
    assert "still" in reasons(row)
