"""Which cuts are believed where frames were left out, and which must be looked at again."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.splitting.cut_judge import CLEAR, CutJudge
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.settings import DEFAULT

SHOT, OTHER = (np.random.default_rng(seed).integers(20, 230, (45, 80, 3)).astype(np.uint8) for seed in (1, 2))
ALIKE = np.clip(SHOT.astype(int) + 22, 0, 255).astype(np.uint8)
OTHER[:20] = 40
CUT = 12  # the frame on which the other picture begins


def judge(*, seeks_cuts: bool = True, alone: bool = False) -> CutJudge:
    intra = np.zeros(100, bool)
    intra[CUT] = alone
    return CutJudge(DEFAULT, 10, False, seeks_cuts, intra)


def run(after: np.ndarray, gap: int = 4) -> list[Look]:
    """Two shots, of which every ``gap``-th frame is known."""
    frames = [*range(CUT - 4 * gap, CUT, gap), *range(CUT, CUT + 4 * gap, gap)]
    return [Look(frame, SHOT if frame < CUT else after) for frame in frames]


def test_what_the_tests_hold_against_each_other():
    assert apart(Look(0, SHOT), Look(1, OTHER)) >= CLEAR > apart(Look(0, SHOT), Look(1, ALIKE))
    assert judge().cuts(run(OTHER)) == judge().cuts(run(ALIKE)) == [4]


@pytest.mark.parametrize(
    ("after", "gap", "seeks_cuts", "alone", "expected"),
    [
        (OTHER, 4, True, False, [4]),  # on which of four frames?
        (OTHER, 4, True, True, []),  # on the one that was coded alone
        (ALIKE, 4, True, True, [4]),  # unless the picture only came back to the true one
        (OTHER, 4, False, True, [4]),  # encoders that look for no cuts code frames alone for other reasons
        (OTHER, 1, True, False, []),
        (OTHER, 1, False, False, []),
    ],
)
def test_a_cut_among_frames_left_out_is_looked_at_again(
    after: np.ndarray, gap: int, seeks_cuts: bool, alone: bool, expected: list[int]
):
    assert judge(seeks_cuts=seeks_cuts, alone=alone).vague(run(after, gap)) == expected


def test_a_step_back_from_a_picture_that_drifted_is_not_believed_where_frames_were_left_out():
    before, other, alike = (Look(i, picture) for i, picture in enumerate((SHOT, OTHER, ALIKE)))
    assert judge().may_be_drift(before, alike)
    assert not judge().may_be_drift(before, other)
    assert not judge(seeks_cuts=False).may_be_drift(before, alike)


def test_the_frames_after_a_step_are_wanted_only_where_they_could_change_the_answer():
    pan = [Look(i, np.ascontiguousarray(np.roll(np.repeat(SHOT[:, :8], 10, axis=1), 4 * i, axis=1))) for i in range(8)]
    cut = [*pan[:-1], Look(7, OTHER)]
    assert judge().needs_more(cut)
    assert not judge().needs_more(pan)
    assert not judge().needs_more([*(Look(i, SHOT) for i in range(7)), Look(7, OTHER)])
