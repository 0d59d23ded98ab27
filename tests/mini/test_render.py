"""What is drawn is what the truth says, at any time and in any order."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from panda_hf.mini import world
from panda_hf.mini.film import Transition, make_film
from panda_hf.mini.motion import subject_pose
from panda_hf.mini.render import render_film, render_frames, render_scene_frames
from panda_hf.mini.sprites import HUES
from panda_hf.mini.world import Scene, Thing, random_scene

Frames = NDArray[np.uint8]


def scene_with(action: world.Action = "rests", **changes) -> Scene:
    plain = Scene(Thing("ball", "red"), action, "room", 0.0, 5.0, look=1)
    return dataclasses.replace(plain, **changes)


def red_centre(frame: Frames) -> tuple[float, float]:
    """Column and row of the middle of everything strongly red."""
    r, g, b = (frame[..., i].astype(int) for i in range(3))
    rows, columns = np.nonzero((r > g + 60) & (r > b + 60))
    return float(columns.mean()), float(rows.mean())


def red_area(frame: Frames) -> int:
    r, g, b = (frame[..., i].astype(int) for i in range(3))
    return int(((r > g + 60) & (r > b + 60)).sum())


def first_and_last(scene: Scene) -> Frames:
    return render_scene_frames(scene, [0.05 * scene.duration, 0.95 * scene.duration])


@pytest.mark.parametrize("look", range(5))
@pytest.mark.parametrize("action", [action for action in world.ACTIONS if " " in action])
def test_an_object_goes_where_the_caption_says(action: world.Action, look: int) -> None:
    start, end = map(red_centre, first_and_last(scene_with(action, look=look)))
    moved = np.subtract(end, start)
    expected = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[action.split()[1]]
    assert moved @ expected > 50 and abs(moved @ expected[::-1]) < 25


@pytest.mark.parametrize("look", range(5))
def test_objects_grow_shrink_appear_and_disappear(look: int) -> None:
    area = {
        action: [red_area(frame) for frame in first_and_last(scene_with(action, look=look))]
        for action in ("grows", "shrinks", "appears", "disappears", "rests")
    }
    assert area["grows"][1] > 3 * area["grows"][0]
    assert area["shrinks"][0] > 3 * area["shrinks"][1]
    # A few pixels of a brown frame on the wall may pass for red.
    assert area["appears"][0] < 10 < 1000 < area["appears"][1]
    assert area["disappears"][1] < 10 < 1000 < area["disappears"][0]
    assert area["rests"][1] == pytest.approx(area["rests"][0], rel=0.25)


@pytest.mark.parametrize("look", range(5))
def test_the_camera_moves_everything_the_other_way(look: int) -> None:
    def shift(camera: world.Camera) -> float:
        start, end = map(red_centre, first_and_last(scene_with(camera=camera, look=look)))
        return end[0] - start[0]

    assert shift("pans left") > 40 and shift("pans right") < -40
    areas = {
        camera: [red_area(frame) for frame in first_and_last(scene_with(camera=camera, look=look))]
        for camera in ("zooms in", "zooms out")
    }
    assert areas["zooms in"][1] > 1.4 * areas["zooms in"][0]
    assert areas["zooms out"][0] > 1.4 * areas["zooms out"][1]


@pytest.mark.parametrize("relation", world.RELATIONS)
def test_the_second_object_is_on_the_side_the_caption_says(relation: world.Relation) -> None:
    for look in range(5):
        scene = scene_with(relation=relation, second=Thing("cube", "green", "small"), look=look)
        frame = render_scene_frames(scene, [2.5])[0]
        r, g, b = (frame[..., i].astype(int) for i in range(3))
        rows, columns = np.nonzero((g > r + 40) & (g > b + 40))
        x, y = red_centre(frame)
        offset = (x - columns.mean(), y - rows.mean())
        away = {"left of": -offset[0], "right of": offset[0], "above": -offset[1], "below": offset[1]}
        assert away[relation] > 50


def test_a_size_is_seen_at_a_glance() -> None:
    for look in range(20):
        areas = [
            red_area(render_scene_frames(scene_with(subject=Thing("ball", "red", size), look=look), [2.5])[0])
            for size in world.SIZES
        ]
        assert areas[1] > 1.4 * areas[0] and areas[2] > 1.4 * areas[1]


@pytest.mark.parametrize(("shape", "colour"), itertools.product(world.SHAPES, world.COLOURS))
def test_every_colour_is_recognised_on_a_frame_squeezed_to_a_small_square(
    shape: world.Shape, colour: world.Colour
) -> None:
    scene = scene_with(subject=Thing(shape, colour, "small"), look=own_look(shape, colour))
    seen = cv2.resize(render_scene_frames(scene, [2.5])[0], (64, 64), interpolation=cv2.INTER_AREA)
    pose = subject_pose(scene, 0.5)
    rows, columns = np.mgrid[0:64, 0:64]
    inside = np.hypot((columns / 64 - pose.x) * 16 / 9, rows / 64 - pose.y) < 0.9 * pose.radius
    nearest = [
        min(HUES, key=lambda name: float(np.abs(np.subtract(HUES[name], pixel.astype(float))).sum()))
        for pixel in seen[inside]
    ]
    assert nearest.count(colour) >= 0.2 * len(nearest)


def own_look(shape: str, colour: str) -> int:
    """A look of its own for each pair, the same in every process."""
    return world.SHAPES.index(shape) * 100 + world.COLOURS.index(colour)  # type: ignore[arg-type]


def test_moving_scenes_end_unlike_they_began_and_still_scenes_do_not() -> None:
    rng = np.random.default_rng(0)

    def change(scene: Scene) -> float:
        start, end = (
            cv2.resize(f, (32, 18), interpolation=cv2.INTER_AREA).astype(float) for f in first_and_last(scene)
        )
        return float(np.abs(start - end).mean())

    moving = [change(random_scene(rng, "train")) for _ in range(60)]
    still = [change(dataclasses.replace(scene_with(look=look), still=True)) for look in range(10)]
    assert min(moving) > 2 * max(still)


def test_no_two_looks_of_a_scene_are_alike() -> None:
    for background in world.BACKGROUNDS:
        frames = [render_scene_frames(scene_with(background=background, look=k), [1.0])[0] for k in range(6)]
        for one, other in itertools.combinations(frames, 2):
            assert np.abs(one.astype(int) - other).mean() > 5


def test_frames_can_be_drawn_in_any_order_and_at_any_time() -> None:
    film = make_film(4, "test", scenes=3)
    frames = list(render_film(film))
    assert len(frames) == film.frame_count
    picks = np.random.default_rng(1).permutation(len(frames))[:40]
    # A little after the frame begins: floating point must not fall into the frame before.
    drawn = render_frames(film, [(i + 0.01) / film.fps for i in picks])
    assert all(np.array_equal(drawn[k], frames[i]) for k, i in enumerate(picks))


def test_times_outside_the_film_show_its_ends() -> None:
    film = make_film(2, "test", scenes=2)
    early, first, late, last = render_frames(film, [-5.0, 0.0, film.duration + 5, film.duration - 1e-6])
    assert np.array_equal(early, first) and np.array_equal(late, last)


def joined_by(kind: str) -> tuple:
    films = (make_film(seed, "train") for seed in range(50))
    return next((film, i) for film in films for i, joint in enumerate(film.transitions) if joint.kind == kind)


@pytest.mark.parametrize(("kind", "level"), [("fade to black", 0), ("fade to white", 255)])
def test_a_fade_passes_through_one_colour(kind: str, level: int) -> None:
    film, i = joined_by(kind)
    middle = render_frames(film, [film.transitions[i].time])[0]
    assert np.abs(middle.astype(int) - level).mean() < 3


def test_a_dissolve_shows_half_of_each_scene_in_its_middle() -> None:
    film, i = joined_by("dissolve")
    joint = film.transitions[i]
    mixed = render_frames(film, [joint.time])[0]
    cut = tuple(Transition("cut", other.time, other.time) for other in film.transitions)
    hard = dataclasses.replace(film, transitions=cut)
    before, after = render_frames(hard, [joint.time - 1e-4, joint.time]).astype(float)
    assert np.abs(mixed - (before + after) / 2).mean() < 4  # noise differs


def test_a_flash_whitens_the_picture_and_passes() -> None:
    film = next(film for film in (make_film(seed, "train") for seed in range(50)) if film.flashes)
    start, end = film.flashes[0]
    before, during, after = render_frames(film, [start - 0.05, (start + end) / 2, end + 0.05]).mean(axis=(1, 2, 3))
    assert during > max(before, after) + 30 and abs(before - after) < 15


def test_the_leader_is_black() -> None:
    film = next(film for film in (make_film(seed, "train") for seed in range(50)) if film.leader)
    frames = render_frames(film, [0.0, film.leader - 0.01, film.leader + 0.01])
    assert not frames[:2].any() and frames[2].mean() > 5


@pytest.mark.parametrize("size", [(64, 64), (90, 160), (180, 320), (360, 640)])
def test_every_size_shows_the_same(size: tuple[int, int]) -> None:
    scene = scene_with("slides left")
    frames = render_scene_frames(scene, [1.0, 4.0], size)
    assert frames.shape == (2, *size, 3) and frames.dtype == np.uint8
    standard = render_scene_frames(scene, [1.0, 4.0])
    for frame, usual in zip(frames, standard, strict=True):
        small, wanted = (cv2.resize(f, (32, 32), interpolation=cv2.INTER_AREA).astype(float) for f in (frame, usual))
        assert np.abs(small - wanted).mean() < 4
