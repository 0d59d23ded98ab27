"""Looking at doubtful groups only finds what looking at every frame finds."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType

from panda_hf.mini.encode import REPEATABLE
from panda_hf.splitting.collect import Scan
from panda_hf.splitting.looks import Look
from panda_hf.splitting.scan import scan_all, scan_video
from panda_hf.splitting.settings import DEFAULT, PANDA70M
from panda_hf.splitting.split import Split
from panda_hf.video.decoder import Decoder
from panda_hf.video.packets import index_packets
from tests.video.films import without_notes

from .films import Picture, black, blended, joined, moving, still


def encode(path: Path, pictures: list[Picture], keys: Container[int] = (), **x264: int) -> Path:
    """A film of 25 frames a second; x264's own choice of key frames unless told, and those asked for."""
    with av.open(str(path), "w") as container:
        params = ":".join([REPEATABLE, *(f"{name.replace('_', '-')}={value}" for name, value in x264.items())])
        options = {"crf": "18", "forced-idr": "1", "x264-params": params}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pict_type = PictureType.I if i in keys else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film(*shots: int) -> list[Picture]:
    """Shots of so many frames, in which much moves: an encoder is sure of the cuts between them."""
    return [picture for seed, frames in enumerate(shots) for picture in drifting(seed + 1, frames)]


def there_and_back() -> list[Picture]:
    """One shot of 600 frames."""
    pictures = film(300)
    return [*pictures, *pictures[::-1]]


def drifting(seed: int, frames: int) -> Iterator[Picture]:
    """A shot that drifts over a large textured ground."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(0, 256, (14, 40, 3)).astype(np.uint8), (560, 196), interpolation=cv2.INTER_CUBIC)
    for i in range(frames):
        yield np.ascontiguousarray(ground[i // 4 : i // 4 + 96, i : i + 160])


def dim(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """A shot in little light."""
    return (picture // 4 for picture in pictures)


def lit(picture: Picture) -> Picture:
    """A picture in a flash."""
    return np.clip(picture * 0.3 + 180, 0, 255).astype(np.uint8)


def grainy(pictures: Iterable[Picture], most: int = 24) -> list[Picture]:
    """Pictures with so much noise that every frame takes many bytes."""
    rng = np.random.default_rng(0)
    return [np.clip(one + rng.integers(-most, most, one.shape), 0, 255).astype(np.uint8) for one in pictures]


def panning(seed: int, steps: Iterable[float]) -> list[Picture]:
    """A shot that goes so many pixels on from frame to frame over a ground of large colours."""
    places = np.cumsum([0, *steps]).astype(int)
    farthest = int(places.max())
    small = np.random.default_rng(seed).integers(0, 256, (14, (160 + farthest) // 28, 3)).astype(np.uint8)
    ground = cv2.resize(small, (168 + farthest, 196), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(ground[:96, place : place + 160]) for place in places.tolist()]


def outline(scan: Scan) -> tuple[object, ...]:
    return scan.shots, scan.black, list(scan.clock.times), scan.clock.end


@pytest.mark.parametrize(
    "x264",
    [
        {},
        {"keyint": 50},
        {"keyint": 50, "scenecut": 0},
        {"keyint": 40, "min_keyint": 40, "scenecut": 0, "open_gop": 1},
    ],
    ids=["scene cuts", "scene cuts, short", "fixed", "open groups"],
)
def test_the_shots_are_those_of_a_full_decode(tmp_path: Path, x264: dict[str, int]):
    path = encode(tmp_path / "film.mp4", film(90, 60, 130, 12, 75, 100, 80), **x264)
    full = scan_all(str(path), DEFAULT)
    assert [start for start, _ in full.shots] == [0, 90, 150, 280, 292, 367, 467]
    assert outline(scan_video(str(path), DEFAULT)) == outline(full)
    assert outline(scan_video(str(without_notes(path)), DEFAULT)) == outline(full)


def test_what_is_left_out_of_a_film_holds_no_options(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", film(40))
    told = [index_packets(str(each)) for each in (path, without_notes(path))]
    assert [index is not None and index.encoder is not None for index in told] == [True, False]


@pytest.mark.parametrize("cut", range(60, 68))
def test_between_key_frames_at_fixed_distances_a_cut_is_found_on_its_frame(tmp_path: Path, cut: int):
    path = encode(tmp_path / "film.mp4", film(cut, 100), keyint=40, min_keyint=40, scenecut=0)
    assert scan_video(str(path), DEFAULT).cuts == [cut]


@pytest.mark.parametrize("cut", [74, 77, 80, 83])
def test_a_cut_among_the_frames_stored_after_the_next_key_frame_is_found_on_its_frame(tmp_path: Path, cut: int):
    fixed = {"keyint": 40, "min_keyint": 40, "scenecut": 0, "open_gop": 1, "bframes": 7, "b_adapt": 0}
    path = encode(tmp_path / "film.mp4", film(cut, 90, 90), **fixed)
    assert scan_video(str(path), DEFAULT).cuts == [cut, cut + 90]


def test_groups_of_one_length_by_chance_hide_no_cut(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", film(90, 60, 130, 70, 130, 80))
    assert scan_video(str(path), DEFAULT).cuts == [90, 150, 280, 350, 480]


@pytest.mark.parametrize("first", range(60, 64))
def test_two_frames_of_black_between_fixed_key_frames_are_not_overlooked(tmp_path: Path, first: int):
    pictures = film(first + 30)
    pictures[first : first + 2] = black(2)
    path = encode(tmp_path / "film.mp4", pictures, keyint=48, min_keyint=48, scenecut=0)
    ((start, end),) = scan_video(str(path), DEFAULT).black
    assert first <= start < first + 2 <= end <= first + 4


def test_a_cut_on_a_key_frame_that_was_due_is_found(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", grainy([*moving(1, 100), *moving(2, 40), *moving(3, 60)]), keyint=50)
    assert scan_all(str(path), DEFAULT).cuts == scan_video(str(path), DEFAULT).cuts == [100, 140]


@pytest.mark.parametrize(("first", "last"), [(85, 130), (80, 120), (96, 108)], ids=["early", "on both sides", "short"])
def test_a_dissolve_over_a_key_frame_that_was_due_is_found(tmp_path: Path, first: int, last: int):
    one, two = list(moving(1, last)), list(moving(2, 150))
    path = encode(tmp_path / "film.mp4", grainy(joined(blended, one, two, frames=last - first)), keyint=50)
    assert 100 in index_packets(str(path)).keys
    for (start, end), *others in (scan_all(str(path), DEFAULT).gradual, scan_video(str(path), DEFAULT).gradual):
        assert not others and abs(start - first) <= 4 and abs(end - last) <= 5


@pytest.mark.parametrize(("first", "decoded"), [(6, 36), (47, 37), (90, 60)], ids=["early", "late", "begun before"])
def test_a_group_between_different_pictures_is_decoded_until_the_second_is_seen(
    tmp_path: Path, first: int, decoded: int
):
    one, two = list(moving(1, first + 24)), [picture[::-1, ::-1] for picture in moving(2, 285 - first)]
    path = encode(tmp_path / "film.mp4", grainy(joined(blended, one, two, frames=24)), keyint=95, weightp=0)
    assert index_packets(str(path)).keys.tolist() == [0, 95, 190]
    scan = scan_video(str(path), DEFAULT)
    for (start, end), *others in (scan_all(str(path), DEFAULT).gradual, scan.gradual):
        assert not others and abs(start - first) <= 4 and abs(end - first - 22) <= 4
    assert scan.decoded <= decoded  # 37 are one whole group, of which B-frames are left out, and the key frames


@pytest.mark.parametrize("black_from", [135, 160])
def test_a_dissolve_over_a_key_frame_is_found_before_a_cut_to_black(tmp_path: Path, black_from: int):
    one, two = list(moving(1, 110)), list(moving(2, black_from - 85))
    pictures = [*grainy(joined(blended, one, two, frames=25)), *black(190 - black_from), *film(60)]
    path = encode(tmp_path / "film.mp4", pictures, {100, 190}, scenecut=1)
    assert index_packets(str(path)).keys.tolist() == [0, 100, 190]
    full, scan = scan_all(str(path), DEFAULT), scan_video(str(path), DEFAULT)
    assert full.black == scan.black == [(black_from, 190)]
    for (start, end), *others in (full.gradual, scan.gradual):
        assert not others and abs(start - 85) <= 4 and abs(end - 110) <= 5


def test_of_a_group_seen_nearly_to_its_end_the_rest_is_seen_too(tmp_path: Path):
    pictures = panning(5, [*[13] * 24, *[-13] * 24, *[6] * 80])
    pictures[22] = next(still(1, 1))  # so that the first second is looked at, in which the picture goes far away
    path = encode(tmp_path / "film.mp4", pictures, keys=[48], scenecut=1)
    assert scan_all(str(path), DEFAULT).cuts == scan_video(str(path), DEFAULT).cuts == []


def test_a_cut_from_a_pan_that_quickens_is_held_against_the_frames_on_both_sides(tmp_path: Path):
    pictures = [*panning(1, [*[1] * 60, *np.linspace(1, 8, 20)]), *panning(51, [1] * 60)]
    path = encode(tmp_path / "film.mp4", pictures)
    assert scan_all(str(path), DEFAULT).cuts == [81]
    assert scan_video(str(path), DEFAULT).cuts == [81]


def test_a_key_frame_that_movement_called_for_is_held_against_the_last_frames_of_a_group_seen_in_part(tmp_path: Path):
    pictures = panning(5, [*[13] * 30, *[-5.55] * 70, *[6] * 80])
    pictures[22] = lit(pictures[22])  # so that the first second is looked at, in which the picture goes far away
    pictures[90:110] = grainy(pictures[90:110], 10)
    path = encode(tmp_path / "film.mp4", pictures, keys=[100], scenecut=1)
    assert scan_all(str(path), DEFAULT).cuts == scan_video(str(path), DEFAULT).cuts == []


@pytest.mark.parametrize("at", range(64, 72))
def test_a_flash_of_one_frame_is_no_cut_wherever_it_lies_among_b_frames(tmp_path: Path, at: int):
    pictures = list(dim(drifting(3, 150)))
    pictures[at] = lit(pictures[at])
    path = encode(tmp_path / "film.mp4", [*pictures, *drifting(4, 60)])
    assert scan_all(str(path), DEFAULT).cuts == [150]
    assert scan_video(str(path), DEFAULT).cuts == [150]


def test_where_the_encoder_marks_cuts_b_frames_are_left_out(tmp_path: Path):
    pictures = film(90, 12, 150, 10)  # the third shot begins too soon after the second for a key frame
    path = encode(tmp_path / "film.mp4", pictures, bframes=3, b_adapt=0)
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == [90, 102, 252]
    assert scan.decoded < 0.16 * len(pictures)  # 0.19 with those to which others refer


def test_where_the_encoder_marks_cuts_hardly_a_frame_is_decoded_twice(tmp_path: Path):
    pictures = [one for seed in (1, 2, 4, 5, 6, 7) for one in panning(seed, np.linspace(1, 9, 50))]
    path = encode(tmp_path / "film.mp4", pictures, bframes=3, b_adapt=0)
    index = index_packets(str(path))
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == [51 * i for i in range(1, 6)]
    assert index is not None
    anchors = np.count_nonzero(~index.bidirectional)
    assert 0.7 * anchors < scan.decoded <= anchors + 1  # the first key frame tells what the video is


def test_around_a_cut_that_the_encoder_did_not_mark_all_frames_are_decoded_and_long_before_it_no_b_frames(
    tmp_path: Path,
):
    path = encode(tmp_path / "film.mp4", film(143, 60, 150), bframes=3, b_adapt=0, scenecut=1, weightp=0)
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 250]
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts == [143, 203]
    assert scan.decoded < 2 * np.count_nonzero(~index.bidirectional) < 203


@pytest.mark.parametrize("bframes", [3, 8])
def test_a_dissolve_before_a_cut_in_one_group_is_found(tmp_path: Path, bframes: int):
    one, two = panning(1, [1] * 50), panning(2, [1] * 50)
    pictures = [*one[:31], *blended(one[31:], two[:20]), *two[20:], *black(60)]
    path = encode(tmp_path / "film.mp4", pictures, bframes=bframes, b_adapt=0, scenecut=1)
    assert scan_video(str(path), DEFAULT).shots == scan_all(str(path), DEFAULT).shots


def test_of_a_long_take_little_is_decoded_if_the_encoder_would_have_marked_a_cut(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", there_and_back())
    scans = [scan_video(str(each), DEFAULT) for each in (path, without_notes(path))]
    assert [scan.shots for scan in scans] == [[(0, 600)]] * 2
    assert scans[0].decoded < 0.1 * 600 < 0.5 * 600 < scans[1].decoded


def test_of_a_take_with_key_frames_at_fixed_distances_the_reference_frames_are_decoded(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", there_and_back(), keyint=50, min_keyint=50, scenecut=0)
    scan = scan_video(str(path), DEFAULT)
    assert scan.shots == [(0, 600)]
    assert scan.decoded < 0.75 * 600


def test_few_frames_are_decoded_where_the_encoder_marked_the_cuts(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", film(150, 140, 130, 120, 160))
    scan = scan_video(str(path), DEFAULT)
    assert [start for start, _ in scan.shots] == [0, 150, 290, 420, 540]
    assert scan.decoded < 0.3 * 700


def test_where_skipping_spares_nothing_hardly_a_frame_is_decoded_twice(tmp_path: Path):
    pictures = film(*[90, 130] * 5)
    scan = scan_video(str(encode(tmp_path / "film.mp4", pictures, keyint=50, min_keyint=50, scenecut=0)), DEFAULT)
    assert [start for start, _ in scan.shots] == np.cumsum([0, *[90, 130] * 5])[:-1].tolist()
    assert scan.decoded < 1.05 * len(pictures)


def test_frames_that_take_more_bytes_for_a_while_are_skipped_if_the_encoder_looked_for_fades_and_found_none(
    tmp_path: Path,
):
    take = panning(1, [1] * 140)
    pictures = [
        *grainy(take[:60], 4),
        *grainy(take[60:76], 8),
        *grainy(take[76:], 4),
        *grainy(panning(3, [1] * 100), 4),
    ]
    paths = [encode(tmp_path / f"film_{weightp}.mp4", pictures, weightp=weightp) for weightp in (0, 2)]
    blind, told = [scan_video(str(path), DEFAULT) for path in paths]
    assert blind.shots == told.shots == [(0, 141), (141, 242)]
    assert told.decoded < 10 < 20 < blind.decoded


def test_a_group_that_was_long_enough_is_decoded_to_the_fade_that_turned_its_picture(tmp_path: Path):
    darker = [(picture * 0.4).astype(np.uint8) for picture in moving(2, 220)]
    pictures = [*joined(blended, list(moving(1, 30)), darker, frames=24), *film(100)]
    paths = [encode(tmp_path / f"film_{weightp}.mp4", pictures, keyint=125, weightp=weightp) for weightp in (0, 2)]
    blind, told = [scan_video(str(path), DEFAULT) for path in paths]
    assert index_packets(str(paths[1])).keys.tolist() == [0, 125, 226]
    for (start, end), *others in (blind.gradual, told.gradual):
        assert not others and abs(start - 6) <= 4 and abs(end - 28) <= 4
    assert told.decoded < 0.85 * blind.decoded


def wiped(one: list[Picture], two: list[Picture]) -> list[Picture]:
    """The second shot comes in from the left."""
    edges = [(i + 1) * 160 // (len(one) + 1) for i in range(len(one))]
    return [np.hstack([b[:, :x], a[:, x:]]) for x, a, b in zip(edges, one, two, strict=True)]


@pytest.mark.parametrize("first", [85, 100])
def test_light_that_changed_explains_no_other_picture_at_the_end_of_a_group(tmp_path: Path, first: int):
    one, two = list(moving(1, first + 20)), [(picture * 0.4).astype(np.uint8) for picture in moving(2, 200 - first)]
    for i in range(8, 24):  # a shadow passes
        one[i] = (one[i] * (1 - 0.03 * min(i - 7, 24 - i))).astype(np.uint8)
    path = encode(tmp_path / "film.mp4", [*joined(wiped, one, two, frames=20), *film(100)], keyint=125)
    index = index_packets(str(path))
    assert index is not None and index.fading is not None
    assert index.keys.tolist() == [0, 125, 200] and 0 < np.flatnonzero(index.fading).max() < 30
    for (start, end), *others in (scan_all(str(path), DEFAULT).gradual, scan_video(str(path), DEFAULT).gradual):
        assert not others and abs(start - first) <= 4 and abs(end - first - 19) <= 4


def test_what_was_shown_between_two_key_frames_of_one_picture_is_looked_at(tmp_path: Path):
    one, two = list(moving(1, 80)), [picture[::-1, ::-1] for picture in moving(2, 80)]
    pictures = grainy([*joined(blended, one, two, frames=24), *one, *film(60)], 6)
    path = encode(tmp_path / "film.mp4", pictures, keys={136})
    full, scan = scan_all(str(path), DEFAULT), scan_video(str(path), DEFAULT)
    assert full.cuts == scan.cuts == [136, 216]
    for (start, end), *others in (full.gradual, scan.gradual):
        assert not others and abs(start - 56) <= 4 and abs(end - 78) <= 4


def test_black_inside_a_group_belongs_to_no_shot(tmp_path: Path):
    pictures = [*film(60), *black(20), *film(80, 60)]
    scan = scan_video(str(encode(tmp_path / "film.mp4", pictures)), DEFAULT)
    assert scan.black == [(60, 80)]


@pytest.mark.parametrize(("first", "last"), [(81, 160), (98, 175), (113, 160), (130, 175), (146, 160)])
def test_from_a_cut_to_black_on_a_group_is_decoded_without_what_lies_before(tmp_path: Path, first: int, last: int):
    pictures = [*grainy(panning(1, [1] * (first - 1))), *black(last - first), *panning(2, [1] * 89)]
    path = encode(tmp_path / "film.mp4", pictures, {160}, bframes=3, b_adapt=0, scenecut=1)
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist()[:2] == [0, 160]
    scan = scan_video(str(path), DEFAULT)
    assert outline(scan) == outline(scan_all(str(path), DEFAULT))
    assert scan.black == [(first, last)]
    assert scan.decoded < 220 - 0.8 * first


@pytest.mark.parametrize(("first", "second"), [(104, 110), (104, 112), (98, 110)])
def test_a_shot_between_black_and_a_cut_to_black_is_one(tmp_path: Path, first: int, second: int):
    """Of such a group only the key frame is looked at before the second black."""
    shots = [grainy(panning(seed, [1] * (frames - 1))) for seed, frames in ((1, first), (2, 90))]
    pictures = [*shots[0], *black(second - first), *shots[1], *black(20), *panning(3, [1] * 60)]
    keys = {second, second + 110}
    path = encode(tmp_path / "film.mp4", pictures, keys, bframes=3, b_adapt=0, scenecut=1)
    scan = scan_video(str(path), DEFAULT)
    assert outline(scan) == outline(scan_all(str(path), DEFAULT))
    assert scan.black == [(first, second), (second + 90, second + 110)]


@pytest.mark.parametrize(("speed", "frames"), [(12, 8), (12, 12), (12, 16), (15, 8), (15, 12), (20, 8), (20, 16)])
def test_a_key_frame_with_which_the_camera_begins_to_swing_is_no_cut(tmp_path: Path, speed: int, frames: int):
    """Nothing moved before it; seen from there it is a step that stands out. With B-frames left out pictures drift."""
    pictures = grainy(panning(1, [*[0] * 60, *[speed] * frames, *[0] * 60]))
    path = encode(tmp_path / "film.mp4", pictures, {60, 61}, bframes=3)
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 60, 61]
    for scan in (scan_all(str(path), DEFAULT), scan_video(str(path), DEFAULT)):
        assert scan.cuts == [] and len(scan.shots) == 1


@pytest.mark.parametrize(("seed", "speed"), [(1, 0.4), (2, 0.3), (3, 0.4)])
def test_a_shot_that_moves_through_groups_of_which_only_key_frames_are_decoded_is_one_clip(
    tmp_path: Path, seed: int, speed: float
):
    """None of its pieces stands still, and where one ends the picture does not jump."""
    path = encode(tmp_path / "film.mp4", grainy(panning(seed, [speed] * 629), 6), keyint=250)
    assert scan_video(str(path), DEFAULT).decoded < 10
    stages = [Split(settings=dataclasses.replace(DEFAULT, effort=effort)) for effort in ("all", "doubtful")]
    full, quick = (stage({"video": [str(path)]}) for stage in stages)
    assert full["clips"] == quick["clips"] and len(full["clips"][0]) == 1


@pytest.mark.parametrize("changed", [{"gradual": "learned"}, {"black_luma": None}], ids=["a network", "no black"])
def test_nothing_is_left_out_before_black_for_a_network_nor_where_black_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
):
    monkeypatch.setattr(
        "panda_hf.splitting.learned.load_transnet", lambda: lambda pictures: np.zeros((len(pictures), 2))
    )
    pictures = [*grainy(panning(1, [1] * 112)), *black(47), *panning(2, [1] * 89)]
    path = encode(tmp_path / "film.mp4", pictures, {160}, bframes=3, b_adapt=0, scenecut=1)
    assert scan_video(str(path), DEFAULT).decoded < 60
    scan = scan_video(str(path), dataclasses.replace(DEFAULT, **changed))
    assert 113 in scan.cuts or scan.black == [(113, 160)]
    assert scan.decoded > 75


def test_a_cut_before_a_cut_to_black_and_what_comes_after_it_in_one_group_are_found(tmp_path: Path):
    pictures = grainy([*panning(1, [1] * 12), *panning(2, [1] * 106)], 9) + [*black(31), *panning(3, [1] * 59)]
    path = encode(tmp_path / "film.mp4", pictures, bframes=3, b_adapt=0, keyint=500, min_keyint=250)
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0]
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts
    assert (scan.shots, scan.black) == ([(0, 13), (13, 120), (151, 211)], [(120, 151)])
    assert scan.decoded < 0.3 * 211


def test_after_black_a_group_is_decoded_only_as_far_as_its_bytes_leave_doubt(tmp_path: Path):
    shots = [grainy(panning(seed, [1] * (frames - 1))) for seed, frames in ((1, 60), (4, 70), (2, 100))]
    faded = [
        (picture * min(1, (i + 1) / 25)).astype(np.uint8)
        for i, picture in enumerate(grainy(panning(3, [0.5] * 203), 6))
    ]
    pictures = [*sum(shots, []), *black(40), *faded, *grainy(panning(5, [0.5] * 559)), *panning(6, [1] * 60)]
    options = {"bframes": 3, "b_adapt": 0, "keyint": 900, "min_keyint": 250, "scenecut": 0}
    path = without_notes(encode(tmp_path / "film.mp4", pictures, {60, 130, 474, 1034}, **options))
    index = index_packets(str(path))
    assert index is not None and index.keys.tolist() == [0, 60, 130, 474, 1034]
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts == [60, 130, 230, 474, 1034]
    assert [start for start, _ in scan.black] == [230]
    assert scan.decoded < 210


@pytest.mark.parametrize("last", [260, 263])
def test_a_cut_out_of_black_that_the_encoder_did_not_mark_is_found_on_its_frame(tmp_path: Path, last: int):
    shots = [grainy(panning(seed, [1] * (frames - 1))) for seed, frames in ((1, 60), (4, 70), (2, 100))]
    pictures = [*shots[0], *shots[1], *shots[2], *black(last - 230), *panning(3, [1] * 60), *panning(5, [1] * 60)]
    options = {"bframes": 3, "b_adapt": 0, "keyint": 500, "min_keyint": 250, "scenecut": 0}
    path = without_notes(encode(tmp_path / "film.mp4", pictures, {60, 130, last + 61}, **options))
    scan = scan_video(str(path), DEFAULT)
    assert scan.black == [(230, last)]
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts == [60, 130, 230, last, last + 61]


def test_after_a_scan_its_frames_are_let_go_at_once(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", film(100, 90), scenecut=0)
    gc.collect()
    gc.disable()
    try:
        assert scan_video(str(path), DEFAULT).decoded > 100
        assert sum(isinstance(each, Look) for each in gc.get_objects()) < 50
    finally:
        gc.enable()


def test_a_picture_that_stops_is_not_taken_for_black(tmp_path: Path):
    pictures = grainy(film(121))
    path = encode(tmp_path / "film.mp4", [*pictures, *pictures[-1:] * 50, *panning(2, [1] * 80)], {171}, scenecut=1)
    scan = scan_video(str(path), DEFAULT)
    assert scan.shots == scan_all(str(path), DEFAULT).shots
    assert scan.black == []


@pytest.mark.parametrize("at", [150, 450])
def test_a_flash_on_a_fixed_key_frame_does_not_disturb_the_decoder_of_the_next_group(tmp_path: Path, at: int):
    pictures = there_and_back()
    pictures[at : at + 3] = [np.full((96, 160, 3), 250, np.uint8)] * 3
    path = encode(tmp_path / "film.mp4", pictures, keyint=50, min_keyint=50, scenecut=0)
    scan = scan_video(str(path), DEFAULT)
    assert scan.cuts == scan_all(str(path), DEFAULT).cuts == []
    assert scan.decoded < 0.75 * len(pictures)


def test_a_flash_is_no_cut(tmp_path: Path):
    pictures = film(70, 90, 80)
    pictures[100:103] = [np.full_like(pictures[0], 255)] * 3
    scan = scan_video(str(encode(tmp_path / "film.mp4", pictures)), DEFAULT)
    assert scan.cuts == [70, 160]


def test_a_still_shot_is_told_from_one_in_which_something_moves(tmp_path: Path):
    pictures = [*still(1, 80), *moving(2, 80)]
    scan = scan_video(str(encode(tmp_path / "film.mp4", pictures)), DEFAULT)
    assert scan.features is not None and len(scan.features) == 4
    apart = np.linalg.norm(scan.features[0::2] - scan.features[1::2], axis=1)
    assert apart[0] < DEFAULT.still_distance < apart[1]


@pytest.mark.parametrize("grain", [0, 3, 5])
def test_before_a_cut_to_black_it_is_too(tmp_path: Path, grain: int):
    """What little moves does so at once; without grain the bytes do not tell where black begins."""
    shot = moving(1, 120) if grain else still(1, 120)
    path = encode(tmp_path / "film.mp4", [*grainy(shot, grain or 1), *black(40), *film(60)], {160}, scenecut=1)
    scan = scan_video(str(path), DEFAULT)
    assert scan.black == scan_all(str(path), DEFAULT).black == [(120, 160)]
    assert scan.features is not None
    assert (np.linalg.norm(scan.features[0] - scan.features[1]) > DEFAULT.still_distance) == bool(grain)


def test_without_descriptors_the_probes_are_those_of_the_rules(tmp_path: Path):
    path = str(encode(tmp_path / "film.mp4", film(90, 110)))
    quick = scan_video(path, DEFAULT, describe_probes=False)
    assert quick.features is None
    assert quick.probe_times == scan_all(path, DEFAULT, describe_probes=False).probe_times


def test_rules_that_ask_for_every_frame_get_every_frame(tmp_path: Path):
    path = str(encode(tmp_path / "film.mp4", film(90, 110)))
    assert scan_video(path, PANDA70M).decoded == 200
    assert scan_video(path, dataclasses.replace(DEFAULT, effort="all")).decoded == 200


@pytest.mark.parametrize("x264", [{"keyint": 1}, {"keyint": 9999, "scenecut": 0}], ids=["all key", "one key"])
def test_files_without_useful_key_frames_are_decoded_once(tmp_path: Path, x264: dict[str, int]):
    pictures = film(300, 300, 390) if x264["keyint"] > 1 else film(40, 50)
    scan = scan_video(str(encode(tmp_path / "film.mp4", pictures, **x264)), DEFAULT)
    assert scan.decoded == len(pictures)


def test_a_file_that_turns_out_otherwise_than_its_packets_said_is_decoded_in_full(tmp_path: Path):
    path = encode(tmp_path / "film.mp4", film(60, 60, 60))
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + len(data) // 2
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    assert outline(scan_video(str(path), DEFAULT)) == outline(scan_all(str(path), DEFAULT))


def test_packets_are_read_once_unless_they_are_too_big_to_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = str(encode(tmp_path / "film.mp4", film(120, 90, 150)))
    passes: list[object] = []
    once = Decoder.packets
    monkeypatch.setattr(Decoder, "packets", lambda self: passes.append(self) or once(self))
    held = scan_video(path, DEFAULT)
    assert len(passes) == 1 and held.cuts == scan_all(path, DEFAULT).cuts == [120, 210]
    passes.clear()
    monkeypatch.setattr("panda_hf.splitting.scan.HELD_BYTES", 1000)
    again = scan_video(path, DEFAULT)
    assert len(passes) == 2 and again.cuts == held.cuts and again.pieces == held.pieces
