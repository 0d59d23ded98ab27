"""Which cuts are believed where frames were left out, and which must be looked at again."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from panda_hf.splitting.cut_judge import CLEAR, DRIFTS, CutJudge
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.settings import DEFAULT

SHOT, OTHER = (np.random.default_rng(seed).integers(20, 230, (45, 80, 3)).astype(np.uint8) for seed in (1, 2))
ALIKE = np.clip(SHOT.astype(int) + 22, 0, 255).astype(np.uint8)
OTHER[:20] = 40
CUT = 12  # the frame on which the other picture begins


def judge(*, seeks_cuts: bool = True, alone: Collection[int] = ()) -> CutJudge:
    return CutJudge(DEFAULT, 10, False, seeks_cuts, np.isin(np.arange(40), list(alone)))


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
