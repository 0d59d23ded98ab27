"""Whether a shot moves, by frames as bright as they are told to be."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.splitting import stillness
from panda_hf.splitting.looks import Look
from panda_hf.splitting.stillness import MOVES, StillWatch

DISTANCE = 0.1


@pytest.fixture(autouse=True)
def light_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillness, "apart", lambda one, two: abs(float(one.yuv.mean()) - float(two.yuv.mean())) / 100)


def look(light: int) -> Look:
    return Look(0, np.full((4, 4, 3), light, np.uint8))


def test_a_shot_moves_if_a_frame_is_half_as_far_again_from_its_first_as_those_of_a_still_picture():
    watch = StillWatch(DISTANCE)
    watch.begin(look(100))
    for light in (100, 110, 114, 86):
        watch.note(look(light))
        assert not watch.moves
    watch.note(look(116))
    assert watch.moves
    assert MOVES == 1.5


def test_what_was_seen_of_a_shot_counts_until_the_next_begins():
    watch = StillWatch(DISTANCE)
    assert not watch.has_begun
    watch.note(look(200))
    assert not watch.moves
    watch.begin(look(100))
    watch.note(look(200))
    watch.note(look(100))
    assert watch.has_begun and watch.moves
    watch.begin(look(200))
    assert not watch.moves
    watch.note(look(100))
    assert watch.moves
