"""Smart cuts copy what stands alone, encode the rest, and show their stretch to every reader."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from panda_hf.errors import VideoError
from panda_hf.video import CutClip, probe, smart
from panda_hf.video.smart import smart_clips
from tests.video.films import ALL_INTRA, B_FRAMES, OPEN_GOP, X264, number_of, sequential, set_matrix

FRAME = 1 / 25
NO_KEY = "no key frame inside it can be decoded without what lies before"
BASELINE = {**X264, "profile": "baseline", "x264-params": "bframes=0:keyint=30:min-keyint=30:scenecut=0"}
PYRAMID = {**X264, "x264-params": "bframes=5:b-adapt=0:b-pyramid=normal:ref=3:keyint=40:scenecut=0:cabac=1:8x8dct=1"}


def cut(path: Path, folder: Path, spans: list[tuple[float, float]]) -> list[Any]:
    made = smart_clips(path, [(*span, folder / f"smart{i}.mp4") for i, span in enumerate(spans)], threads=1)
    assert all(isinstance(clip, CutClip) for clip in made), made
    return made


def numbers(path: str) -> list[int]:
    times, pictures = sequential(Path(path))
    return [number_of(pictures[i]) for i in range(len(times))]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize("options", [B_FRAMES, BASELINE, PYRAMID, ALL_INTRA])
def test_a_smart_cut_shows_the_frames_of_its_stretch_and_no_others(film, tmp_path, name: str, options: dict[str, str]):
    path = film(name, count=120, options=options)
    spans = [(first * FRAME, last * FRAME) for first, last in ((0, 25), (13, 64), (30, 60), (37, 119), (29, 62))]
    for (start, end), clip in zip(spans, cut(path, tmp_path, spans), strict=True):
        assert clip.why is None and clip.way in ("smart", "copy"), (start, end)
        times, _ = sequential(Path(clip.path), set())
        assert numbers(clip.path) == list(range(round(start / FRAME), round(end / FRAME)))
        assert times == pytest.approx([i * FRAME for i in range(len(times))], abs=0.001)
        assert probe(clip.path).duration == pytest.approx(end - start, abs=0.002)


def test_nothing_is_hidden_that_a_reader_without_edit_lists_would_show(film, tmp_path):
    path = film("film.mp4", count=120, options=B_FRAMES)
    (clip,) = cut(path, tmp_path, [(13 * FRAME, 64 * FRAME)])
    assert clip.way == "smart"
    with av.open(clip.path, container_options={"ignore_editlist": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 51
    capture = cv2.VideoCapture(clip.path)
    seen = []
    while (read := capture.read())[0]:
        seen.append(number_of(read[1][:, :, ::-1]))
    assert seen == list(range(13, 64))


def test_between_its_ends_the_pictures_are_the_very_same(film, tmp_path):
    path = film("film.mp4", count=120, options=B_FRAMES)
    (clip,) = cut(path, tmp_path, [(13 * FRAME, 100 * FRAME)])
    _, whole = sequential(path)
    _, part = sequential(Path(clip.path))
    same = [bool((part[i] == whole[13 + i]).all()) for i in range(87)]
    assert all(
        same[17:84]
    )  # frames 30 to 97: from the first key frame to the last before B-frames that need frame 101
    assert not any(same[:17])


def test_a_clip_between_key_frames_is_not_encoded_at_all(film, tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = film("film.mp4", count=120, options=B_FRAMES)
    monkeypatch.setattr(smart._Encoder, "_open", None)
    (clip,) = cut(path, tmp_path, [(30 * FRAME, 90 * FRAME)])
    assert (clip.way, clip.frames, clip.duration) == ("copy", 60, pytest.approx(60 * FRAME))


def test_what_cannot_be_cut_safely_is_encoded_and_says_why(film, tmp_path):
    other = {"x265-params": "keyint=20:log-level=none", "preset": "ultrafast"}
    fields = {**X264, "x264-params": "interlaced=1:keyint=30:bframes=0"}
    cases = [
        (film("film.mp4", count=120, options=B_FRAMES), (92 * FRAME, 119 * FRAME), NO_KEY),
        (film("open.mp4", count=120, options=OPEN_GOP), (13 * FRAME, 64 * FRAME), NO_KEY),
        (
            film("film.mkv", codec="libx265", options=other),
            (0.4, 1.6),
            "only H.264 is cut smartly, and the video is hevc",
        ),
        (film("fields.mp4", options=fields), (0.4, 1.6), "the video is interlaced"),
        (film("deep.mp4", options=B_FRAMES, pixel_format="yuv444p"), (0.4, 1.6), "the video is not 4:2:0 in 8 bits"),
        (film("film.ts", options=B_FRAMES), (0.4, 1.6), "its parameter sets are not stored as in mp4"),
        (film("film.avi", options={**X264, "bf": "0"}), (0.4, 1.6), "the packets of the video do not tell enough"),
    ]
    for path, span, why in cases:
        (clip,) = cut(path, tmp_path, [span])
        assert clip.way == "encode" and (clip.why or "").startswith(why), (path.name, clip.why)
        assert numbers(clip.path) == list(range(round(span[0] / FRAME), round(span[1] / FRAME))), path.name


def test_a_clip_that_shows_other_pictures_than_it_should_is_encoded(film, tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = film("film.mp4", count=120, options=B_FRAMES)
    monkeypatch.setattr(smart.h264.ParameterSets, "free_id", 0)  # now the sets of both parts bear one number
    (clip,) = cut(path, tmp_path, [(13 * FRAME, 64 * FRAME)])
    assert clip.way == "encode" and clip.why
    assert numbers(clip.path) == list(range(13, 64))


def test_rotation_and_colours_go_along(film, tmp_path):
    path = tmp_path / "phone.mp4"
    tagged = {**X264, "x264-params": "keyint=30:scenecut=0:colorprim=bt709:transfer=bt709:colormatrix=bt709:sar=4/3"}
    path.write_bytes(film("tagged.mp4", count=90, options=tagged).read_bytes())
    set_matrix(path, (0, 1, -1, 0))
    (clip,) = cut(path, tmp_path, [(13 * FRAME, 64 * FRAME)])
    assert clip.way == "smart"
    assert probe(clip.path).rotation == probe(path).rotation == 90
    with av.open(clip.path) as container:
        colours = {(f.colorspace, f.color_primaries, f.color_trc, f.color_range) for f in container.decode(video=0)}
        assert container.streams.video[0].codec_context.sample_aspect_ratio == Fraction(4, 3)
    assert len(colours) == 1 and list(colours)[0][:3] == (1, 1, 1)


def test_uneven_times_stay_as_they_are(film, tmp_path):
    steps = [Fraction(step, 1000) for step in (33, 41, 17, 100)]
    times = [sum(steps) * (i // 4) + sum(steps[: i % 4]) for i in range(90)]
    path = film("uneven.mp4", options=B_FRAMES, times=times)
    (clip,) = cut(path, tmp_path, [(float(times[13]), float(times[64]))])
    assert clip.way == "smart" and numbers(clip.path) == list(range(13, 64))
    shown, _ = sequential(Path(clip.path), set())
    assert shown == pytest.approx([float(time - times[13]) for time in times[13:64]], abs=0.0001)


def test_a_stretch_behind_the_end_costs_the_others_nothing(film, tmp_path):
    path = film("film.mp4", count=60, options=B_FRAMES)
    made = smart_clips(path, [(9.0, 10.0, tmp_path / "a.mp4"), (1.0, 2.0, tmp_path / "b.mp4")])
    assert isinstance(made[0], VideoError) and "shows nothing" in str(made[0])
    assert isinstance(made[1], CutClip)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".mp4" or path.stem in "ab"] == ["b.mp4"]


@pytest.mark.shared
def test_real_videos_decode_completely_and_begin_and_end_as_their_source(shared: Path, tmp_path: Path):
    for name, begins in (("longtake_car_30s.mp4", 0.05), ("nasa_13013.mp4", 0.0), ("pancake.mkv", 0.05)):
        path = shared / "data/videos" / name
        duration = probe(path).duration or 0.0
        span = (duration * begins, duration * 0.6)
        (clip,) = cut(path, tmp_path, [span])
        shown, _ = sequential(path, set())
        first = max(i for i, time in enumerate(shown) if time <= span[0] + 0.001)
        wanted = [i for i, time in enumerate(shown) if i >= first and time < span[1] - 0.001]
        _, part = sequential(Path(clip.path), {0, len(wanted) - 1})
        _, whole = sequential(path, {wanted[0], wanted[-1]})
        assert clip.way == "smart" and clip.frames == len(wanted), name
        for ours, theirs in ((part[0], whole[wanted[0]]), (part[len(wanted) - 1], whole[wanted[-1]])):
            assert np.abs(ours.astype(int) - theirs).mean() < 6, name
