"""Dissolves, wipes and fades between shots that the test draws; and what looks like one but is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from panda_hf.splitting.gradual import GradualWatch, ends_of, is_new_structure
from panda_hf.splitting.looks import Look
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.settings import DEFAULT, PANDA70M
from panda_hf.splitting.split import Split

from .films import Join, Picture, black, blended, joined, moving, textured, write


def shot(seed: int, frames: int) -> list[Picture]:
    return list(moving(seed, frames))


def wiped(one: list[Picture], two: list[Picture]) -> list[Picture]:
    """The second shot comes in from the left."""
    edges = [160 * (i + 1) // (len(one) + 1) for i in range(len(one))]
    return [np.hstack([b[:, :x], a[:, x:]]) for a, b, x in zip(one, two, edges, strict=True)]


def transitions(pictures: list[Picture], every: int = 1) -> list[tuple[int, int]]:
    """What is found if only every so many frames are seen."""
    watch = GradualWatch(25.0)
    small = [cv2.cvtColor(picture[::2, ::2], cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]] for picture in pictures]
    seen = [(i, np.ascontiguousarray(picture)) for i, picture in enumerate(small) if i % every == 0]
    return [stretch for i, picture in seen for stretch in watch.feed(i, Look(i, picture))] + watch.finish()


def test_what_changes_slowly_before_a_quick_transition_is_no_part_of_it():
    slowly = np.linspace(0, 0.3, 21)
    assert ends_of(np.array([*slowly, 0.55, 0.8, 1.0]), np.full(23, 2)) == (20, 23)
    assert ends_of(np.array([0, 0.2, 0.45, *(0.7 + slowly)]), np.full(23, 2)) == (0, 3)


def test_a_step_over_many_frames_is_no_quick_one():
    slowly = np.linspace(0, 0.3, 21)
    assert ends_of(np.array([*slowly, 0.55, 0.8, 1.0]), np.array([*[2] * 20, 12, 12, 12])) == (5, 23)


def test_an_even_transition_fills_its_window():
    assert ends_of(np.linspace(0, 1, 13), np.full(12, 2)) == (0, 12)
    assert ends_of(np.array([0, 0.02, 0.04, *np.linspace(0.05, 0.95, 13), 0.96, 1.0]), np.full(17, 2)) == (3, 15)


@pytest.mark.parametrize("join", [blended, wiped])
@pytest.mark.parametrize("frames", [10, 20, 28])
def test_a_transition_is_found_where_it_is_give_or_take_a_third(join: Join, frames: int):
    pictures = joined(join, shot(1, 60 + frames), shot(2, 60 + frames), frames=frames)
    ((start, end),) = transitions(pictures)
    assert 52 <= start <= 60 + 0.15 * frames
    assert 60 + 0.7 * frames <= end <= 68 + frames


@pytest.mark.parametrize("every", [3, 4])
@pytest.mark.parametrize("join", [blended, wiped])
@pytest.mark.parametrize("frames", [16, 20, 28])
def test_a_transition_is_found_where_it_is_though_frames_are_left_out(join: Join, frames: int, every: int):
    pictures = joined(join, shot(1, 60 + frames), shot(2, 60 + frames), frames=frames)
    ((start, end),) = transitions(pictures, every)
    assert 60 - 2 * every <= start <= 60 + 0.3 * frames
    assert 60 + 0.7 * frames <= end <= 60 + frames + 2 * every


@pytest.mark.parametrize("every", [4, 8, 9])
@pytest.mark.parametrize("cut", range(58, 67))
def test_a_cut_among_frames_left_out_is_no_transition(cut: int, every: int):
    assert transitions([*shot(1, cut), *shot(2, 70)], every) == []


def test_after_too_many_frames_left_out_all_begins_anew():
    pictures = joined(blended, shot(1, 88), shot(2, 88), frames=28)
    assert transitions(pictures, 10) == []


def test_two_transitions_are_two():
    pictures = joined(blended, shot(1, 70), shot(2, 80), shot(3, 70), frames=16)
    assert len(transitions(pictures)) == 2


def test_a_transition_is_told_no_later_than_the_watch_says():
    pictures = joined(blended, shot(1, 80), shot(2, 120), frames=20)
    watch, told = GradualWatch(25.0), []
    for i, picture in enumerate(pictures):
        told += [(i, start) for start, _ in watch.feed(i, Look(i, cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)))]
    ((when, start),) = told
    assert when - start <= watch.lag


def pan() -> list[Picture]:
    ground = np.hstack([textured(seed) for seed in range(4)])
    return [np.ascontiguousarray(ground[:, x : x + 160]) for x in range(0, 480, 4)]


def exposure() -> list[Picture]:
    light = np.concatenate([np.full(50, 0.4), np.linspace(0.4, 1, 20), np.ones(50)])
    return [(picture * gain).astype(np.uint8) for picture, gain in zip(shot(1, 120), light, strict=True)]


def flash() -> list[Picture]:
    pictures = shot(1, 120)
    pictures[60:63] = [np.full_like(pictures[0], 250)] * 3
    return pictures


@pytest.mark.parametrize(
    "pictures",
    [shot(1, 60) + shot(2, 60), flash(), exposure(), pan(), shot(1, 120)],
    ids=["cut", "flash", "exposure", "pan", "one shot"],
)
def test_what_is_no_gradual_transition_is_not_told(pictures: list[Picture]):
    assert transitions(pictures) == []


def dissolving_film(path: Path) -> str:
    pictures = joined(blended, shot(1, 114), shot(2, 124), frames=24)
    return str(write(path / "film.mp4", [iter(pictures)], fps=25))


def test_a_dissolve_belongs_to_no_shot_and_no_clip(tmp_path: Path):
    path = dissolving_film(tmp_path)
    for scan in (scan_all(path, DEFAULT), scan_video(path, DEFAULT)):
        assert [pytest.approx(edge, abs=5) for edge in (90, 114)] == list(scan.gradual[0])
        assert scan.shots == [(0, scan.gradual[0][0]), (scan.gradual[0][1], 214)]
        assert scan.cuts == [] and len(scan.boundaries()) == 1
    out = Split()({"video": [{"path": path, "bytes": None}]})
    assert {"start": scan.gradual[0][0] / 25, "end": scan.gradual[0][1] / 25, "reason": "transition"} in [
        {**drop, "start": pytest.approx(drop["start"]), "end": pytest.approx(drop["end"])}
        for drop in out["dropped"][0]
    ]
    assert not any(clip["start"] < 3.7 < clip["end"] or clip["start"] < 4.4 < clip["end"] for clip in out["clips"][0])


def test_dissolves_are_ignored_by_the_official_rules_and_on_request(tmp_path: Path):
    path = dissolving_film(tmp_path)
    assert scan_video(path, PANDA70M).gradual == []
    assert scan_video(path, dataclasses.replace(DEFAULT, gradual="ignore")).gradual == []


def test_a_fade_into_black_belongs_to_the_black(tmp_path: Path):
    light = [1.0] * 90 + [1 - i / 20 for i in range(20)]
    fade = [(picture * gain).astype(np.uint8) for picture, gain in zip(shot(1, 110), light, strict=True)]
    path = write(tmp_path / "film.mp4", [iter(fade), black(15), iter(shot(2, 90))], fps=25)
    ((start, end),) = scan_all(str(path), DEFAULT).black
    assert abs(start - 90) <= 4 and end == 125


def test_a_structure_is_new_if_either_picture_is_no_other_light_on_the_other():
    rng = np.random.default_rng(1)
    one, two = (rng.uniform(40, 200, 720).astype(np.float32) for _ in range(2))
    plain = np.full(720, 90, np.float32)
    for before, after in ((one, two), (plain, one), (one, plain)):
        assert is_new_structure(before, after, 10.0)
    for before, after in ((one, one), (one, 0.3 * one + 50), (plain, plain + 60)):
        assert not is_new_structure(before, after, 10.0)
