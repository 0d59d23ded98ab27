"""Frames at given seconds: every one must be the frame that a sequential pass shows then."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panda_hf.video import FrameReader, sample_frames
from panda_hf.video.decoder import Decoder
from tests.video.films import (
    ALL_INTRA,
    B_FRAMES,
    LONG_GOP,
    OPEN_GOP,
    REFRESH,
    number_of,
    picture,
    sequential,
)

CLOCK = random.Random(0)
VARIABLE = [Fraction(0)]
for _ in range(120):
    VARIABLE.append(VARIABLE[-1] + Fraction(CLOCK.choice([1, 1, 2, 5, 9]), 90))
LATE = [Fraction(3) + Fraction(i, 25) for i in range(100)]

MPEG = {"g": "12", "bf": "2"}
VPX = {"g": "30", "deadline": "realtime", "cpu-used": "8"}
X265 = {"preset": "ultrafast", "x265-params": "keyint=30:min-keyint=30:bframes=3:open-gop=1:log-level=none"}

FILMS = {
    "b_frames.mp4": {"count": 120, "options": B_FRAMES},
    "b_frames.mkv": {"count": 120, "options": B_FRAMES},
    "b_frames.flv": {"count": 120, "options": B_FRAMES},
    "b_frames.ts": {"count": 120, "options": B_FRAMES},
    "b_frames.avi": {"count": 120, "options": B_FRAMES},
    "open_gop.mp4": {"count": 120, "options": OPEN_GOP},
    "open_gop.mkv": {"count": 120, "options": OPEN_GOP},
    "long_gop.mp4": {"count": 400, "options": LONG_GOP},
    "all_intra.mp4": {"count": 60, "options": ALL_INTRA},
    "intra_refresh.mp4": {"count": 120, "options": REFRESH},
    "variable.mp4": {"times": VARIABLE, "options": B_FRAMES},
    "variable.mkv": {"times": VARIABLE, "options": B_FRAMES},
    "late_start.mp4": {"times": LATE, "options": B_FRAMES},
    "late_start.ts": {"times": LATE, "options": B_FRAMES},
    "mpeg4.mp4": {"count": 80, "codec": "mpeg4", "options": MPEG},
    "mpeg4.avi": {"count": 80, "codec": "mpeg4", "options": MPEG},
    "mpeg2.ts": {"count": 80, "codec": "mpeg2video", "options": MPEG},
    "mpeg2.mpg": {"count": 80, "codec": "mpeg2video", "options": MPEG},
    "mpeg2.mkv": {"count": 80, "codec": "mpeg2video", "options": MPEG},
    "vp9.webm": {"count": 80, "codec": "libvpx-vp9", "options": VPX},
    "vp8.webm": {"count": 80, "codec": "libvpx", "options": {**VPX, "auto-alt-ref": "1"}},
    "hevc.mp4": {"count": 80, "codec": "libx265", "options": X265},
    "hevc_10_bit.mkv": {"count": 80, "codec": "libx265", "options": X265, "pixel_format": "yuv420p10le"},
    "av1.mp4": {"count": 40, "codec": "libsvtav1", "options": {"preset": "12", "g": "20"}},
    "raw.h264": {"count": 80, "options": B_FRAMES},
}


@pytest.mark.parametrize("name", FILMS)
def test_every_frame_of_every_kind_of_file_is_found_exactly(film, name):
    path = film(name, **FILMS[name])
    times = frame_times(path)
    expected = list(range(len(times)))
    wanted = random.Random(name).sample(expected, len(expected))
    sampled = sample_frames(path, [times[i] for i in wanted], threads=1)
    assert [number_of(rgb) for rgb in sampled] == wanted


@pytest.mark.parametrize("name", FILMS)
def test_one_frame_far_inside_equals_a_sequential_pass_bit_for_bit(film, name):
    path = film(name, **FILMS[name])
    _, pictures = sequential(path)
    times = frame_times(path)
    for i in random.Random(name).sample(range(len(times)), 8):
        between = times[i] + (0.4 * (times[i + 1] - times[i]) if i + 1 < len(times) else 0.0)
        (sampled,) = sample_frames(path, [between], threads=1)
        assert number_of(sampled) == i
        assert np.abs(sampled.astype(int) - pictures[i]).max() <= 2  # two roundings of the same YUV to RGB


def frame_times(path: Path) -> list[float]:
    with FrameReader(path, threads=1) as reader:
        return [frame.time for frame in reader]


@pytest.mark.parametrize("name", ["b_frames.mp4", "open_gop.mkv", "variable.mp4", "vp9.webm", "hevc.mp4"])
def test_seeking_is_really_used_where_it_is_exact(film, name):
    path = film(name, **FILMS[name])
    times = frame_times(path)
    with Decoder(path, threads=1) as decoder:
        assert next(decoder.frames_from(times[-1])).time > 0


def test_a_stream_refreshed_without_key_frames_is_decoded_from_its_start(film):
    path = film("intra_refresh.mp4", **FILMS["intra_refresh.mp4"])
    with Decoder(path, threads=1) as decoder:
        assert next(decoder.frames_from(4.0)).time == 0.0


def test_times_outside_the_video_show_its_first_and_last_frame(film):
    path = film("b_frames.mp4", **FILMS["b_frames.mp4"])
    sampled = sample_frames(path, [-5.0, 1e12, 0.0, 4.79])
    assert [number_of(rgb) for rgb in sampled] == [0, 119, 0, 119]


def test_times_may_repeat_and_fall(film):
    path = film("b_frames.mp4", **FILMS["b_frames.mp4"])
    sampled = sample_frames(path, [4.0, 4.0, 2.0, 0.4, 0.4, 4.4])
    assert [number_of(rgb) for rgb in sampled] == [100, 100, 50, 10, 10, 110]


def test_no_times_give_no_frames(film):
    assert sample_frames(film("b_frames.mp4", **FILMS["b_frames.mp4"]), []).shape == (0, 96, 168, 3)


def test_frames_are_scaled_to_the_size_asked_for(film):
    path = film("b_frames.mp4", **FILMS["b_frames.mp4"])
    sampled = sample_frames(path, [1.0, 2.0], size=(48, 84))
    assert sampled.shape == (2, 48, 84, 3) and sampled.dtype == np.uint8
    assert [number_of(rgb) for rgb in sampled] == [25, 50]


def test_colours_are_those_that_were_encoded(film):
    path = film("lossless.mp4", 5, options={"qp": "0", "preset": "ultrafast"}, pixel_format="yuv444p")
    (sampled,) = sample_frames(path, [0.08])
    assert np.abs(sampled.astype(int) - picture(2)).mean() < 2.0


def test_many_threads_find_the_same_frames_as_one(film):
    path = film("long_gop.mp4", **FILMS["long_gop.mp4"])
    times = [0.1, 7.3, 11.02, 15.9]
    assert np.array_equal(sample_frames(path, times, threads=1), sample_frames(path, times, threads=4))


def test_bytes_give_the_same_frames_as_the_file(film):
    path = film("b_frames.mp4", **FILMS["b_frames.mp4"])
    times = [0.1, 3.3]
    assert np.array_equal(sample_frames({"path": None, "bytes": path.read_bytes()}, times), sample_frames(path, times))


def test_a_spliced_transport_stream_is_never_sought(film, tmp_path):
    data = film("b_frames.ts", **FILMS["b_frames.ts"]).read_bytes()
    spliced = tmp_path / "spliced.ts"
    spliced.write_bytes(data * 10)  # timestamps jump back nine times
    times = frame_times(spliced)
    assert len(times) == 1200 and all(a < b for a, b in zip(times, times[1:], strict=False))
    assert times[-1] == pytest.approx(1200 / 25, abs=0.5)
    wanted = [1100, 30, 770]
    sampled = sample_frames(spliced, [times[i] + 0.001 for i in wanted], threads=1)
    assert [number_of(rgb) for rgb in sampled] == [i % 120 for i in wanted]


def test_a_long_transport_stream_is_sought_after_a_pass_over_its_packets(film):
    path = film("long.ts", 1500, options=B_FRAMES, size=(48, 84))
    with Decoder(path, threads=1) as decoder:
        assert next(decoder.frames_from(50.0)).time > 40
    sampled = sample_frames(path, [59.0, 3.0, 31.02, 30.0], threads=1)
    assert [number_of(rgb) for rgb in sampled] == [1475, 75, 775, 750]


def test_an_unknown_backend_is_named(film):
    with pytest.raises(ValueError, match="opencv.*pyav"):
        sample_frames("a.mp4", [0.0], backend="opencv")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_times_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        sample_frames("a.mp4", [0.0, bad])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_ten_minutes_are_sampled_exactly(film, suffix):
    path = film(f"ten_minutes.{suffix}", 15000, options=LONG_GOP, size=(90, 160))
    wanted = random.Random(0).sample(range(15000), 100)
    sampled = sample_frames(path, [i / 25 + 0.01 for i in wanted], threads=1)
    assert [number_of(rgb) for rgb in sampled] == wanted


def test_the_reference_videos_are_sampled_exactly(shared):
    checked = 0
    for path in sorted((shared / "data" / "videos").glob("*.*")):
        if path.suffix not in {".mp4", ".mkv", ".webm", ".avi", ".mov"} or path.stat().st_size > 1_500_000:
            continue
        times = frame_times(path)
        wanted = random.Random(path.name).sample(range(len(times)), 5)
        plain, pictures = sequential(path, set(wanted))
        assert len(plain) == len(times), path.name
        for i, rgb in zip(wanted, sample_frames(path, [times[i] for i in wanted], threads=1), strict=True):
            assert np.abs(rgb.astype(int) - pictures[i]).max() <= 2, (path.name, i)
        checked += 1
    assert checked >= 8
