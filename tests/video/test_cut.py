"""Cutting: a clip shows exactly its stretch of the video, and a failure leaves nothing behind."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from panda_hf.errors import VideoError
from panda_hf.video import cut_clip
from panda_hf.video.encode import ClipWriter
from tests.video.films import B_FRAMES, HEIGHT, WIDTH, number_of, sequential

FPS = 25
FRAME = 1 / FPS
LOSSLESS_444 = {"preset": "ultrafast", "crf": "0"}


def test_a_clip_from_the_middle_starts_on_the_right_frame_and_holds_no_other(film, tmp_path):
    path = film("cut.mp4", count=120, options=B_FRAMES)
    clip = cut_clip(path, 1.48, 3.08, tmp_path / "clip.mp4", threads=1)
    times, pictures = sequential(tmp_path / "clip.mp4")
    assert [number_of(pictures[i]) for i in range(len(times))] == list(range(37, 77))
    assert clip.frames == 40
    assert times == pytest.approx([i * FRAME for i in range(40)], abs=0.001)


@pytest.mark.parametrize("start, end", [(0.0, 1.0), (1.48, 3.08), (2.013, 2.987), (4.0, 4.8)])
def test_a_clip_lasts_as_long_as_its_stretch(film, tmp_path, start, end):
    path = film("cut.mp4", count=120, options=B_FRAMES)
    clip = cut_clip(path, start, end, tmp_path / "clip.mp4", threads=1)
    assert clip.duration == pytest.approx(end - start, abs=FRAME)
    assert decoded_seconds(tmp_path / "clip.mp4") == pytest.approx(end - start, abs=FRAME)


def test_a_start_between_two_frames_begins_with_the_one_shown(film, tmp_path):
    path = film("cut.mp4", count=120, options=B_FRAMES)
    cut_clip(path, 50.5 * FRAME, 60 * FRAME, tmp_path / "clip.mp4", threads=1)
    times, pictures = sequential(tmp_path / "clip.mp4", {0})
    assert (times[0], number_of(pictures[0])) == (0.0, 50)


def test_a_clip_that_asks_for_more_ends_with_the_video(film, tmp_path):
    path = film("cut.mp4", count=120, options=B_FRAMES)
    clip = cut_clip(path, 4.0, 60.0, tmp_path / "clip.mp4", threads=1)
    assert clip.duration == pytest.approx(0.8, abs=FRAME)


def test_odd_sizes_are_padded_to_even_ones(film, tmp_path):
    size = (HEIGHT - 1, WIDTH - 1)
    path = film("odd.mkv", count=30, size=size, pixel_format="yuv444p", options=LOSSLESS_444)
    cut_clip(path, 0.4, 1.0, tmp_path / "clip.mp4", threads=1)
    _, pictures = sequential(tmp_path / "clip.mp4")
    assert pictures[0].shape == (HEIGHT, WIDTH, 3)
    assert number_of(pictures[0][: size[0], : size[1]]) == 10
    last, padding = pictures[0][-2].astype(int), pictures[0][-1].astype(int)
    assert np.abs(last - padding).mean() < 12, "the added row repeats the last one"


def test_audio_is_kept_and_as_long_as_the_picture(film, tmp_path):
    path = film("sound.mp4", count=100, options=B_FRAMES, tone=4.0)
    clip = cut_clip(path, 1.0, 2.6, tmp_path / "clip.mp4", threads=1)
    assert (clip.has_audio, clip.note) == (True, None)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        rate = container.streams.audio[0].rate
    assert len(sound) / rate == pytest.approx(1.6, abs=0.05)
    middle = sound[rate // 2 : rate // 2 + rate // 2]
    assert np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle) == pytest.approx(440, abs=5)


def test_a_video_without_audio_gives_a_clip_without_audio(film, tmp_path):
    clip = cut_clip(film("cut.mp4", count=120, options=B_FRAMES), 0.0, 1.0, tmp_path / "clip.mp4", threads=1)
    assert not clip.has_audio
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_a_stretch_behind_the_end_fails_and_leaves_no_file(film, tmp_path):
    path = film("cut.mp4", count=120, options=B_FRAMES)
    with pytest.raises(VideoError, match="shows nothing from 100.000 s to 101.000 s"):
        cut_clip(path, 100.0, 101.0, tmp_path / "clip.mp4", threads=1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_video_fails_and_leaves_no_file(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="it is text"):
        cut_clip(tmp_path / "text.mp4", 0.0, 1.0, out / "clip.mp4")
    assert list(out.iterdir()) == []


def test_a_failure_in_mid_writing_keeps_the_old_file_and_no_other(film, tmp_path, monkeypatch):
    def fail(self: ClipWriter) -> None:
        raise OSError("no space left")

    path = film("cut.mp4", count=120, options=B_FRAMES)
    (tmp_path / "clip.mp4").write_bytes(b"old")
    monkeypatch.setattr(ClipWriter, "finish", fail)
    with pytest.raises(OSError, match="no space left"):
        cut_clip(path, 0.0, 1.0, tmp_path / "clip.mp4", threads=1)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"clip.mp4": b"old"}


@pytest.mark.parametrize("start, end", [(1.0, 1.0), (2.0, 1.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_a_stretch_without_length_is_refused(film, tmp_path, start, end):
    with pytest.raises(ValueError, match="start < end"):
        cut_clip(film("cut.mp4", count=120, options=B_FRAMES), start, end, tmp_path / "clip.mp4")


def decoded_seconds(path) -> float:
    """When the last frame stops being shown, found by decoding the whole file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(
            max((frame.pts + (frame.duration or 0)) * Fraction(stream.time_base) for frame in container.decode(stream))
        )
