"""Doubt from bytes alone, on sizes made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from panda_hf.splitting.doubt import ByteRules
from panda_hf.splitting.swells import Swells
from panda_hf.video.encoder_options import EncoderOptions

FPS = 25.0


def rules(
    lengths: list[int],
    changes: dict[int, int] | None = None,
    told: EncoderOptions | None = None,
    fading: Iterable[int] | None = None,
    others: Iterable[int] | None = None,
) -> ByteRules:
    """Groups of these lengths: key frames of 10,000 bytes, others of 500; ``changes`` by position. All but ``others``
    are B-frames; ``None``: none is."""
    edges = np.cumsum([0, *lengths])
    sizes = np.full(edges[-1], 500)
    sizes[edges[:-1]] = 10_000
    for position, size in (changes or {}).items():
        sizes[position] = size
    groups = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    places = np.arange(edges[-1])
    marked = None if fading is None else np.isin(places, list(fading))
    between = None if others is None else ~np.isin(places, list(others))
    return ByteRules(sizes, groups, FPS, bidirectional=between, told=told, fading=marked)


def test_groups_that_end_early_show_an_encoder_that_looks_for_cuts():
    assert rules([100, 250, 60, 250]).seeks_cuts
    assert not rules([50, 50, 50, 20]).seeks_cuts  # the last one ends with the file


def test_a_group_that_ended_early_is_irregular_and_a_full_one_is_not():
    found = rules([100, 250, 60, 250, 250])
    assert [found.doubt(i).irregular for i in range(4)] == [True, False, True, False]


def test_of_the_only_longest_group_nobody_knows_whether_it_had_to_end():
    doubt = rules([100, 180, 60, 40]).doubt(1)
    assert doubt.irregular and doubt.is_agitated()


def test_an_encoder_that_says_that_it_looks_for_cuts_is_believed_before_the_lengths_of_its_groups():
    seeks, fixed = EncoderOptions(True, 250), EncoderOptions(False, 250)
    assert rules([250, 250, 20], told=seeks).seeks_cuts
    assert rules([100], told=seeks).seeks_cuts
    assert not rules([100, 250, 60, 250], told=fixed).seeks_cuts


def test_a_group_as_long_as_the_encoder_lets_them_become_is_regular_be_it_the_only_one():
    told = EncoderOptions(True, 180)
    found = [rules([100, 180, 60, 40], told=told).doubt(i) for i in range(3)]
    assert [doubt.irregular for doubt in found] == [True, False, True]


def test_the_only_longest_group_ended_early_if_the_encoder_says_that_it_need_not_end():
    doubt = rules([100, 180, 60, 40], told=EncoderOptions(True, None)).doubt(1)
    assert doubt.irregular and not doubt.is_agitated()


def test_key_frames_that_were_asked_for_at_fixed_distances_end_no_group_early():
    found = rules([50, 50, 12, 38, 50, 49, 20], told=EncoderOptions(True, 250))
    assert [found.doubt(i).irregular for i in range(6)] == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("lengths", "longest", "even"),
    [
        ([100, 100, 100, 100], 250, [True, True, True, False]),
        ([100, 101, 100, 100], None, [True, True, True, False]),
        ([100, 100, 100, 100], 100, [False] * 4),  # as the encoder had to
        ([100, 40, 60, 100, 100], 250, [False] * 5),  # most were asked for
        ([100, 40, 60, 30, 70, 10, 90, 50], 250, [True, False, True, False, True, False, True, False]),
        ([100, 100, 90, 100], 250, [False] * 4),
        ([1, 100], None, [False] * 2),
        ([1, 1, 100], None, [False] * 3),
    ],
)
def test_key_frames_at_one_distance_may_be_asked_for_or_shots_of_one_length(
    lengths: list[int], longest: int | None, even: list[bool]
):
    found = rules(lengths, told=EncoderOptions(True, longest))
    assert [found.doubt(number).even for number in range(len(lengths))] == even


def test_groups_that_happen_to_be_as_long_as_another_ended_early_if_the_encoder_says_that_they_need_not_end():
    found = rules([90, 60, 130, 70, 130, 80], told=EncoderOptions(True, 250))
    assert all(found.doubt(i).irregular for i in range(5))


def test_quiet_groups_leave_no_doubt():
    assert rules([100, 250, 60, 250]).doubt(0).inside == 0


def test_a_big_frame_soon_after_the_key_frame_must_be_looked_at():
    assert rules([100, 250, 60, 250], {10: 6000}).doubt(0).inside == 13


def test_later_big_frames_count_only_where_key_frames_lie_at_fixed_distances():
    assert rules([100, 250, 60, 250], {70: 5000}).doubt(0).inside == 0
    assert rules([100, 100, 100, 100], {70: 5000}).doubt(0).inside == 73


def test_a_later_frame_nearly_as_big_as_a_key_frame_must_be_looked_at_everywhere():
    assert rules([100, 250, 60, 250], {70: 7000}).doubt(0).inside == 73


def test_a_later_frame_counts_only_if_it_is_three_times_as_big_as_those_around_it():
    busy = dict.fromkeys(range(40, 100), 2400)
    assert rules([100, 250, 60, 250], {**busy, 70: 7000}).doubt(0).inside == 0
    assert rules([100, 250, 60, 250], {**busy, 70: 7500}).doubt(0).inside == 73
    assert rules([100, 100, 100, 100], {**busy, 70: 7000}).doubt(0).inside == 73  # key frames tell of no cut
    assert rules([100, 250, 60, 250], {70: 5900}).doubt(0).inside == 0
    assert rules([100, 250, 60, 250], {70: 6100}).doubt(0).inside == 73


def test_a_late_frame_is_looked_at_alone_if_it_is_somewhat_bigger_than_those_around_it():
    busy = dict.fromkeys(range(40, 100), 2400)
    found = [rules([100, 250, 60, 250], {**busy, 70: size}).doubt(0) for size in (4250, 4400)]
    assert [doubt.slight for doubt in found] == [(), (70,)] and {doubt.inside for doubt in found} == {0}


def test_it_is_held_against_the_key_frame_before_it_not_the_next_one():
    for key, least in ((0, 4500), (100, 1500)):
        found = [rules([100, 250, 60, 250], {key: 30_000, 70: least + more}).doubt(0).slight for more in (-100, 100)]
        assert found == [(), (70,)]


def test_late_big_frames_are_told_apart_from_what_else_is_in_doubt():
    lengths = [100, 250, 60, 250]
    doubt = rules(lengths, {10: 6000, 50: 8000, 70: 7000}).doubt(0)
    assert (doubt.inside, doubt.spikes, doubt.besides, doubt.slight) == (73, (50, 70), 13, (50, 70))
    assert [doubt.without_spikes(count).inside for count in range(3)] == [73, 53, 13]
    assert [doubt.without_spikes(count).spikes for count in range(3)] == [(50, 70), (50,), ()]
    assert rules([100] * 4, {70: 7000}).doubt(0).slight == ()  # key frames tell of no cut
    others = [place for place in range(660) if place != 70]
    doubt = rules(lengths, {50: 8000, 70: 7000}, others=others).doubt(0)
    assert (doubt.inside, doubt.spikes, doubt.besides) == (73, (50,), 73)  # a B-frame refers to frames after it too
    assert doubt.without_spikes(1).inside == 73
    doubt = rules(lengths, {40: 1400, 60: 1600, 80: 5900}).doubt(0)  # 0.15 of a key frame, and 0.6
    assert (doubt.inside, doubt.spikes, doubt.slight) == (0, (), (60, 80))
    assert (doubt.up_to_spike(60).inside, doubt.up_to_spike(60).up_to_spike(20).inside) == (63, 63)


def test_a_group_is_lively_if_one_of_the_first_frames_after_its_key_frame_is_big_beside_it():
    lengths, others = [100, 250, 60, 250], [*range(0, 100, 4), *range(100, 660, 4)]
    assert not rules(lengths).doubt(1).lively
    for place, size, lively in ((101, 3600, True), (103, 3600, True), (104, 3600, False), (101, 3400, False)):
        assert rules(lengths, {place: size}).doubt(1).lively is lively
        assert not rules(lengths, {place: size}).doubt(0).lively
    assert not rules(lengths, {101: 3600}, others=others).doubt(1).lively  # a B-frame
    assert rules(lengths, {112: 3600}, others=others).doubt(1).lively
    assert not rules(lengths, {100: 300, 101: 300}).doubt(1).lively  # of a far smaller key frame than usual
    assert not rules(lengths, others=[0, 100, 350, 410]).doubt(1).lively


def test_a_group_whose_last_frame_is_small_and_after_which_little_moves_ended_with_its_shot():
    lengths = [100, 250, 60, 250]
    moving = dict.fromkeys(range(80, 100), 4500)  # it rose
    assert rules(lengths, {**CALM, **moving}).doubt(0).is_agitated()
    for last, after, is_agitated in ((1000, 3000, False), (1000, 3700, True), (3400, 200, True), (2000, 2100, False)):
        changes = {**CALM, **moving, 99: last, 102: after}  # beside 3500, and half of a key frame of 10,000
        assert rules(lengths, changes).doubt(0).is_agitated() is is_agitated


def test_within_a_tenth_of_the_longest_distance_a_frame_is_no_later_one():
    busy = dict.fromkeys(range(40, 100), 1500)
    for place, longest, inside in ((20, 100, 23), (29, 300, 32), (31, 300, 0), (31, 320, 34), (31, None, 0)):
        doubt = rules([100, 250, 60, 250], {**busy, place: 4000}, EncoderOptions(True, longest)).doubt(0)
        assert doubt.inside == inside


def test_between_b_frames_others_are_held_against_each_other():
    """Every ninth frame is none, and bigger than they are."""
    sizes, others = np.full(920, 500), np.arange(920) % 9 == 0
    sizes[others] = 3000
    sizes[[0, 100, 350, 410, 660]] = 10_000
    groups = [(0, 100), (100, 350), (350, 410), (410, 660), (660, 920)]
    assert ByteRules(sizes, groups, FPS).doubt(0).inside == 21
    assert ByteRules(sizes, groups, FPS, bidirectional=~others).doubt(0).inside == 0
    sizes[9] = 6500
    assert ByteRules(sizes, groups, FPS, bidirectional=~others).doubt(0).inside == 12


def test_where_few_are_no_b_frames_all_are_held_against_their_neighbours():
    sizes, others = np.full(600, 300), np.zeros(600, bool)
    sizes[[0, 100, 112, 362]] = 10_000
    others[[0, 100, 111, 112, 362]] = True
    sizes[111] = 9000
    groups = [(0, 100), (100, 112), (112, 362), (362, 600)]
    assert ByteRules(sizes, groups, FPS, bidirectional=~others).doubt(1).inside == 11


def test_a_swell_of_bytes_must_be_looked_at():
    swell = dict.fromkeys(range(130, 145), 4000)
    assert 145 - 100 <= rules([100, 250, 60, 250], swell).doubt(1).inside <= 145 - 100 + 50


RISE = dict.fromkeys(range(130, 150), 2000)  # four times the bytes of what is around


def test_more_bytes_for_a_while_must_be_looked_at():
    assert 150 - 100 <= rules([100, 250, 60, 250], RISE).doubt(1).inside <= 150 - 100 + 50


def test_where_fades_are_told_more_bytes_for_a_while_count_near_one_or_if_they_are_far_more():
    lengths = [100, 250, 60, 250]
    for fading in ([125], [155], [140, 300]):
        assert rules(lengths, RISE, fading=fading).doubt(1).inside >= 50
    for fading in ([], [110], [170], [300]):
        assert rules(lengths, RISE, fading=fading).doubt(1).inside == 0
    for size, is_looked_at in ((2300, False), (2600, True)):
        assert bool(rules(lengths, dict.fromkeys(RISE, size), fading=[]).doubt(1).inside) == is_looked_at


def test_where_key_frames_lie_at_fixed_distances_fades_tell_of_nothing():
    assert rules([100, 100, 100], RISE, fading=[]).doubt(1).inside >= 50
    assert rules([100, 100, 100], fading=range(110, 140, 4)).doubt(1) == rules([100, 100, 100]).doubt(1)


def test_many_fading_frames_must_be_looked_at_and_few_or_scattered_ones_not():
    for fading, inside in (
        (range(120, 150, 5), 145 - 100 + 6),
        (range(120, 145, 5), 0),
        (range(120, 156, 7), 155 - 100 + 6),
        (range(120, 161, 8), 0),
    ):
        assert rules([100, 250, 60, 250], fading=fading, others=fading).doubt(1).inside == inside


def test_fading_frames_among_far_more_that_are_not_need_not_be_looked_at():
    """Six of 16 are many, six of 21 are not; six of as many that are no B-frames are."""
    lengths = [100, 250, 60, 250]
    assert rules(lengths, fading=range(140, 158, 3)).doubt(1).inside == 155 - 100 + 6
    assert rules(lengths, fading=range(140, 164, 4)).doubt(1).inside == 0
    assert rules(lengths, fading=range(140, 164, 4), others=range(0, 660, 4)).doubt(1).inside == 160 - 100 + 6


def test_before_a_short_dissolve_and_after_it_others_need_not_fade():
    dissolve, before, after = range(140, 152, 2), range(120, 140), range(152, 190)
    doubt = rules([100, 250, 60, 250], fading=dissolve, others=[*before, *dissolve, *after]).doubt(1)
    assert doubt.inside == 150 - 100 + 6


def test_fading_frames_and_big_ones_tell_how_far_a_picture_may_have_turned():
    lengths = [100, 250, 60, 250]
    assert rules(lengths).doubt(1).turned == 0
    assert rules(lengths, fading=[]).doubt(1).turned == 0
    assert rules(lengths, fading=[120, 130]).doubt(1).turned == 30 + 6
    late = rules(lengths, {200: 3000}, fading=[120]).doubt(1)
    assert (late.inside, late.turned) == (0, 100 + 3)  # too small for a cut that an encoder would have missed
    assert rules(lengths, {200: 3000}, fading=[]).doubt(1).turned == 0


def test_movement_before_a_key_frame_is_noticed():
    assert rules([100, 250, 60, 250], {98: 4000}).doubt(0).is_agitated()
    assert not rules([100, 250, 60, 250]).doubt(0).is_agitated()


def test_of_movement_before_a_key_frame_far_away_more_is_asked():
    calm, moving = (rules([100, 250, 60, 250], {98: size}).doubt(0) for size in (3500, 4500))
    assert calm.is_agitated() and not calm.is_agitated(is_far=True)
    assert moving.is_agitated() and moving.is_agitated(is_far=True)


def test_before_a_key_frame_that_was_nearly_due_less_is_asked_of_movement():
    lengths = [150, 250, 210, 250, 60]
    assert [rules(lengths).doubt(i).is_agitated() for i in (0, 2)] == [False, True]
    told = EncoderOptions(True, 400)
    assert not rules(lengths, told=told).doubt(2).is_agitated()
    assert rules([*lengths, 330, 10], dict.fromkeys(range(1251, 1260), 3000), told).doubt(5).is_agitated()


CALM = dict.fromkeys(range(1, 100), 3500)  # a third of a key frame, all the time; the next group is calm


def test_where_all_is_calm_after_a_key_frame_it_was_not_movement_that_called_for_it():
    lengths = [100, 250, 60, 250]
    assert not rules(lengths, CALM).doubt(0).is_agitated()
    for after, is_agitated in ((1900, False), (2100, True)):  # as much or little of a key frame of 10,000 bytes
        goes_on = dict.fromkeys(range(101, 104), after)
        assert rules(lengths, {**CALM, **goes_on}).doubt(0).is_agitated() == is_agitated
    for place, before, is_agitated in ((94, 3700, False), (94, 4000, True), (93, 4000, False)):  # beside 3500
        assert rules(lengths, {**CALM, place: before}).doubt(0).is_agitated() == is_agitated
    assert rules(lengths, {**CALM, **dict.fromkeys(range(80, 100), 4500)}).doubt(0).is_agitated()


def test_all_is_calm_if_the_frames_after_a_key_frame_are_small_on_average():
    for last, is_agitated in ((3900, False), (4100, True)):  # 1000, 1000 and this, beside 10,000
        after = {101: 1000, 102: 1000, 103: last}
        assert rules([100, 250, 60, 250], {**CALM, **after}).doubt(0).is_agitated() == is_agitated


def test_calm_is_held_against_the_key_frame_before_it():
    changes = {**dict.fromkeys(range(1, 100), 7000), 100: 20_000, **dict.fromkeys(range(101, 104), 3000)}
    assert not rules([100, 250, 60, 250], changes).doubt(0).is_agitated()


def test_of_a_key_frame_far_smaller_than_usual_calm_tells_nothing():
    for key, is_agitated in ((2900, True), (3100, False)):
        assert rules([100, 250, 60, 250], {**CALM, 100: key}).doubt(0).is_agitated() == is_agitated


def test_after_a_change_of_light_calm_tells_nothing():
    lengths = [100, 250, 60, 250]
    for fading, is_agitated in (([], False), ([87], False), ([88], True)):
        assert rules(lengths, CALM, fading=fading).doubt(0).is_agitated() == is_agitated


def test_b_frames_are_not_held_against_a_key_frame_to_see_whether_all_is_calm():
    others = [*range(0, 100, 4), *range(100, 660, 4)]
    goes_on = dict.fromkeys(range(104, 116, 4), 4000)
    assert not rules([100, 250, 60, 250], CALM, others=others).doubt(0).is_agitated()
    assert rules([100, 250, 60, 250], {**CALM, **goes_on}, others=others).doubt(0).is_agitated()
    assert not rules([100, 250, 60, 250], {**CALM, 98: 5000}, others=others).doubt(0).is_agitated()


def test_where_no_frame_can_be_held_against_others_calm_is_not_known():
    for others in ([0, 50, 98, 99, 100, 130], [0, *range(100, 660)]):  # none soon after it, none in the group before
        assert rules([100, 250, 60, 250], CALM, others=others).doubt(0).is_agitated()


def test_a_key_frame_nearly_due_is_believed_for_calm_after_it_if_the_encoder_told_and_the_group_is_long():
    lengths = [210, 250, 60, 250]
    assert rules(lengths).doubt(0).is_agitated()
    assert not rules(lengths, told=EncoderOptions(True, 250)).doubt(0).is_agitated()
    assert rules([95, 60, 95, 95], told=EncoderOptions(True, 100)).doubt(0).is_agitated()


def test_what_comes_into_a_calm_picture_before_a_key_frame_is_noticed():
    # 4 x 1200 after 36 x 500 is 2.4 times as much, and more than a tenth of the key frame, less than 0.3 of it
    entering = rules([100, 250, 60, 250], dict.fromkeys(range(96, 100), 1200)).doubt(0)
    assert entering.stirred and not entering.is_agitated()
    assert not rules([100, 250, 60, 250]).doubt(0).stirred
    assert not rules([100, 250, 60, 250], dict.fromkeys(range(60, 100), 1200)).doubt(0).stirred  # it moved before too
    assert not rules([100, 250, 60, 250], dict.fromkeys(range(96, 100), 900)).doubt(0).stirred  # next to nothing


def test_a_frame_coded_alone_must_be_looked_at_wherever_it_is():
    intra = np.zeros(920, bool)
    intra[70] = True
    sizes = np.full(920, 500)
    groups = [(0, 100), (100, 350), (350, 410), (410, 660), (660, 920)]
    assert ByteRules(sizes, groups, FPS, intra).doubt(0).inside == 73
    assert ByteRules(sizes, groups, FPS).doubt(0).inside == 0


def test_frames_that_say_nothing_between_others_must_be_looked_at():
    pattern = {i: (4000 if i % 4 == 0 else 60) for i in range(1, 100)}  # as of B-frames between others
    assert rules([100, 250, 60, 250], pattern).doubt(0).inside == 0
    black = {**pattern, **dict.fromkeys(range(50, 70), 40)}
    assert 50 <= rules([100, 250, 60, 250], black).doubt(0).inside


def test_bytes_that_rise_between_calm_and_movement_must_be_looked_at():
    calm = dict.fromkeys(range(100, 200), 300)
    dissolve = dict.fromkeys(range(200, 216), 2500)
    moving = dict.fromkeys(range(216, 350), 1200)
    found = rules([100, 250, 60, 250], {**calm, **dissolve, **moving}).doubt(1).inside
    assert 116 <= found <= 116 + 50
    assert rules([100, 250, 60, 250], {**calm, **moving}).doubt(1).inside == 0


def test_bytes_that_are_many_all_the_time_are_no_swell():
    movement = dict.fromkeys(range(150, 300), 4000)
    assert rules([100, 250, 60, 250], movement).doubt(1).inside == 0


def test_where_the_bytes_drop_at_once_it_is_told_what_must_be_looked_at_before():
    dropped = dict.fromkeys(range(60, 100), 20)
    lengths, others = [100, 250, 60, 250], range(0, 660, 2)

    def found(*, fading: Iterable[int] | None = None, **changes: int) -> tuple[int, int]:
        told = {int(name[2:]): size for name, size in changes.items()}
        doubt = rules(lengths, {**dropped, **told}, fading=fading, others=others).doubt(0)
        assert doubt.inside > 60
        return doubt.drop, doubt.before

    assert found() == (60, 0)
    assert found(at10=6000) == (60, 13)
    assert found(at40=8000) == (60, 43) and found(at46=8000) == (0, 0)  # little would be spared
    assert found(fading=[40]) == (60, 0) and found(fading=[50]) == (0, 0)  # the picture may get darker
    assert found(at60=500, at61=500) == (62, 0)
    assert rules(lengths).doubt(0).drop == 0
    assert rules([100] * 4, dropped, others=others).doubt(0).drop == 0  # key frames lie at fixed distances
    assert rules(lengths, dropped).doubt(0).drop == 0  # without B-frames it may be a quick fade


def test_what_follows_bytes_that_rose_is_looked_at_for_a_second_more():
    """Of two transitions in one group the bytes of the first may be all that tells."""
    sizes = np.full(240, 100.0)
    sizes[100:112] = 500
    last = Swells(25.0, seeks_cuts=True).last(sizes, 1000.0, None, np.ones(240, bool))
    assert 1.0 <= (last - 112) / 25 <= 1.3
