"""What goes on of frames that were looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from panda_hf.splitting.looks import Look
from panda_hf.splitting.outlet import Outlet, every_of
from panda_hf.splitting.settings import DEFAULT, SplitSettings
from panda_hf.video import FrameReader
from panda_hf.video.packets import index_packets

from .films import moving, still, textured, write


@pytest.fixture
def outlet(tmp_path: Path) -> Outlet:
    """That of a film of 300 frames, 25 a second."""
    path = str(write(tmp_path / "film.mp4", [still(1, 300)], fps=25))
    index = index_packets(path)
    assert index is not None
    with FrameReader(path) as reader:
        return Outlet(reader.info, 25.0, index, DEFAULT, describe_probes=False)


def looks(pictures: list[np.ndarray], first: int = 0) -> list[Look]:
    return [Look(first + number, picture) for number, picture in enumerate(pictures)]


def test_every_second_frame_is_due_and_for_a_network_each():
    assert every_of(25.0, DEFAULT) == 2
    assert every_of(25.0, SplitSettings(gradual="learned")) == 1


def test_what_is_not_due_is_passed_over(outlet: Outlet):
    run = looks(list(still(1, 6)))
    outlet.take(run[:2], [])
    assert outlet.last_frame == 0 and outlet.before is run[1]
    outlet.take(run[2:4], [])
    assert outlet.last_frame == 2
    run[5].is_due = True
    outlet.take(run[4:], [])
    assert outlet.last_frame == 5


def test_cuts_are_no_closer_than_shots_may_be_short(outlet: Outlet):
    pictures = [textured(1 + number // 100) for number in range(300)]
    run = looks(pictures)
    outlet.take(run[:100], [])
    outlet.take(run[100:], [0, DEFAULT.min_shot_frames - 1, 100])
    assert outlet.finish(300).cuts == [100, 200]


def test_black_begins_on_its_frame_though_that_is_not_due(outlet: Outlet):
    pictures = [*still(1, 101), *[np.full((96, 160, 3), (16, 128, 128), np.uint8)] * 40, *still(2, 159)]
    outlet.take(looks(pictures), [])
    assert outlet.finish(300).black == [(101, 141)]


def test_movement_is_seen_within_a_shot(outlet: Outlet):
    run = looks([*still(1, 100), *moving(1, 100), *still(3, 100)])
    outlet.take(run[:100], [])
    assert not outlet.moves
    outlet.take(run[100:200], [])
    assert outlet.moves
    outlet.take(run[200:201], [0])
    assert not outlet.moves
    outlet.note(run[150])
    assert outlet.moves


def test_what_is_known_of_black_may_be_fed_with_frames_that_are_not_taken(outlet: Outlet):
    outlet.take(looks(list(still(1, 10))), [])
    ahead = outlet.black()
    ahead.feed(10, np.full((96, 160, 3), (16, 128, 128), np.uint8))
    assert ahead.is_black and not outlet.black().is_black
