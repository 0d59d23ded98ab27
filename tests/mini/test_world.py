"""The world is the same for the same seed, and its splits share nothing."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from panda_hf.mini import world
from panda_hf.mini.film import make_film, scene_at
from panda_hf.mini.world import random_scene


def triples(split: world.Split) -> set[tuple[str, str, str]]:
    return {(shape, colour, action) for action, pairs in world.combinations(split).items() for shape, colour in pairs}


def test_every_combination_belongs_to_exactly_one_split() -> None:
    parts = [triples(split) for split in world.SPLITS]
    everything = set(product(world.SHAPES, world.COLOURS, world.ACTIONS))
    assert sum(map(len, parts)) == len(everything) and set().union(*parts) == everything


def test_train_has_about_eight_tenths_of_the_combinations() -> None:
    shares = {split: len(triples(split)) / (8 * 9 * 16) for split in world.SPLITS}
    assert 0.75 < shares["train"] < 0.85
    assert 0.08 < shares["validation"] < 0.12 and 0.08 < shares["test"] < 0.12


@pytest.mark.parametrize("split", world.SPLITS)
def test_every_single_attribute_occurs_in_every_split(split: world.Split) -> None:
    rng = np.random.default_rng(1)
    scenes = [random_scene(rng, split) for _ in range(1500)]
    assert {scene.subject.shape for scene in scenes} == set(world.SHAPES)
    assert {scene.subject.colour for scene in scenes} == set(world.COLOURS)
    assert {scene.subject.texture for scene in scenes} == set(world.TEXTURES)
    assert {scene.subject.size for scene in scenes} == set(world.SIZES)
    assert {scene.action for scene in scenes} == set(world.ACTIONS)
    assert {scene.background for scene in scenes} == set(world.BACKGROUNDS)
    assert {scene.relation for scene in scenes} == {None, *world.RELATIONS}
    assert {scene.camera for scene in scenes} == set(world.CAMERAS)
    assert {scene.name for scene in scenes} == {None, *world.NAMES}
    assert {scene.place for scene in scenes} == {None, *world.PLACES}
    assert {scene.needs for scene in scenes} == {"image", "video", "text"}


@pytest.mark.parametrize("split", world.SPLITS)
def test_scenes_keep_to_the_combinations_of_their_split(split: world.Split) -> None:
    allowed = triples(split)
    for seed in range(30):
        for scene in make_film(seed, split).scenes:
            assert (scene.subject.shape, scene.subject.colour, scene.action) in allowed


def test_no_two_splits_share_a_film_or_a_look() -> None:
    films = {split: [make_film(seed, split) for seed in range(20)] for split in world.SPLITS}
    looks = {split: {scene.look for film in films[split] for scene in film.scenes} for split in world.SPLITS}
    assert not looks["train"] & looks["test"] and not looks["train"] & looks["validation"]
    assert not looks["validation"] & looks["test"]


def test_no_object_has_the_colour_of_its_background() -> None:
    rng = np.random.default_rng(2)
    for _ in range(1000):
        scene = random_scene(rng, "train")
        assert not {thing.colour for thing in scene.things} & world.CAMOUFLAGE[scene.background]


def test_a_film_is_the_same_in_another_process() -> None:
    code = "from panda_hf.mini.film import make_film; print(make_film(3, 'test'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == str(make_film(3, "test"))


def test_scenes_follow_each_other_without_a_gap_and_lie_on_frames() -> None:
    for seed in range(30):
        film = make_film(seed, "train")
        assert 6 <= len(film.scenes) <= 10 and len(film.transitions) == len(film.scenes) - 1
        for before, after, joint in zip(film.scenes, film.scenes[1:], film.transitions, strict=False):
            assert before.end == after.start == pytest.approx(joint.time)
            assert before.background != after.background
            assert after.start * film.fps == pytest.approx(round(after.start * film.fps), abs=1e-6)


def test_films_hold_everything_a_splitter_must_cope_with() -> None:
    films = [make_film(seed, "train") for seed in range(60)]
    scenes = [scene for film in films for scene in film.scenes]
    assert {joint.kind for film in films for joint in film.transitions} == {
        "cut",
        "dissolve",
        "fade to black",
        "fade to white",
    }
    assert any(film.flashes for film in films) and any(film.leader for film in films)
    assert any(scene.still for scene in scenes) and any(scene.repeats is not None for scene in scenes)
    assert any(scene.duration >= 10 for scene in scenes)
    assert {film.encoding.container for film in films} == {"mp4", "mkv", "webm"}
    assert {scene.subtitle_kind for scene in scenes} == {"helps", "misleads", "chatter", "none"}


def test_a_repeated_scene_looks_like_its_original() -> None:
    for seed in range(40):
        film = make_film(seed, "train")
        for scene in film.scenes:
            if scene.repeats is not None:
                original = film.scenes[scene.repeats]
                assert (scene.look, scene.subject, scene.action) == (original.look, original.subject, original.action)
                assert scene.duration == pytest.approx(original.duration)


def test_the_number_of_scenes_can_be_asked_for() -> None:
    assert len(make_film(0, "test", scenes=2).scenes) == 2
    with pytest.raises(ValueError, match="scenes"):
        make_film(0, "test", scenes=0)


def test_a_clip_belongs_to_the_scene_that_fills_most_of_it() -> None:
    film = make_film(0, "test")
    first, second = film.scenes[:2]
    assert scene_at(film, first.start, first.end) is first
    assert scene_at(film, first.end - 0.5, first.end + 1.5) is second
    assert scene_at(film, film.duration + 1, film.duration + 3) is None
    assert scene_at(film, first.end, first.end) is None


def test_a_clip_over_three_scenes_belongs_to_none() -> None:
    film = make_film(1, "test")
    assert scene_at(film, film.scenes[0].start, film.scenes[-1].end) is None
