"""Jump cuts: one scene seen from nearer, on pictures drawn by hand and in films."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from panda_hf.splitting import groupwise
from panda_hf.splitting.cut_judge import CutJudge
from panda_hf.splitting.jumps import CALMER, FARTHER, MOST_RESTS, OTHER_VIEW, SMALLER, is_calm_beside, is_other_view
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.movement import is_movement, resting
from panda_hf.splitting.need import MAY_JUMP, MOVED
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.scores import content_scores, step
from panda_hf.splitting.settings import DEFAULT, SplitSettings
from panda_hf.splitting.shots import ShotDetector
from panda_hf.video.packets import index_packets

from .films import Picture
from .test_groupwise import encode, grainy, panning


def wall() -> Picture:
    """A wall with dim pictures on it; uint8 [96, 160, 3]."""
    rng = np.random.default_rng(1)
    picture = np.full((96, 160, 3), (120, 110, 100), np.uint8)
    for _ in range(30):
        x, y, w, h = rng.integers(0, 140), rng.integers(0, 80), rng.integers(10, 40), rng.integers(8, 24)
        picture[y : y + h, x : x + w] = rng.integers(60, 150, 3)
    return picture


def nearer(picture: Picture, times: float) -> Picture:
    """The middle of a picture, so many times as big."""
    height, width = (round(length / times) for length in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    size = picture.shape[1::-1]
    return np.asarray(cv2.resize(picture[top : top + height, left : left + width], size), np.uint8)


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.resize(picture, (80, 48)), cv2.COLOR_RGB2YUV), np.uint8)


WIDE, NEAR = small(wall()), small(nearer(wall(), 1.15))


def test_what_the_tests_hold_against_each_other():
    """The score of the step is too small for other cuts, and so much rests that it would be movement."""
    score = content_scores([WIDE, NEAR])[1]
    assert 0.6 * DEFAULT.detector_floor <= score < DEFAULT.detector_floor
    assert OTHER_VIEW <= apart(Look(0, WIDE), Look(1, NEAR)) and resting(WIDE, NEAR) < MOST_RESTS
    assert is_movement(WIDE, WIDE, NEAR, NEAR)


def test_two_views_of_a_scene_are_told_from_one_with_a_title():
    assert is_other_view(WIDE, NEAR) and not is_other_view(WIDE, WIDE)
    titled = WIDE.copy()
    titled[:, :20] = 255 - titled[:, :20]
    assert resting(WIDE, titled) > MOST_RESTS and np.corrcoef(WIDE[..., 0].ravel(), titled[..., 0].ravel())[0, 1] < 0.9
    assert not is_other_view(WIDE, titled)


def test_views_must_lie_farther_apart_than_what_moves_around_the_step():
    assert is_calm_beside(OTHER_VIEW, 0.0) and not is_calm_beside(0.99 * OTHER_VIEW, 0.0)
    assert is_calm_beside(0.3, 0.3 * CALMER) and not is_calm_beside(0.3, 0.31 * CALMER)


@pytest.mark.parametrize("gain", [0.75, 1.2])
def test_the_same_view_in_another_light_is_none(gain: float):
    lit = WIDE.copy()
    lit[..., 0] = np.clip(gain * WIDE[..., 0], 0, 255)
    assert apart(Look(0, WIDE), Look(1, lit)) >= OTHER_VIEW and resting(WIDE, lit) < MOST_RESTS
    assert content_scores([WIDE, lit])[1] >= 0.6 * DEFAULT.detector_floor
    assert not is_other_view(WIDE, lit)


def test_a_picture_of_one_colour_is_held_against_others():
    plain = np.full_like(WIDE, 128)
    assert is_other_view(WIDE, plain) and is_other_view(plain, WIDE)


def cuts_of_all_frames(pictures: list[Picture], settings: SplitSettings = DEFAULT) -> list[int]:
    detector = ShotDetector(settings, 25)
    found = [boundary for i, picture in enumerate(pictures) for boundary in detector.feed(i, picture)]
    return [boundary.tick for boundary in [*found, *detector.finish()] if boundary.kind == "cut"]


def judge(due: Container[int] = (), leapt: Container[int] = ()) -> CutJudge:
    return CutJudge(DEFAULT, 10, False, True, np.zeros(80, bool), due, leapt)


def run_of(pictures: list[Picture], frames: list[int] | None = None) -> list[Look]:
    return [Look(i, pictures[i]) for i in (range(len(pictures)) if frames is None else frames)]


def test_looking_at_all_frames_finds_it_by_both_passes():
    pictures = [WIDE] * 20 + [NEAR] * 20
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == [20]


def test_a_flash_is_none():
    pictures = [WIDE] * 20 + [NEAR] * 6 + [WIDE] * 20
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


def test_steps_that_stand_out_less_are_none():
    """A zoom by steps as big as the one that is a jump cut where it stands alone."""
    pictures = [small(nearer(wall(), 1.15 ** (i // 2))) for i in range(12)]
    scores = content_scores(pictures)[2::2]
    assert max(scores) < DEFAULT.detector_floor and np.median(scores) > 0.5 * DEFAULT.detector_floor
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


def wavering(picture: Picture, other: Picture, frames: int = 20) -> list[Picture]:
    """Now the one, now the other."""
    return [other if i % 2 else picture for i in range(frames)]


def test_a_step_must_stand_out_farther_than_other_cuts():
    trembling = wavering(WIDE, small(nearer(wall(), 1.02)))
    _, least, *_ = content_scores(trembling)
    jump = content_scores([trembling[-1], NEAR])[1]
    assert DEFAULT.detector_threshold < jump / least < FARTHER * DEFAULT.detector_threshold
    pictures = [*trembling, *wavering(NEAR, small(nearer(wall(), 1.15 * 1.015)))]
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


@pytest.mark.parametrize("moves", ["before", "after"])
def test_what_moves_on_one_side_of_a_step_may_move_there_too(moves: str):
    one, two = wavering(WIDE, np.roll(WIDE, 2, axis=1)), [NEAR] * 20
    assert apart(Look(0, one[0]), Look(1, one[1])) > CALMER * apart(Look(0, WIDE), Look(1, NEAR))
    pictures = [*one, *two] if moves == "before" else [*two, *one]
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


def test_movement_between_frames_left_out_is_shared_among_them():
    pictures = [*wavering(WIDE, np.roll(WIDE, 2, axis=1), 21), *[NEAR] * 20]
    every_third, every_second = [*range(0, 21, 3), *range(21, 40, 3)], [*range(1, 21, 2), *range(21, 40, 2)]
    assert judge().cuts(run_of(pictures, every_third)) == [7]
    views = [WIDE] * 21 + [NEAR] * 20
    trembling = [view if i % 4 < 2 else np.roll(view, 1, axis=1) for i, view in enumerate(views)]
    run = run_of(trembling, every_second)
    assert judge().cuts(run) == judge(leapt={19, 23}).cuts(run) == []  # it does not stand out far enough
    assert judge(leapt={21}).cuts(run) == judge(leapt=range(80)).cuts(run) == [10]


def test_what_lies_between_frames_left_out_must_stand_out_more_and_be_known_on_both_sides():
    pictures = [WIDE] * 20 + [NEAR] * 20
    frames = [*range(0, 20, 4), *range(20, 40, 4)]
    assert judge().cuts(run_of(pictures, frames)) == [5] == judge().vague(run_of(pictures, frames))
    assert judge().cuts(run_of(pictures, frames[:6])) == []
    assert judge().cuts(run_of(pictures, frames[4:])) == []


def test_on_a_key_frame_that_had_to_come_it_may_be_a_picture_that_drifted():
    pictures = [WIDE] * 20 + [NEAR] * 4
    partial = [0, 4, 8, 12, 16, 18, 19, 20, 21, 22, 23]
    assert judge().cuts(run_of(pictures, partial)) == [7]
    assert judge({20}).cuts(run_of(pictures, partial)) == []
    assert judge({20}).cuts(run_of(pictures)) == [20]


@pytest.mark.parametrize("keys", [set(), {75}], ids=["within a group", "on a key frame"])
def test_the_default_finds_one_in_a_film(tmp_path: Path, keys: set[int]):
    scene = wall()
    pictures = grainy([scene] * 75 + [nearer(scene, 1.15)] * 75, 3)
    path = encode(tmp_path / "film.mp4", pictures, keys, keyint=250, scenecut=40 if keys else 1)
    index = index_packets(str(path))
    assert index is not None and set(index.keys.tolist()) == {0, *keys}
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts == [75]


@pytest.mark.parametrize(("seed", "bframes", "times"), [(1, 3, 1.15), (3, 8, 1.3)])
def test_of_a_frame_that_seemed_to_be_one_less_is_asked(tmp_path: Path, seed: int, bframes: int, times: float):
    """While the camera moves: what was left out before it might have been movement."""
    take = panning(seed, [1.0] * 150)
    pictures = grainy([*take[:75], *(nearer(picture, times) for picture in take[75:])], 2)
    path = str(encode(tmp_path / "film.mp4", pictures, keyint=250, scenecut=1, bframes=bframes))
    scan = scan_video(path, DEFAULT)
    assert scan.cuts == scan_all(path, DEFAULT).cuts == [75] and scan.decoded < 150


@pytest.mark.parametrize("times", [1.15, 1.5])
def test_shots_of_one_length_are_told_apart(tmp_path: Path, times: float):
    """Their key frames may have been asked for, and the views are no farther apart than movement takes them."""
    near = nearer(wall(), times)
    assert MAY_JUMP < apart(Look(0, WIDE), Look(1, small(near))) < MOVED
    pictures = grainy([view for view in (wall(), near, wall(), near) for _ in range(80)], 3)
    path = encode(tmp_path / "film.mp4", pictures, {80, 160, 240})
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 80, 160, 240]
    assert scan_video(str(path), DEFAULT).cuts == scan_all(str(path), DEFAULT).cuts == [80, 160, 240]


def test_key_frames_that_were_asked_for_in_a_moving_take_are_no_cuts(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", panning(1, [1.0] * 399), {80, 160, 240, 320})
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 80, 160, 240, 320]
    assert scan_video(str(path), DEFAULT).cuts == scan_all(str(path), DEFAULT).cuts == []


@pytest.mark.parametrize("every", [2, 3, 5, 9])
def test_steps_of_a_film_that_holds_each_picture_are_none(every: int):
    """All stand out from frames that repeat each other, and each is as big as the one that is a jump cut elsewhere."""
    views = [WIDE, NEAR, small(nearer(wall(), 1.32)), small(nearer(wall(), 1.52))]
    pictures = [views[0]] * 12 + [view for view in views for _ in range(every)] + [views[-1]] * 12
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


def test_a_cut_may_follow_upon_frames_that_hold_each_picture():
    pictures = [WIDE if i // 3 % 2 else np.roll(WIDE, 2, axis=1) for i in range(30)] + [NEAR] * 20
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == [30]


def test_a_light_from_one_side_is_none():
    lit = WIDE.copy()
    lit[..., 0] = np.clip(WIDE[..., 0] * np.linspace(1.0, 1.4, 80)[None], 0, 255)
    pictures = [WIDE] * 20 + [lit] * 20
    luma = [picture[..., 0].ravel() for picture in (WIDE, lit)]
    assert content_scores([WIDE, lit])[1] >= SMALLER * DEFAULT.detector_floor and np.corrcoef(*luma)[0, 1] < 0.9
    assert not is_other_view(WIDE, lit) and cuts_of_all_frames(pictures) == []


def test_hue_that_wavers_in_the_dark_is_no_cut():
    one, two = (np.full((48, 80, 3), (26, 128, 128), np.uint8) for _ in range(2))
    one[..., 1:], two[..., 1:] = (127, 129), (129, 127)
    two[..., 0] = 27
    assert content_scores([one, two])[1] > DEFAULT.detector_floor and step(one, two) < 1.9
    pictures = [one] * 20 + [two] * 20
    assert cuts_of_all_frames(pictures) == judge().cuts(run_of(pictures)) == []


def test_which_key_frames_had_to_come_is_told_by_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[set[int]] = []

    def noted(*arguments: Any) -> CutJudge:
        told.append(arguments[5])
        return CutJudge(*arguments)

    monkeypatch.setattr(groupwise, "CutJudge", noted)
    path = encode(tmp_path / "film.mp4", grainy([wall()] * 240, 3), {75}, keyint=100, min_keyint=10)
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 75, 175]
    scan_video(str(path), DEFAULT)
    assert told[-1] & {0, 75, 175} == {175}


def test_the_floor_of_the_settings_holds_for_jump_cuts_too():
    pictures = [WIDE] * 20 + [NEAR] * 20
    score = content_scores([WIDE, NEAR])[1]
    for floor, expected in ((0.99 * score / SMALLER, [20]), (1.01 * score / SMALLER, [])):
        settings = replace(DEFAULT, detector_floor=floor)
        assert CutJudge(settings, 10, False, True, np.zeros(80, bool), ()).cuts(run_of(pictures)) == expected
        assert cuts_of_all_frames(pictures, settings) == expected
