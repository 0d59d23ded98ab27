"""Big frames that are looked at alone tell whether they begin a shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from panda_hf.splitting.doubt import ByteRules, GroupDoubt
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.open_group import OpenGroup
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.settings import DEFAULT
from panda_hf.splitting.spikes import GOES_ON, RESEMBLES, SpikeTrial, begins_a_shot
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


@pytest.mark.parametrize(("share", "begins"), [(0.0, False), (0.06, False), (0.11, True), (1.0, True)])
def test_what_is_the_same_upon_two_pictures_was_coded_without_them(share: float, begins: bool):
    frames = look(partly(share, NEW, ONE)), look(partly(share, NEW, TWO))
    assert begins_a_shot((look(ONE), look(TWO)), frames) is begins


def test_what_goes_on_may_differ_from_what_it_is_decoded_upon():
    brighter = [look(np.clip(picture.astype(int) + 12, 0, 255).astype(np.uint8)) for picture in (ONE, TWO)]
    assert not begins_a_shot((look(ONE), look(TWO)), (brighter[0], brighter[1]))


def test_upon_pictures_that_are_alike_nothing_can_be_told():
    nearly = np.clip(ONE.astype(int) + 12, 0, 255).astype(np.uint8)
    assert begins_a_shot((look(ONE), look(nearly)), (look(ONE), look(nearly)))
    assert begins_a_shot((look(ONE), look(partly(0.1, TWO, ONE))), (look(ONE), look(partly(0.1, TWO, ONE))))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that are decoded upon key frames."""
    found: list[int] = []
    upon = GroupReader.upon

    def noted(self, key, group, frames):
        found.extend(frames)
        return upon(self, key, group, frames)

    monkeypatch.setattr(GroupReader, "upon", noted)
    return found


def test_up_to_a_frame_that_renews_a_picture_but_begins_no_shot_a_group_is_not_decoded(
    tmp_path: Path, tried: list[int]
):
    take = panning(1, [0.25] * 160)
    pictures = [*grained(take[:120], 1), *grained(take[120:], 2), *panning(3, [1] * 100)]
    path = str(encode(tmp_path / "film.mp4", pictures))
    scan = scan_video(path, DEFAULT)
    assert scan.shots == scan_all(path, DEFAULT).shots == [(0, 161), (161, 262)]
    assert tried == [120, 120]
    assert scan.decoded < 15


@pytest.mark.parametrize(("share", "resembles", "times"), [(1.0, RESEMBLES, 1), (1.0, 2.0, 2), (0.4, 2.0, 2)])
@pytest.mark.parametrize("bframes", [0, 3])
def test_a_cut_long_after_a_key_frame_is_found(
    tmp_path: Path,
    tried: list[int],
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    resembles: float,
    times: int,
    bframes: int,
):
    """A new picture is far from what it is decoded upon; and what is new in one is the same upon any."""
    monkeypatch.setattr("panda_hf.splitting.spikes.RESEMBLES", resembles)
    one, two = panning(1, [0.25] * 220), panning(2, [0.25] * 220)
    new = [partly(share, b, a) for a, b in zip(one[181:], two[181:], strict=True)]
    pictures = [*grained(one[:181], 1), *grained(new, 2), *panning(3, [1] * 100)]
    path = str(encode(tmp_path / "film.mp4", pictures, keys={len(one)}, scenecut=1, bframes=bframes))
    scan = scan_video(path, DEFAULT)
    assert scan.shots == scan_all(path, DEFAULT).shots == [(0, 181), (181, len(one)), (len(one), len(pictures))]
    assert len(tried) == times


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
    """A reader of two groups of which it is known what frames become upon the key frame of either."""

    def __init__(self, becomes: dict[int, dict[int, Picture]]) -> None:
        self.becomes, self.asked = becomes, []

    def upon(self, key: Group, group: Group, frames: Sequence[int]) -> dict[int, Look]:
        self.asked += [(key.first, frame) for frame in frames]
        found = self.becomes[key.first]
        return {frame: Look(frame, found[frame]) for frame in frames if frame in found}


def settled(reader: Upon, slight: tuple[int, ...], needed: int = 0, *, is_last: bool = False) -> int:
    """How far a group of 200 frames, whose key frame shows ``ONE`` and the next one ``TWO``, is decoded at least."""
    doubt = GroupDoubt(0, True, 0.0, False, False, False, slight=slight)
    one, two = (OpenGroup(Group(at, at + 200, (), ()), Look(at, p), iter(())) for at, p in ((0, ONE), (200, TWO)))
    need = SimpleNamespace(frames=lambda doubt, *_: doubt.inside)
    trial = SpikeTrial(reader, None, need, lambda frame: frame)  # type: ignore[arg-type]
    return trial.settle(doubt, one, None if is_last else two, needed).inside


def test_a_slight_spike_counts_if_it_begins_a_shot():
    reader = Upon({0: {80: NEW, 120: NEW}, 200: {80: NEW, 120: NEW}})
    assert settled(reader, (80, 120)) == 83  # the second one shows what the first one did
    assert settled(reader, (80, 120), needed=100) == 123
    assert settled(reader, (80, 120), needed=120) == 0
    assert settled(reader, (120,), is_last=True) == 123


def test_a_slight_spike_that_resembles_what_it_is_decoded_upon_does_not():
    same = Upon({0: {80: ONE}, 200: {80: TWO}})
    assert settled(same, (80,)) == 0 and same.asked == [(0, 80)]
    title = [picture.copy() for picture in (ONE, TWO)]
    for picture in title:
        picture[8:20, 20:140] = 250 - picture[8:20, 20:140]
    assert GOES_ON < apart(look(ONE), look(title[0])) < RESEMBLES
    assert settled(Upon({0: {80: title[0]}, 200: {80: title[1]}}), (80,)) == 0
    assert settled(Upon({0: {80: title[0]}, 200: {80: title[0]}}), (80,)) == 83  # the same upon either
    assert settled(Upon({0: {80: title[0]}, 200: {}}), (80,)) == 83  # it cannot be told
    assert settled(Upon({0: {}, 200: {}}), (80,)) == 0


def test_frames_that_cannot_be_decoded_do_not_shift_those_that_can():
    title = partly(0.2, NEW, ONE)
    reader = Upon({0: {80: ONE, 120: title}, 200: {120: partly(0.2, NEW, TWO)}})
    assert settled(reader, (80, 120)) == 123
