"""Copied clips show exactly their stretch, though their pictures were never decoded."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from panda_hf.errors import VideoError
from panda_hf.video import CutClip, probe
from panda_hf.video.copy import copy_clips
from tests.video.films import B_FRAMES, LONG_GOP, OPEN_GOP, X264, number_of, sequential, set_matrix

FRAME = 1 / 25
SPANS = [(1.48, 3.08), (0.0, 1.0), (1.2, 2.4), (2.013, 2.987), (4.0, 4.8), (0.5 * FRAME, 60.0)]


def copy(path: Path, folder: Path, spans: list[tuple[float, float]]) -> list[Path]:
    targets = [folder / f"copy{i}.mp4" for i in range(len(spans))]
    made = copy_clips(path, [(*span, target) for span, target in zip(spans, targets, strict=True)])
    assert all(isinstance(clip, CutClip) for clip in made), made
    return targets


@pytest.mark.parametrize("options", [B_FRAMES, OPEN_GOP, LONG_GOP])
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_copy_shows_the_frames_of_its_stretch_and_no_others(film, tmp_path, name: str, options: dict[str, str]):
    path = film(name, count=120, options=options)
    shown = sequential(path, set())[0]
    for span, target in zip(SPANS, copy(path, tmp_path / "out", SPANS), strict=True):
        times, pictures = sequential(target)
        first = max(i for i, time in enumerate(shown) if time <= span[0] + 0.001)
        expected = [i for i, time in enumerate(shown) if i >= first and time < span[1] - 0.001]
        assert [number_of(pictures[i]) for i in range(len(times))] == expected, (name, span)
        assert times == pytest.approx([(i - first) * FRAME for i in expected], abs=0.002)
        assert probe(target).duration == pytest.approx(min(span[1], 4.8) - first * FRAME, abs=FRAME)


def test_the_pictures_are_the_very_same(film, tmp_path):
    path = film("film.mp4", count=120, options=B_FRAMES)
    _, whole = sequential(path)
    _, part = sequential(copy(path, tmp_path, [(1.0, 2.0)])[0])
    assert len(part) == 25
    assert all((part[i] == whole[25 + i]).all() for i in range(25))


def test_sound_is_kept_and_as_long_as_the_picture(film, tmp_path):
    path = film("sound.mp4", count=100, options=B_FRAMES, tone=4.0)
    (target,) = copy(path, tmp_path, [(1.0, 2.6)])
    with av.open(str(target)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        rate = container.streams.audio[0].rate
    assert len(sound) / rate == pytest.approx(1.6, abs=0.05)
    middle = sound[rate // 2 : rate]
    assert np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle) == pytest.approx(440, abs=5)


def test_rotation_goes_along(film, tmp_path):
    path = tmp_path / "phone.mp4"
    path.write_bytes(film("film.mp4", count=60, options=B_FRAMES).read_bytes())
    set_matrix(path, (0, 1, -1, 0))
    (target,) = copy(path, tmp_path, [(0.5, 1.5)])
    assert probe(target).rotation == probe(path).rotation == 90


def test_av1_is_copied_too(film, tmp_path):
    path = film("film.mkv", count=60, codec="libsvtav1", options={"preset": "12", "crf": "30", "g": "20"})
    (target,) = copy(path, tmp_path, [(1.0, 2.0)])
    times, pictures = sequential(target)
    assert [number_of(pictures[i]) for i in range(len(times))] == list(range(25, 50))


def test_what_cannot_be_copied_is_encoded(film, tmp_path):
    path = film("film.avi", count=60, options={**X264, "bf": "0"})
    (target,) = copy(path, tmp_path, [(0.4, 1.2)])
    times, pictures = sequential(target)
    assert [number_of(pictures[i]) for i in range(len(times))] == list(range(10, 30))


def test_a_stretch_behind_the_end_costs_the_others_nothing(film, tmp_path):
    path = film("film.mp4", count=60, options=B_FRAMES)
    made = copy_clips(path, [(9.0, 10.0, tmp_path / "a.mp4"), (1.0, 2.0, tmp_path / "b.mp4")])
    assert isinstance(made[0], VideoError) and "shows nothing" in str(made[0])
    assert isinstance(made[1], CutClip)
    assert [path.name for path in tmp_path.iterdir() if path.stem in "ab"] == ["b.mp4"]


@pytest.mark.shared
def test_real_videos_decode_completely_and_equal_their_source(shared: Path, tmp_path: Path):
    for name in ("longtake_bottles_40s.mp4", "nasa_13013.mp4", "pancake.mkv", "psd_testvideo.mp4"):
        path = shared / "data/videos" / name
        duration = probe(path).duration or 0.0
        span = (duration * 0.41, duration * 0.5)
        (target,) = copy(path, tmp_path, [span])
        shown, _ = sequential(path, set())
        first = max(i for i, time in enumerate(shown) if time <= span[0] + 0.001)
        wanted = [i for i, time in enumerate(shown) if i >= first and time < span[1] - 0.001]
        _, pictures = sequential(target)
        _, whole = sequential(path, {wanted[0], wanted[-1]})
        assert len(pictures) == len(wanted), name
        assert (pictures[0] == whole[wanted[0]]).all() and (pictures[len(pictures) - 1] == whole[wanted[-1]]).all()
