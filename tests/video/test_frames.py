"""Sequential reading: times, pixels, turning, warnings."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from panda_hf import Split
from panda_hf.video import FrameReader, probe
from tests.video.films import B_FRAMES, HEIGHT, WIDTH, number_of, picture, set_matrix, write_film


def test_frames_come_numbered_in_presentation_order(film):
    with FrameReader(film("b_frames.mp4", 120, options=B_FRAMES), threads=1) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames] == list(range(120))
    assert [number_of(frame.rgb()) for frame in frames] == list(range(120))
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(120)])
    assert all(frame.duration == pytest.approx(0.04) for frame in frames)
    assert (reader.frames_read, reader.end, reader.warning) == (120, pytest.approx(4.8), None)


def test_frames_stay_valid_after_the_reader_has_closed(film):
    with FrameReader(film("b_frames.mp4", 120, options=B_FRAMES)) as reader:
        third = [next(reader) for _ in range(3)][2]
    assert number_of(third.rgb()) == 2


def test_reading_a_stretch_gives_the_frames_that_start_in_it(film):
    path = film("b_frames.mp4", 120, options=B_FRAMES)
    with FrameReader(path, start=1.99, end=2.2, threads=1) as reader:
        assert [number_of(frame.rgb()) for frame in reader] == [50, 51, 52, 53, 54]
    assert reader.warning is None and reader.end == pytest.approx(2.2)


def test_a_stretch_behind_the_end_holds_no_frames(film):
    with FrameReader(film("b_frames.mp4", 120, options=B_FRAMES), start=100.0) as reader:
        assert list(reader) == []
    assert reader.end is None


def test_frames_without_timestamps_follow_the_frame_rate(film):
    with FrameReader(film("raw.h264", 80, options=B_FRAMES), threads=1) as reader:
        times = [frame.time for frame in reader]
    assert times == pytest.approx([i / 25 for i in range(80)]) and reader.end == pytest.approx(3.2)


def test_a_video_starting_late_in_its_container_starts_late(tmp_path):
    path = write_film(tmp_path / "late.mp4", times=[Fraction(1) + Fraction(i, 25) for i in range(20)], tone=2.0)
    with FrameReader(path) as reader:
        assert next(reader).time == pytest.approx(1.0, abs=0.03)  # the sound starts at 0


def test_sound_that_begins_midway_stops_no_reading(tmp_path):
    """As in recordings of broadcasts: the 5 MB and the last 250 kB that are read to find streams tell of none."""
    size, fine, times = (480, 640), {"preset": "ultrafast", "qp": "1"}, [Fraction(i, 25) for i in range(36)]
    pictures = np.random.default_rng(0).integers(0, 256, (36, *size, 3), np.uint8)
    pictures[:, : size[0] // 2] = [picture(i, *size)[: size[0] // 2] for i in range(36)]
    silent = write_film(tmp_path / "1.ts", size=size, options=fine, pictures=pictures[:24], times=times[:24])
    heard = write_film(tmp_path / "2.ts", size=size, options=fine, pictures=pictures[24:], times=times[24:], tone=0.48)
    path = tmp_path / "late_sound.ts"
    path.write_bytes(silent.read_bytes() + heard.read_bytes())
    with av.open(str(path)) as container:
        assert len(container.streams) == 1
        with pytest.raises(IndexError):  # else PyAV needs no help
            list(container.demux())
    with FrameReader(path, threads=1) as reader:
        assert [number_of(frame.rgb()) for frame in reader] == list(range(36))
    assert Split()({"video": [str(path)]})["error"] == [None]


def test_variable_frame_rate_keeps_its_times_and_is_reported(film):
    times = [Fraction(n, 90) for n in (0, 3, 6, 20, 21, 40, 90, 95)]
    path = film("uneven.mkv", times=times)
    with FrameReader(path) as reader:
        assert [frame.time for frame in reader] == pytest.approx([float(time) for time in times], abs=1e-3)


YUV = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p", "yuv440p", "nv12", "yuv420p10le", "gray"]
OTHER = ["rgb24", "bgra", "yuva420p", "gray10le", "yuv422p12le"]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("pixel_format", YUV + OTHER)
def test_every_nth_sample_of_the_planes_is_what_conversion_gives(tmp_path, pixel_format, step):
    size = (37, 51)
    path = raw_film(tmp_path / "film.mkv", pixel_format, size)
    with FrameReader(path, threads=1) as reader:
        frame = next(reader)
        samples = frame.yuv(step)
        assert samples.shape == (-(-size[0] // step), -(-size[1] // step), 3) and samples.dtype == np.uint8
        whole = independent_yuv(frame.picture)
    tolerance = 1 if frame.picture.format.name in YUV or pixel_format == "gray10le" else 6
    assert np.abs(samples.astype(int) - whole[::step, ::step]).mean() <= tolerance


def raw_film(path, pixel_format, size):
    """Two frames in a lossless codec that knows the pixel format."""
    ffv1 = {"gray10le", "yuv422p12le", "yuv411p", "yuv410p", "yuv440p"}
    codec = "ffv1" if pixel_format in ffv1 else "rawvideo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pixel_format
        if codec == "rawvideo":
            path = path.with_suffix(".nut")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pixel_format
        smooth = np.stack(np.meshgrid(np.arange(size[1]) * 4, np.arange(size[0]) * 6), -1)
        rgb = np.concatenate([smooth, smooth.sum(-1, keepdims=True) // 2], -1).clip(0, 255).astype(np.uint8)
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


def independent_yuv(picture: av.VideoFrame) -> np.ndarray:
    """[h, w, 3] as stored: grey and 4:1:0 by repeating the stored samples, else by libav's conversion to 4:4:4."""
    name = picture.format.name
    if name.startswith("gray"):
        luma = picture.to_ndarray() >> (2 if name == "gray10le" else 0)
        return np.stack([luma, np.full_like(luma, 128), np.full_like(luma, 128)], -1).astype(np.uint8)
    if name == "yuv410p":
        planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size) for plane in picture.planes]
        chroma = [np.kron(plane, np.ones((4, 4), np.uint8)) for plane in planes[1:]]
        return np.stack([plane[: picture.height, : picture.width] for plane in [planes[0], *chroma]], -1)
    converted = picture.reformat(format="yuvj444p" if name.startswith("yuvj") else "yuv444p", interpolation="POINT")
    return np.moveaxis(converted.to_ndarray(), 0, -1)


def test_pictures_of_another_size_in_mid_stream_are_scaled_to_the_first(tmp_path):
    first = write_film(tmp_path / "a.h264", 10, size=(96, 168))
    second = write_film(tmp_path / "b.h264", 10, size=(48, 84))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with FrameReader(both, threads=1) as reader:
        shapes = {(frame.rgb().shape, frame.yuv(4).shape) for frame in reader}
    assert reader.frames_read == 20 and shapes == {((96, 168, 3), (24, 42, 3))}


TURNS = {
    0: ((1, 0, 0, 1), lambda rgb: rgb),
    90: ((0, 1, -1, 0), lambda rgb: np.rot90(rgb, -1)),
    180: ((-1, 0, 0, -1), lambda rgb: np.rot90(rgb, 2)),
    270: ((0, -1, 1, 0), lambda rgb: np.rot90(rgb, 1)),
}


@pytest.mark.parametrize("degrees", TURNS)
def test_rotation_is_applied_clockwise(tmp_path, degrees):
    matrix, turn = TURNS[degrees]
    path = set_matrix(write_film(tmp_path / "film.mp4", 3), matrix)
    upright = turn(picture(0))
    with FrameReader(path) as reader:
        frame = next(reader)
        assert reader.info.rotation == degrees
        assert (reader.info.height, reader.info.width) == upright.shape[:2]
        assert np.abs(frame.rgb().astype(int) - upright).mean() < 12
        small = frame.rgb(size=(upright.shape[0] // 2, upright.shape[1] // 2))
        assert small.shape == (upright.shape[0] // 2, upright.shape[1] // 2, 3)
        luma = upright @ np.array([0.299, 0.587, 0.114])
        assert np.corrcoef(frame.yuv(1)[..., 0].ravel(), luma.ravel())[0, 1] > 0.95


def test_a_mirrored_video_is_mirrored_back(tmp_path):
    path = set_matrix(write_film(tmp_path / "film.mp4", 2), (-1, 0, 0, 1))
    with FrameReader(path) as reader:
        assert np.abs(next(reader).rgb().astype(int) - picture(0)[:, ::-1]).mean() < 12


def test_the_rotated_reference_file_stands_upright(shared):
    info = probe(shared / "data" / "hostile" / "rot90.mov")
    assert (info.width, info.height, info.rotation) == (320, 568, 90)


def test_probe_tells_what_the_file_declares(film):
    info = probe(film("b_frames.mp4", 120, options=B_FRAMES))
    assert (info.codec, info.width, info.height, info.rotation) == ("h264", WIDTH, HEIGHT, 0)
    assert (info.fps, info.duration, info.frames) == (25.0, pytest.approx(4.8), 120)
    assert (info.pixel_format, info.video_streams, info.variable_frame_rate) == ("yuv420p", 1, False)


def test_probe_says_when_the_frame_rate_varies(film):
    assert probe(film("varies.mp4", times=[Fraction(n * n, 90) for n in range(1, 30)])).variable_frame_rate


def test_probe_does_not_invent_what_a_raw_stream_does_not_say(film):
    info = probe(film("raw.h264", 80, options=B_FRAMES))
    assert info.duration is None and info.frames is None


def test_probe_of_the_reference_videos_sees_the_stream_that_ffmpeg_plays(shared):
    info = probe(shared / "data" / "videos" / "nasa_13013.mp4")
    assert (info.video_streams, info.width, info.height) == (2, 480, 270)


def test_healthy_reference_videos_raise_no_warning(shared):
    for path in sorted((shared / "data" / "videos").rglob("*.*")):
        if path.suffix in {".mp4", ".mkv", ".webm", ".avi", ".mov"}:
            with FrameReader(path, threads=1) as reader:
                for _ in reader:
                    pass
            assert reader.warning is None, (path.name, reader.warning)
