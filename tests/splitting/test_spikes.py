"""Big frames that are looked at alone tell whether they begin a shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from panda_hf.splitting import groupwise
from panda_hf.splitting.doubt import ByteRules, GroupDoubt
from panda_hf.splitting.looks import Look
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.settings import DEFAULT
from panda_hf.splitting.spikes import SpikeTrial, begins_a_shot, leaps
from panda_hf.video.groups import Group, GroupReader
from panda_hf.video.packets import index_packets

from .films import Picture, textured
from .test_groupwise import encode, panning


def grained(pictures: list[Picture], seed: int) -> list[Picture]:
    """With grain that stays as it is, as far as coding without other frames leaves some."""
    grain = np.random.default_rng(seed).integers(-6, 7, (96, 160, 1))
    return [np.clip(picture.astype(int) + grain, 0, 255).astype(np.uint8) for picture in pictures]


def look(picture: Picture) -> Look:
    return Look(0, picture)


ONE, TWO, NEW = (textured(seed) for seed in (1, 2, 3))


def partly(share: float, new: Picture, old: Picture) -> Picture:
    """The one on the left, in so great a share of the picture, the other on the right."""
    edge = round(share * new.shape[1])
    return np.hstack([new[:, :edge], old[:, edge:]])


def lit(picture: Picture, much: int) -> Picture:
    return np.clip(picture.astype(int) + much, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("becomes", "begins"),
    [
        (NEW, True),
        (np.roll(ONE, 8, axis=1), True),
        (partly(0.4, NEW, ONE), True),  # the other half of a split screen goes on
        (ONE, False),
        (lit(ONE, 12), False),
        (partly(0.2, NEW, ONE), False),
        (255 - ONE, True),
        (lit(ONE // 4, 180), True),  # the same details, but far
    ],
)
def test_a_frame_begins_a_shot_if_it_shows_another_view(becomes: Picture, begins: bool):
    assert begins_a_shot(look(ONE), look(becomes)) is begins


@pytest.mark.parametrize(
    ("run", "does"),
    [
        ([ONE, NEW], True),
        ([ONE, ONE, NEW], True),
        ([ONE, lit(ONE, 12), NEW], True),
        ([ONE, ONE, ONE], False),
        ([ONE, TWO, NEW], False),  # what moves so much does so in each frame
        ([ONE, ONE, TWO, TWO, NEW], True),
        ([ONE, ONE, TWO, ONE, NEW], True),  # not decoded upon the last one
    ],
)
def test_a_leap_comes_after_a_frame_that_does_not(run: list[Picture], does: bool):
    assert leaps([look(picture) for picture in run]) is does


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that are decoded right after key frames."""
    found: list[int] = []
    upon = GroupReader.upon

    def noted(self, group, frames):
        found.extend(frames)
        return upon(self, group, frames)

    monkeypatch.setattr(GroupReader, "upon", noted)
    return found


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[SpikeTrial]:
    """Those of the videos that are looked at."""
    made: list[SpikeTrial] = []

    def noted(*arguments: Any) -> SpikeTrial:
        made.append(SpikeTrial(*arguments))
        return made[-1]

    monkeypatch.setattr(groupwise, "SpikeTrial", noted)
    return made


def test_up_to_a_frame_that_renews_a_picture_but_begins_no_shot_a_group_is_not_decoded(
    tmp_path: Path, tried: list[int]
):
    take = panning(1, [0.25] * 160)
    pictures = [*grained(take[:120], 1), *grained(take[120:], 2), *panning(3, [1] * 100)]
    path = str(encode(tmp_path / "film.mp4", pictures))
    scan = scan_video(path, DEFAULT)
    assert scan.shots == scan_all(path, DEFAULT).shots == [(0, 161), (161, 262)]
    assert 120 in tried and len(tried) == 2
    assert scan.decoded < 15


@pytest.mark.parametrize("share", [1.0, 0.4])
@pytest.mark.parametrize("bframes", [0, 3])
def test_a_cut_long_after_a_key_frame_is_found(
    tmp_path: Path, tried: list[int], trials: list[SpikeTrial], share: float, bframes: int
):
    one, two = panning(1, [0.25] * 220), panning(2, [0.25] * 220)
    new = [partly(share, b, a) for a, b in zip(one[181:], two[181:], strict=True)]
    pictures = [*grained(one[:181], 1), *grained(new, 2), *panning(3, [1] * 100)]
    path = str(encode(tmp_path / "film.mp4", pictures, keys={len(one)}, scenecut=1, bframes=bframes))
    scan = scan_video(path, DEFAULT)
    assert scan.shots == scan_all(path, DEFAULT).shots == [(0, 181), (181, len(one)), (len(one), len(pictures))]
    assert len(tried) == 2 and [trial.leapt for trial in trials] == [{tried[-1]}]


def test_no_spike_is_passed_over_that_was_not_tried(tmp_path: Path):
    """Up to the group's end there is less than a second after both, so that all of it hangs on either."""
    one, two = panning(1, [0.25] * 239), panning(2, [0.25] * 239)
    pictures = [*grained(one[:220], 1), *grained(one[220:231], 2)]
    pictures += grained([partly(0.7, b, a) for a, b in zip(one[231:], two[231:], strict=True)], 3)
    pictures += [*panning(3, [1] * 100), *panning(7, [1] * 60)]
    path = str(encode(tmp_path / "film.mp4", pictures, keys={240, 341}, scenecut=1, bframes=0))
    assert spikes_of(path)[0] == (220, 231)
    assert scan_video(path, DEFAULT).cuts == scan_all(path, DEFAULT).cuts == [231, 240, 341]


def spikes_of(path: str) -> list[tuple[int, ...]]:
    """The late spikes of each group of a film of 25 frames a second."""
    index = index_packets(path)
    assert index is not None
    rules = ByteRules.of(index, 25.0)
    return [rules.doubt(number).spikes for number in range(len(index.keys))]


def renewed(path: Path, frames: int, at: int) -> str:
    """A shot that takes new grain ``at`` a frame, and another."""
    take = panning(1, [0.25] * (frames - 1))
    pictures = [*grained(take[:at], 1), *grained(take[at:], 2), *panning(3, [1] * 100)]
    return str(encode(path, pictures, keys={frames}))


def test_it_is_tried_only_where_that_may_spare_much(tmp_path: Path, tried: list[int]):
    for frames, at, spares in ((100, 44, False), (180, 140, True)):
        path = renewed(tmp_path / f"{at}.mp4", frames, at)
        assert spikes_of(path)[0] == (at,)
        scan_video(path, DEFAULT)
        assert bool(tried) is spares


def test_where_it_cannot_be_tried_the_group_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = renewed(tmp_path / "film.mp4", 180, 140)
    least = scan_video(path, DEFAULT).decoded
    monkeypatch.setattr(GroupReader, "upon", lambda *_: {})
    assert scan_video(path, DEFAULT).decoded > least + 20


class Upon:
    """A reader of a group of which it is known what frames become right after its key frame."""

    def __init__(self, becomes: dict[int, Picture]) -> None:
        self.becomes, self.asked = becomes, []

    def upon(self, group: Group, frames: Sequence[int]) -> dict[int, Look]:
        self.asked += frames
        return {frame: Look(frame, self.becomes[frame]) for frame in frames if frame in self.becomes}


def settled(reader: Upon, slight: tuple[int, ...], needed: int = 0) -> tuple[int, set[int]]:
    """How far a group of 200 frames from the 500th on, whose key frame shows ``ONE``, is decoded at least, and which
    frames leapt; every second one is a B-frame."""
    doubt = GroupDoubt(0, True, 0.0, False, False, False, slight=slight)
    this = OpenGroup(Group(500, 700, (), ()), Look(500, ONE), iter(()))
    need = SimpleNamespace(frames=lambda doubt, *_: doubt.inside)
    index = SimpleNamespace(bidirectional=np.arange(700) % 2 == 1)
    trial = SpikeTrial(reader, index, need, lambda frame: frame)  # type: ignore[arg-type]
    return trial.settle(doubt, this, None, needed).inside, trial.leapt


def test_a_slight_spike_counts_if_it_leaps():
    reader = Upon({578: ONE, 580: NEW, 618: NEW, 620: NEW})
    assert settled(reader, (80, 120)) == (83, {580})  # the second one shows what the first one did
    assert reader.asked == [578, 580, 618, 620]
    assert settled(Upon({**reader.becomes, 620: TWO}), (80, 120)) == (123, {580, 620})


def test_a_slight_spike_that_is_needed_anyway_is_not_tried():
    reader = Upon({578: ONE, 580: NEW, 618: ONE, 620: NEW})
    assert settled(reader, (80, 120), needed=100) == (123, {620}) and reader.asked == [618, 620]
    assert settled(reader, (80, 120), needed=120) == (0, set())


def test_a_slight_spike_that_shows_what_was_there_or_cannot_be_decoded_does_not_count():
    assert settled(Upon({578: ONE, 580: ONE}), (80,)) == (0, set())
    assert settled(Upon({578: ONE}), (80,)) == (0, set())
    assert settled(Upon({580: NEW}), (80,)) == (0, set())  # the one before it is not known
    assert settled(Upon({580: NEW, 618: ONE, 620: NEW}), (80, 120)) == (123, {620})


def test_right_after_the_key_frame_that_is_the_one_before():
    reader = Upon({502: NEW})
    assert settled(reader, (2,)) == (5, {502}) and reader.asked == [502]


@pytest.mark.parametrize(("key", "needed", "is_tried"), [(4000, 0, True), (6000, 0, False), (4000, 60, False)])
def test_what_trying_may_spare_is_weighed_without_b_frames_and_without_what_is_decoded_anyway(
    key: int, needed: int, is_tried: bool
):
    sizes = np.full(300, 200)
    sizes[0], sizes[80] = key, 1400
    doubt = GroupDoubt(83, True, 0.0, False, False, False, spikes=(80,))
    this, following = (
        OpenGroup(Group(*span, (), ()), Look(span[0], ONE), iter(())) for span in ((0, 200), (200, 300))
    )
    need = SimpleNamespace(frames=lambda doubt, *_: doubt.inside)
    index = SimpleNamespace(bidirectional=np.arange(300) % 2 == 1, sizes=sizes)
    reader = Upon({78: ONE, 80: ONE})
    trial = SpikeTrial(reader, index, need, lambda frame: frame)  # type: ignore[arg-type]
    assert trial.settle(doubt, this, following, needed).inside == (0 if is_tried else 83)
    assert bool(reader.asked) is is_tried
