"""Whether skipping groups is worth while, told from the first of them."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.splitting.doubt import ByteRules
from panda_hf.splitting.looks import Look
from panda_hf.splitting.need import Need
from panda_hf.splitting.trial import TRIAL_GROUPS, Trial

GROUPS = [(first, first + 50) for first in range(0, 500, 50)]


def trial() -> Trial:
    """Of ten groups of 50 frames with calm bytes, by an encoder that does not look for cuts."""
    sizes = np.full(500, 500)
    sizes[::50] = 10_000
    rules = ByteRules(sizes, GROUPS, 25.0)
    assert not rules.seeks_cuts
    return Trial(GROUPS, [rules.doubt(number) for number in range(10)], Need(rules, 25.0, lambda look: False))


def keys(*places: int) -> list[Look]:
    """Key frames, each of a picture of its own number."""
    pictures = np.random.default_rng(1).integers(40, 220, (9, 5, 8, 3)).repeat(9, axis=1).repeat(10, axis=2)
    return [Look(50 * number, pictures[place].astype(np.uint8)) for number, place in enumerate(places)]


@pytest.mark.parametrize(
    ("places", "is_in_vain"),
    [
        ((0, 1, 2, 3, 4, 5, 6), True),
        ((0, 0, 1, 2, 3, 4, 5), True),  # one of six is skipped
        ((0, 0, 0, 1, 2, 3, 4), False),
        ((0, 0, 0, 0, 0, 0, 0), False),
        ((0, 0, 0, 0, 0, 0, 5), False),  # the key frame after the last of them
    ],
)
def test_it_is_in_vain_where_nearly_all_key_frames_differ(places: tuple[int, ...], is_in_vain: bool):
    assert len(places) == 1 + TRIAL_GROUPS
    assert trial().is_in_vain(keys(*places)) is is_in_vain


def test_after_some_groups_what_was_decoded_of_them_tells():
    assert [trial().spares_little(number, 50 * number) for number in (TRIAL_GROUPS - 1, TRIAL_GROUPS)] == [False, True]
    assert [trial().spares_little(8, decoded) for decoded in (319, 320)] == [False, True]
