"""How much of a group is decoded, by doubts and distances made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from panda_hf.splitting.cut_judge import DIFFERS
from panda_hf.splitting.doubt import ByteRules, GroupDoubt
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.need import MAY_JUMP, Need
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.video.encoder_options import EncoderOptions
from panda_hf.video.groups import Group

FPS, LENGTH, LONG = 25.0, 60, 150
CALM = GroupDoubt(inside=0, irregular=False, agitation=0.0, stirred=False, nothing=False, thrifty=False)
EARLY = replace(CALM, irregular=True)


def need(*, seeks_cuts: bool = True, is_black: bool = False) -> Need:
    rules = ByteRules(np.full(250, 500), [(0, 250)], FPS, told=EncoderOptions(seeks_cuts, 250))
    return Need(rules, FPS, lambda _: is_black)


def ends(distance: float, length: int = LENGTH) -> tuple[Look, Look]:
    """Two key frames so far apart."""
    angle = 2 * np.arcsin(distance / 2)
    found = []
    for frame, turn in ((0, 0.0), (length, angle)):
        look = Look(frame, np.zeros((1, 1, 3), np.uint8))
        look._features = np.array([np.cos(turn), np.sin(turn)], np.float32)
        found.append(look)
    return found[0], found[1]


def opened(key: Look, turns: Sequence[float] = (), *, lively: bool = False) -> OpenGroup:
    """A group with its key frame, of which each frame after that is so far from the one before it."""
    looks, angle = [], float(np.arctan2(*key.features[::-1]))
    for number, turn in enumerate(turns, 1):
        angle += 2 * np.arcsin(turn / 2)
        looks.append(Look(key.frame + number, key.yuv))
        looks[-1]._features = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return OpenGroup(Group(key.frame, key.frame + 100, (), ()), key, iter(looks), lively=lively)


def frames(doubt: GroupDoubt, distance: float, length: int = LENGTH, *, black: bool = False, cuts: bool = True) -> int:
    return need(seeks_cuts=cuts, is_black=black).frames(doubt, length, *ends(distance, length))


def test_what_the_tests_hold_against_each_other():
    assert apart(*ends(0.3)) == pytest.approx(0.3)


def test_a_group_whose_ends_are_alike_and_whose_bytes_are_calm_is_skipped():
    assert frames(CALM, 0.2) == 0
    assert frames(replace(CALM, inside=20), 0.2) == 20


def test_a_group_that_had_to_end_is_decoded_where_movement_seldom_explains_its_ends():
    assert [frames(CALM, distance) for distance in (0.44, 0.46)] == [0, LENGTH - 1]
    assert frames(replace(CALM, inside=20), 0.44) == 20
    assert [frames(CALM, distance, LONG) for distance in (0.46, 0.59, 0.61)] == [0, 0, LONG - 1]


def ends_early(
    doubt: GroupDoubt, distance: float, length: int = LENGTH, *, black: bool = False, cuts: bool = True
) -> bool:
    return need(seeks_cuts=cuts, is_black=black).may_end_early(doubt, length, *ends(distance, length))


def test_what_turned_the_picture_of_a_group_that_had_to_end_is_looked_for_no_longer_than_until_it_is_seen():
    assert [ends_early(CALM, distance) for distance in (0.44, 0.46)] == [False, True]
    assert ends_early(replace(CALM, inside=20), 0.46)
    assert not ends_early(replace(CALM, inside=LENGTH - 1), 0.46)  # its bytes ask for all
    turned = replace(CALM, turned=40)
    assert [ends_early(turned, 0.61, length) for length in (LENGTH, LONG)] == [True, False]


def test_what_is_odd_about_a_group_is_looked_for_to_its_end():
    assert not any(ends_early(replace(doubt, thrifty=True), 0.46) for doubt in (CALM, EARLY))
    assert not ends_early(replace(CALM, even=True), 0.46) and not ends_early(CALM, 0.46, cuts=False)
    assert not ends_early(CALM, 0.46, black=True) and not ends_early(replace(EARLY, inside=LENGTH - 20), 0.46)
    key, _ = ends(0.46)
    assert not need().may_end_early(CALM, LENGTH, key, None)


def test_a_group_that_ended_early_needs_no_more_than_its_bytes_say_however_far_its_ends_are():
    assert frames(EARLY, 0.9) == 0
    assert frames(replace(EARLY, inside=20), 0.9) == 20


def test_where_less_than_a_second_would_be_left_out_before_an_early_key_frame_nothing_is():
    assert frames(replace(EARLY, inside=LENGTH - 26), 0.9) == LENGTH - 1
    assert frames(replace(EARLY, inside=LENGTH - 27), 0.9) == LENGTH - 27
    assert frames(replace(CALM, inside=LENGTH - 26), 0.2) == LENGTH - 26


def test_an_early_key_frame_of_the_same_picture_follows_another_one():
    assert frames(EARLY, 0.04) == LENGTH - 1
    assert frames(EARLY, 0.06) == 0
    assert frames(replace(EARLY, thrifty=True), 0.04) == 0  # no bytes for another


def test_where_bytes_would_not_do_for_a_new_picture_ends_that_differ_say_that_something_is_odd():
    thrifty = replace(CALM, thrifty=True)
    assert [frames(thrifty, distance) for distance in (0.24, 0.26)] == [0, LENGTH - 1]


def test_a_group_that_ends_in_black_is_decoded_for_the_fade():
    assert frames(CALM, 0.3, black=True) == LENGTH - 1
    assert frames(CALM, 0.2, black=True) == 0


def test_a_long_group_is_decoded_to_the_last_frame_of_which_something_tells():
    turned = replace(CALM, turned=40)
    assert frames(turned, 0.7, LONG) == 40
    assert frames(replace(turned, inside=70), 0.7, LONG) == 70
    assert frames(turned, 0.7) == LENGTH - 1
    assert frames(turned, 0.5, LONG) == 0


def test_where_key_frames_lie_at_fixed_distances_only_those_that_are_alike_let_a_group_be_skipped():
    assert [frames(CALM, distance, cuts=False) for distance in (0.14, 0.16)] == [0, LENGTH - 1]


def test_the_last_group_has_no_key_frame_after_it():
    inside = replace(CALM, inside=20)
    assert need().frames(inside, LENGTH, ends(0)[0], None) == 20
    assert need(seeks_cuts=False).frames(inside, LENGTH, ends(0)[0], None) == LENGTH - 1


def test_what_turned_a_long_groups_picture_lies_behind_a_last_frame_that_still_differs():
    turned, (key, next_key) = replace(CALM, turned=40), ends(0.7, LONG)
    seen, near = Look(45, key.yuv), Look(100, key.yuv)
    seen._features, near._features = key.features, ends(0.3)[1].features
    assert need().is_unexplained(turned, key, seen, next_key)
    assert not need().is_unexplained(turned, key, near, next_key)
    assert not need().is_unexplained(CALM, key, seen, next_key)
    assert not need().is_unexplained(replace(turned, irregular=True), key, seen, next_key)
    assert not need().is_unexplained(turned, key, seen, None)
    assert not need(seeks_cuts=False).is_unexplained(turned, key, seen, next_key)


def test_what_is_left_of_a_group_is_short_so_that_less_of_a_difference_tells_of_something():
    """Movement takes pictures 0.45 apart, and 0.6 in as much as four seconds."""
    turned, (key, next_key) = replace(CALM, turned=40), ends(0.7, LONG)
    for frame, expected in ((50, False), (51, True)):  # 100 frames are left, or 99
        seen = Look(frame, key.yuv)
        seen._features = ends(0.2)[1].features  # 0.51 from the next key frame
        assert 0.45 < apart(seen, next_key) < 0.6
        assert need().is_unexplained(turned, key, seen, next_key) is expected


def test_a_picture_near_the_next_key_frame_at_the_beginning_explains_the_group():
    turned, (key, next_key) = replace(CALM, turned=40), ends(0.4, LONG)
    far = Look(60, key.yuv)
    far._features = ends(1.2)[1].features
    assert apart(far, next_key) > 0.6 and not need().is_unexplained(turned, key, far, next_key)


@pytest.mark.parametrize(
    ("doubt", "distance", "expected"),
    [
        (EARLY, 0.5, False),
        (replace(EARLY, agitation=0.35), 0.5, True),
        (replace(EARLY, agitation=0.35), 0.24, False),  # no cut anyway
        (replace(EARLY, agitation=0.35), 0.7, False),  # movement would have to go far
        (replace(EARLY, agitation=0.45), 0.7, True),
        (replace(EARLY, agitation=0.35, inside=5), 0.7, False),  # whatever was seen before
        (replace(EARLY, stirred=True), 0.7, True),
        (replace(EARLY, stirred=True), 0.24, False),
        (replace(CALM, agitation=0.45), 0.5, False),
    ],
)
def test_movement_may_have_called_for_a_key_frame_that_came_early(doubt: GroupDoubt, distance: float, expected: bool):
    key, next_key = ends(distance)
    assert need().may_be_movement(doubt, key, opened(next_key)) is expected
    assert not need().may_be_movement(doubt, key, None)


@pytest.mark.parametrize(
    ("doubt", "distance", "turns", "lively", "expected"),
    [
        (EARLY, 0.5, [0.31], True, True),
        (EARLY, 0.5, [0.29, 0.29], True, False),
        (EARLY, 0.5, [0.29, 0.31], True, True),
        (EARLY, 0.5, [0.1, 0.1, 0.5], True, False),  # only the first are looked at
        (EARLY, 0.5, [0.31], False, False),  # nor any if the bytes are calm
        (EARLY, 0.24, [0.31], True, False),
        (CALM, 0.5, [0.31], True, False),
    ],
)
def test_fast_movement_right_after_a_key_frame_that_came_early_may_have_called_for_it(
    doubt: GroupDoubt, distance: float, turns: list[float], lively: bool, expected: bool
):
    key, next_key = ends(distance)
    assert need().may_be_movement(doubt, key, opened(next_key, turns, lively=lively)) is expected


def test_only_a_key_frame_that_did_not_have_to_come_may_be_called_for_by_a_jump_cut():
    between = MAY_JUMP + 0.01
    assert need().may_be_jump(EARLY, *ends(between))
    assert not need().may_be_jump(CALM, *ends(between))
    assert not need().may_be_jump(EARLY, *ends(MAY_JUMP - 0.01))
    assert not need().may_be_jump(EARLY, *ends(DIFFERS))  # a cut anyway
    assert not need().may_be_jump(EARLY, ends(between)[0], None)
