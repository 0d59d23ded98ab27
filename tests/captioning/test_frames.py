from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import SampleFrames
from panda_hf.captioning import frames as frames_module
from panda_hf.captioning.frames import fit_short_side, middle_times
from panda_hf.errors import VideoError
from panda_hf.stage import apply
from panda_hf.video import unpack_frames

FPS = 10


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Four seconds of 64 x 48 pixels; the grey value of each frame tells its number."""
    path = tmp_path_factory.mktemp("film") / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "4"}
        for i in range(4 * FPS):
            frame = np.full((48, 64, 3), 20 + 5 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def row(path: Path, start: float, end: float, index: int = 0) -> dict:
    video = {"path": str(path), "bytes": None}
    return {**dict.fromkeys(schema.CLIP_ROW), "clip_id": f"v.{index}", "video": video, "start": start, "end": end}


def run(rows: list[dict], **settings) -> list[dict]:
    dataset = Dataset.from_list(rows, features=Features(schema.CLIP_ROW))
    return list(apply(dataset, SampleFrames(**settings)))


def numbers_of(frames: np.ndarray) -> list[int]:
    return [round((frame.mean() - 20) / 5) for frame in frames]


def test_frames_come_from_the_middles_of_equal_intervals(film):
    (clip,) = run([row(film, 1.0, 3.0)], num_frames=4)
    assert clip["frames"]["times"] == [1.25, 1.75, 2.25, 2.75]
    frames = unpack_frames(clip["frames"])
    assert frames.shape == (4, 48, 64, 3)
    assert numbers_of(frames) == [12, 17, 22, 27]


def test_the_times_of_a_clip_are_arithmetic():
    assert middle_times(0.0, 8.0, 8).tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"), [(720, 1280, 224, (224, 398)), (48, 64, 224, (48, 64))]
)
def test_the_short_side_is_fitted_and_never_enlarged(height, width, size, expected):
    assert fit_short_side(height, width, size) == expected


def test_large_frames_are_reduced_with_their_aspect(film):
    (clip,) = run([row(film, 0.0, 2.0)], num_frames=2, size=24)
    assert clip["frames"]["shape"] == [2, 24, 32, 3]


def test_clips_of_one_video_are_decoded_in_one_call_and_stay_in_order(film, monkeypatch):
    calls = []
    real = frames_module.sample_frames

    def counted(video, times, **more):
        calls.append(times)
        return real(video, times, **more)

    monkeypatch.setattr(frames_module, "sample_frames", counted)
    batch = {c: [row(film, s, s + 1.0, i)[c] for i, s in enumerate((2.0, 0.0, 1.0))] for c in SampleFrames().reads}
    packs = SampleFrames(num_frames=2)(batch)["frames"]
    assert [numbers_of(unpack_frames(pack)) for pack in packs] == [[22, 27], [2, 7], [12, 17]]
    assert len(calls) == 1 and calls[0] == sorted(calls[0])


def test_a_broken_file_fails_alone_and_is_named(film, tmp_path):
    broken = tmp_path / "broken film.mp4"
    broken.write_bytes(b"not a video")
    good, bad = run([row(film, 0.0, 1.0), row(broken, 0.0, 1.0, 1)])
    assert good["error"] is None and good["frames"] is not None
    assert bad["frames"] is None and bad["error"]["stage"] == "SampleFrames"
    assert "broken film.mp4" in bad["error"]["message"] and "v.1" in bad["error"]["message"]


def test_a_clip_without_length_fails_and_the_others_of_its_video_do_not(film):
    good, bad = run([row(film, 0.0, 1.0), row(film, 2.0, 2.0, 1)])
    assert good["error"] is None and unpack_frames(good["frames"]).shape[0] == 8
    assert bad["error"]["type"] == VideoError.__name__


@pytest.mark.parametrize("settings", [{"num_frames": 0}, {"size": 0}])
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(ValueError, match="at least 1"):
        SampleFrames(**settings)


def test_videos_of_one_batch_are_decoded_side_by_side_and_stay_in_order(film, tmp_path, monkeypatch):
    copies = [tmp_path / f"{i}.mp4" for i in range(3)]
    for copy in copies:
        copy.write_bytes(film.read_bytes())
    gate = threading.Barrier(3, timeout=30)
    real = frames_module.sample_frames

    def meeting(video, times, **more):
        gate.wait()  # opens only when all three are being decoded at once
        return real(video, times, **more)

    monkeypatch.setattr(frames_module, "sample_frames", meeting)
    monkeypatch.setattr(frames_module, "available_cores", lambda: 3)
    rows = [row(copies[i % 3], float(i), float(i) + 1.0, i) for i in range(3)]
    batch = {c: [r[c] for r in rows] for c in SampleFrames().reads}
    packs = SampleFrames(num_frames=2)(batch)["frames"]
    assert [numbers_of(unpack_frames(pack)) for pack in packs] == [[2, 7], [12, 17], [22, 27]]


def test_a_worker_process_decodes_one_video_at_a_time(film, tmp_path, monkeypatch):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    names = []
    real = frames_module.sample_frames

    def noted(video, times, **more):
        names.append(threading.current_thread().name)
        return real(video, times, **more)

    monkeypatch.setattr(frames_module, "sample_frames", noted)
    monkeypatch.setattr(frames_module, "available_cores", lambda: 8)
    batch = {c: [row(p, 0.0, 1.0, i)[c] for i, p in enumerate((film, copy))] for c in SampleFrames().reads}
    SampleFrames()(batch, 0)
    assert len(names) == 2 and len(set(names)) == 1
