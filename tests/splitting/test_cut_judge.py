"""Which cuts are believed where frames were left out, and which must be looked at again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import cv2
import numpy as np
import pytest

from panda_hf.splitting.cut_judge import CLEAR, DRIFTS, CutJudge
from panda_hf.splitting.looks import Look, apart, gaps_of
from panda_hf.splitting.scores import content_scores, standing_out
from panda_hf.splitting.settings import DEFAULT

SHOT, OTHER = (np.random.default_rng(seed).integers(20, 230, (45, 80, 3)).astype(np.uint8) for seed in (1, 2))
ALIKE = np.clip(SHOT.astype(int) + 22, 0, 255).astype(np.uint8)
OTHER[:20] = 40
CUT = 12  # the frame on which the other picture begins


def judge(*, seeks_cuts: bool = True, alone: Collection[int] = ()) -> CutJudge:
    return CutJudge(DEFAULT, 10, False, seeks_cuts, np.isin(np.arange(40), list(alone)), ())


def run(after: np.ndarray, gap: int = 4) -> list[Look]:
    """Two shots, of which every ``gap``-th frame is known."""
    frames = [*range(CUT - 4 * gap, CUT, gap), *range(CUT, CUT + 4 * gap, gap)]
    return [Look(frame, SHOT if frame < CUT else after) for frame in frames]


def test_what_the_tests_hold_against_each_other():
    assert apart(Look(0, SHOT), Look(1, OTHER)) >= CLEAR > apart(Look(0, SHOT), Look(1, ALIKE))
    assert judge().cuts(run(OTHER)) == judge().cuts(run(ALIKE)) == [4]


@pytest.mark.parametrize("seeks_cuts", [True, False])
@pytest.mark.parametrize(("gap", "expected"), [(4, [4]), (1, [])])
def test_a_cut_among_frames_left_out_is_looked_at_again(gap: int, expected: list[int], seeks_cuts: bool):
    assert judge(seeks_cuts=seeks_cuts).vague(run(OTHER, gap)) == expected


def test_a_cut_on_a_frame_that_was_coded_alone_is_believed_where_the_encoder_marks_cuts():
    assert judge(alone={CUT}).vague(run(OTHER)) == []
    assert judge(alone={CUT}).vague(run(ALIKE)) == [4]  # it might be movement
    assert judge(alone={CUT - 4}).vague(run(OTHER)) == [4]
    assert judge(alone={CUT}, seeks_cuts=False).vague(run(OTHER)) == [4]


def test_what_begins_before_frames_left_out_may_be_a_flash():
    frames = [*range(8), 11, 15, 19]
    looks = [Look(frame, OTHER if frame >= 7 else SHOT) for frame in frames]
    assert judge().vague(looks) == [7]
    assert judge(seeks_cuts=False).vague(looks) == []


def test_a_step_right_after_frames_left_out_is_looked_at_again():
    """Movement over many frames looks smaller, frame by frame, than over the one that follows."""
    looks = [Look(frame, OTHER if frame > 27 else SHOT) for frame in (0, 9, 18, 27, 28)]
    assert judge().vague(looks) == [4]


def test_a_step_back_from_a_picture_that_drifted_is_not_believed_where_frames_were_left_out():
    before, other, alike = (Look(i, picture) for i, picture in enumerate((SHOT, OTHER, ALIKE)))
    assert judge().may_be_drift(before, alike)
    assert not judge().may_be_drift(before, other)
    somewhat = Look(3, np.where(np.arange(80)[None, :, None] < 32, OTHER, SHOT))
    assert DRIFTS < apart(before, somewhat) < CLEAR and not judge().may_be_drift(before, somewhat)
    assert not judge(seeks_cuts=False).may_be_drift(before, alike)


def test_the_frames_after_a_step_are_wanted_only_where_they_could_change_the_answer():
    pan = [Look(i, np.ascontiguousarray(np.roll(np.repeat(SHOT[:, :8], 10, axis=1), 4 * i, axis=1))) for i in range(8)]
    cut = [*pan[:-1], Look(7, OTHER)]
    assert judge().needs_more(cut)
    assert not judge().needs_more(pan)
    assert not judge().needs_more([*(Look(i, SHOT) for i in range(7)), Look(7, OTHER)])
    assert [judge().may_end_in_cut(run) for run in (cut, pan, [*cut, Look(8, OTHER)])] == [True, False, False]


def wandering(seed: int) -> list[Look]:
    """A run, some frames left out, that goes towards one picture after another, by steps of all sizes."""
    rng = np.random.default_rng(seed)
    pictures = [rng.integers(60, 200, (5, 8, 3)).repeat(9, axis=0).repeat(10, axis=1) for _ in range(6)]
    frames = np.cumsum(rng.integers(1, 4, 60))
    here, looks = pictures[0].astype(float), []
    for frame in frames.tolist():
        here = here + rng.choice([0.02, 0.1, 0.5, 0.9]) * (pictures[rng.integers(6)] - here)
        looks.append(Look(frame, here.astype(np.uint8)))
    return looks


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("ease", [0.6, 1.0, 1.5])
def test_cuts_are_the_steps_that_stand_out_by_the_score_of_the_whole_run(ease: float, full_range: bool):
    found = 0
    for seed in range(12):
        run = wandering(seed)
        scores = content_scores((look.yuv for look in run), full_range)
        least, factor = ease * DEFAULT.detector_floor, ease * DEFAULT.detector_threshold
        expected = np.flatnonzero(standing_out(scores, gaps_of(run), least, factor)).tolist()
        one = CutJudge(DEFAULT, 0, full_range, True, np.zeros(200, bool), ())
        assert one._standing_out(run, ease)[0] == expected
        found += len(expected)
    assert found > 12


def test_luma_of_full_range_is_read_as_such():
    """Of limited range all that is darker than 16 is black, and two such pictures are one."""
    dark = [
        cv2.merge([np.full((45, 80), light, np.uint8), *[np.full((45, 80), 128, np.uint8)] * 2]) for light in (0, 15)
    ]
    looks = [Look(i, dark[i >= 4]) for i in range(8)]
    settings = replace(DEFAULT, detector="content", detector_threshold=3.0)
    judged = {full: CutJudge(settings, 0, full, True, np.zeros(40, bool), ()).cuts(looks) for full in (True, False)}
    assert judged == {True: [4], False: []}


def test_the_content_rule_is_eased_too():
    looks = [Look(i, ALIKE if i >= 4 else SHOT) for i in range(8)]
    score = content_scores(look.yuv for look in looks)[4]
    strict = CutJudge(
        replace(DEFAULT, detector="content", detector_threshold=1.1 * score), 0, False, True, np.zeros(40, bool), ()
    )
    assert strict.cuts(looks) == [] and strict.cuts(looks, 0.8) == [4]


def shots(*parts: tuple[np.ndarray, int]) -> list[Look]:
    """Pictures that are shown for so many frames each."""
    pictures = [picture for picture, count in parts for _ in range(count)]
    return [Look(frame, picture) for frame, picture in enumerate(pictures)]


@pytest.mark.parametrize(("length", "cuts"), [(4, []), (9, []), (10, [6, 16]), (11, [6, 17])])
def test_a_picture_that_comes_back_before_a_flash_is_over_was_not_left(length: int, cuts: list[int]):
    assert judge().cuts(shots((SHOT, 6), (OTHER, length), (SHOT, 6))) == cuts


def test_a_picture_that_comes_back_after_two_others_was_left():
    third = np.ascontiguousarray(OTHER[::-1])
    assert judge().cuts(shots((SHOT, 6), (OTHER, 4), (third, 4), (SHOT, 6))) == [6, 10, 14]
