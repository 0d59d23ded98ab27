"""Boundaries of shots in frames that the test makes."""

from __future__ import annotations

import dataclasses

import av
import cv2
import numpy as np
import pytest
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode
from scenedetect.detector import FlashFilter

from panda_hf.splitting.scores import to_bgr
from panda_hf.splitting.settings import DEFAULT, PANDA70M, SplitSettings
from panda_hf.splitting.shots import BlackWatch, Boundary, ShotDetector, is_black, small_step

from .films import moving, textured

ADAPTIVE = SplitSettings(detector="adaptive", detector_threshold=3)


def yuv_of(rgb: np.ndarray) -> np.ndarray:
    """BT.601, limited range, by the formula of the standard."""
    r, g, b = np.moveaxis(rgb.astype(float) / 255, -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = (16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402)
    return np.round(np.stack(planes, axis=-1)).astype(np.uint8)


def boundaries(pictures: list[np.ndarray], settings: SplitSettings, fps: float = 25.0) -> list[Boundary]:
    detector = ShotDetector(settings, fps)
    found = [found for i, picture in enumerate(pictures) for found in detector.feed(i, yuv_of(picture))]
    return found + detector.finish()


def shot(seed: int, frames: int) -> list[np.ndarray]:
    return list(moving(seed, frames))


def test_small_images_are_about_80_samples_long():
    assert small_step(640, 360) == 8
    assert small_step(360, 640) == 8
    assert small_step(1920, 1080) == 24
    assert small_step(66, 50) == 1


def test_yuv_becomes_the_same_bgr_as_by_libav():
    rgb = textured(3)
    full = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv444p").to_ndarray()
    back = to_bgr(np.ascontiguousarray(np.moveaxis(full, 0, -1)))[..., ::-1]
    assert np.abs(back.astype(int) - rgb).max() <= 3


def test_full_range_video_is_not_stretched():
    rgb = textured(4)
    yuv = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    assert np.abs(to_bgr(np.ascontiguousarray(yuv), full_range=True)[..., ::-1].astype(int) - rgb).max() <= 3


@pytest.mark.parametrize("settings", [PANDA70M, SplitSettings(), ADAPTIVE])
def test_a_hard_cut_is_found_on_its_frame(settings: SplitSettings):
    found = boundaries(shot(1, 30) + shot(2, 40) + shot(3, 30), settings)
    assert found == [Boundary(30, "cut"), Boundary(70, "cut")]


def test_boundaries_come_no_later_than_the_detector_says():
    detector = ShotDetector(ADAPTIVE, 25.0)
    late = [i for i, p in enumerate(shot(1, 30) + shot(2, 30)) for _ in detector.feed(i, yuv_of(p))]
    assert late == [30 + detector.lag]


def test_cuts_too_close_to_the_last_are_suppressed():
    pictures = shot(1, 30) + shot(2, 10) + shot(3, 30)
    assert [b.tick for b in boundaries(pictures, PANDA70M)] == [30]
    assert [b.tick for b in boundaries(pictures, SplitSettings(min_shot_frames=10))] == [30, 40]


def test_the_cuts_are_those_of_pyscenedetect_on_the_same_images():
    rng = np.random.default_rng(0)
    pictures = [p for seed in range(12) for p in shot(seed, int(rng.integers(5, 30)))]
    stock = ContentDetector(25.0, 15, filter_mode=FlashFilter.Mode.SUPPRESS)
    expected = [
        cut.frame_num
        for i, picture in enumerate(pictures)
        for cut in stock.process_frame(FrameTimecode(i, 25.0), to_bgr(yuv_of(picture)))
    ]
    assert len(expected) > 5
    assert [b.tick for b in boundaries(pictures, PANDA70M)] == expected


def test_the_adaptive_cuts_are_those_of_pyscenedetect_on_the_same_images():
    rng = np.random.default_rng(1)
    pictures = [p for seed in range(12) for p in shot(seed, int(rng.integers(3, 30)))]
    stock = AdaptiveDetector(3.0, min_scene_len=8, min_content_val=20.0)
    expected = [
        cut.frame_num
        for i, picture in enumerate(pictures)
        for cut in stock.process_frame(FrameTimecode(i, 25.0), to_bgr(yuv_of(picture)))
    ]
    assert 5 < len(expected) < 11  # some lie too close together
    assert [b.tick for b in boundaries(pictures, ADAPTIVE)] == expected


def test_merging_is_another_choice_than_suppressing():
    pictures = shot(1, 30) + shot(2, 40) + [p for seed in range(3, 8) for p in shot(seed, 6)] + shot(9, 40)
    merge = dataclasses.replace(PANDA70M, flash_mode="merge")
    assert [b.tick for b in boundaries(pictures, PANDA70M)] == [30, 70, 88]  # the first after 15 frames
    assert [b.tick for b in boundaries(pictures, merge)] == [30, 70, 100]  # the last of the close ones


def test_black_between_shots_belongs_to_none():
    dark = [np.zeros((96, 160, 3), np.uint8)] * 10
    found = boundaries(shot(1, 30) + dark + shot(2, 30), SplitSettings())
    assert [b for b in found if b.kind != "cut"] == [Boundary(30, "black"), Boundary(40, "content")]


def test_the_fade_out_of_black_belongs_to_the_black():
    dark = [np.zeros((96, 160, 3), np.uint8)] * 10
    fade = [(textured(2) * (i / 12)).astype(np.uint8) for i in range(1, 13)]
    found = boundaries(shot(1, 30) + dark + fade + [textured(2)] * 20, SplitSettings())
    assert [b for b in found if b.kind != "cut"] == [Boundary(30, "black"), Boundary(51, "content")]


def test_black_is_not_looked_for_by_the_official_rules():
    dark = [np.zeros((96, 160, 3), np.uint8)] * 20
    assert {b.kind for b in boundaries(shot(1, 30) + dark, PANDA70M)} == {"cut"}


def test_a_dark_picture_with_a_lit_object_is_not_black():
    picture = np.zeros((100, 100, 3), np.uint8)
    assert is_black(yuv_of(picture), 0.06)
    picture[:20, :20] = 40
    assert not is_black(yuv_of(picture), 0.06)
    picture[:] = 0
    picture[0, :50] = 255
    assert is_black(yuv_of(picture), 0.06)


@pytest.mark.parametrize(("frames", "is_flash"), [(3, True), (9, True), (14, False)])
def test_a_flash_is_no_cut(frames: int, is_flash: bool):
    white = [np.full((96, 160, 3), 250, np.uint8)] * frames
    pictures = shot(1, 80)
    found = boundaries(pictures[:30] + white + pictures[30 + frames :], SplitSettings())
    assert [b.tick for b in found] == ([] if is_flash else [30, 30 + frames])


def test_another_picture_after_a_short_one_is_no_flash():
    found = boundaries(shot(1, 30) + shot(2, 9) + shot(3, 30), SplitSettings())
    assert [b.tick for b in found] == [30, 39]


def test_a_cut_shortly_before_black_is_told_before_it():
    found = boundaries(shot(1, 30) + shot(2, 9) + [np.zeros((96, 160, 3), np.uint8)] * 30, SplitSettings())
    assert [(b.tick, b.kind) for b in found if b.kind == "black" or b.tick == 30] == [(30, "cut"), (39, "black")]


def test_a_cut_just_before_the_end_is_told_at_the_end():
    assert [b.tick for b in boundaries(shot(1, 30) + shot(2, 5), SplitSettings())] == [30]


def test_while_black_goes_on_every_frame_may_end_it():
    """The frame after a bright one that might still be fading in ends the black, though neither is dark."""
    watch = BlackWatch(DEFAULT, 25.0)
    dark, bright = (np.full((45, 80, 3), level, np.uint8) for level in (16, 200))
    assert watch.feed(0, dark) == [Boundary(0, "black")]
    assert watch.feed(1, bright) == [] and watch.is_black  # it rose
    assert watch.is_near(bright)
    assert watch.feed(2, bright) == [Boundary(1, "content")]
    assert not watch.is_near(bright)


@pytest.mark.parametrize("fps", [1.0, 2.0, 60.0])
def test_a_cut_is_found_at_any_frame_rate(fps: float):
    assert [cut.tick for cut in boundaries([*shot(1, 40), *shot(2, 40)], DEFAULT, fps)] == [40]
