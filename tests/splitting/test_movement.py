"""Movement before a background that rests, on pictures drawn by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from panda_hf.splitting.movement import AS_IT_WAS, LIT, is_movement, resting, without_movement

Image = npt.NDArray[np.uint8]


def room(left: int | None = None, seed: int = 0) -> Image:
    """45 x 80 lit pixels in coloured blocks of 9 x 10; from column ``left`` on, a thing 10 wide stands before them."""
    blocks = np.random.default_rng(seed).integers(60, 200, (5, 8, 3)).astype(np.uint8)
    picture = blocks.repeat(9, axis=0).repeat(10, axis=1)
    if left is not None:
        picture[:, left : left + 10] = (220, 90, 160)
    return picture


def test_what_rests_is_the_share_of_lit_places_that_look_the_same():
    assert resting(room(), room()) == 1.0
    assert resting(room(), room(0)) == (80 - 10) / 80
    dark = room()
    dark[:, :40] = (16, 128, 128)  # a bar, in both
    changed = dark.copy()
    changed[:, 40:60] = (220, 90, 160)
    assert resting(dark, changed) == 0.5


def test_a_place_counts_that_is_lit_in_either_picture():
    """What goes dark was there before."""
    unlit = room()
    unlit[:, :20] = (LIT, 128, 128)
    assert resting(room(), unlit) == resting(unlit, room()) == 60 / 80
    unlit[:, :20] = (LIT + 1, 128, 128)
    assert resting(unlit, unlit) == 1.0


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_noise_leaves_a_place_as_it_was_and_a_little_more_does_not(channel: int):
    for more, expected in ((0, 1.0), (1, 0.75)):
        noisy = room()
        noisy[:, :20, channel] += AS_IT_WAS[channel] + more
        assert resting(room(), noisy) == expected


def test_a_thing_that_moves_before_a_background_is_no_cut():
    assert is_movement(room(0), room(0), room(30), room(40))


def test_another_place_is_a_cut_whatever_stands_there():
    assert not is_movement(room(0), room(0), room(0, seed=1), room(4, seed=1))


def test_what_passes_is_no_cut_once_the_place_is_seen_again():
    passing = room() + np.uint8(12)  # its shadow lies on everything
    assert resting(room(), passing) == 0
    assert is_movement(room(), room(), passing, room())
    assert is_movement(room(), passing, room(), room())
    assert not is_movement(room(), room(), passing, passing)


def test_cuts_in_a_run_stay_and_movement_goes():
    run = [room(0), room(0), room(30), room(31), room(31), room(0, seed=1), room(0, seed=1)]
    assert without_movement(run, [2, 5]) == [5]
    assert without_movement(run, []) == []
