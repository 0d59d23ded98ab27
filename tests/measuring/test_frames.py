"""Each measure against arithmetic on drawn frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from panda_hf.measuring.frames import MeasureFrames
from tests.measuring.pictures import HEIGHT, WIDTH, inset, measured, pan, scene

DIAGONAL = float(np.hypot(HEIGHT, WIDTH))


def grey(level: int, count: int = 3) -> np.ndarray:
    return np.full((count, HEIGHT, WIDTH, 3), level, np.uint8)


def test_brightness_is_the_mean_over_pixels_and_frames() -> None:
    assert measured(np.concatenate([grey(51, 1), grey(153, 1)]), "brightness")["brightness"] == pytest.approx(0.4)


def test_sharpness_is_the_spread_of_the_laplacian() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    around = np.pad(levels.astype(float), 1, mode="reflect")
    laplacian = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:] - 4 * levels.astype(float)
    found = measured(np.repeat(levels[None, :, :, None], 3, axis=3), "sharpness")["sharpness"]
    assert found == pytest.approx(laplacian.std() / 255, rel=1e-4)
    blurred = cv2.GaussianBlur(scene(), (0, 0), 4)
    assert measured(blurred[None], "sharpness")["sharpness"] < measured(scene()[None], "sharpness")["sharpness"]


def test_a_black_border_is_what_never_shows_anything() -> None:
    framed = np.stack([scene(i) for i in range(3)])
    framed[:, :15], framed[:, -15:] = 0, 16  # black in full and in television range
    assert measured(framed, "black_border")["black_border"] == pytest.approx(30 / HEIGHT)
    framed[:, 5:9, 200:203] = 255  # a small logo in the border
    assert measured(framed, "black_border")["black_border"] == pytest.approx(30 / HEIGHT)
    framed[1, 5] = 200  # one frame shows something there
    assert measured(framed, "black_border")["black_border"] == pytest.approx((30 - 10) / HEIGHT)
    assert measured(grey(0), "black_border")["black_border"] == 1.0


def test_a_pan_is_motion_of_the_camera_by_its_speed() -> None:
    found = measured(pan(4), "motion", gap=0.5)
    assert found["camera_motion"] == pytest.approx(4 / 0.5 / DIAGONAL, rel=0.05)
    assert found["motion"] == pytest.approx(4 / 0.5 / DIAGONAL, rel=0.1)
    assert found["own_motion"] < 0.1 * found["motion"]
    slower = measured(pan(4), "motion", gap=1.0)
    assert slower["motion"] == pytest.approx(found["motion"] / 2, rel=1e-5)


def test_a_thing_that_crosses_a_still_picture_moves_by_itself() -> None:
    frames = np.stack([scene(3)] * 6)
    for i, frame in enumerate(frames):
        frame[40:100, 20 + 6 * i : 80 + 6 * i] = scene(4, 60, 60)
    found = measured(frames, "motion")
    assert found["own_motion"] > 5 * found["camera_motion"]


def test_the_still_area_is_the_share_of_pixels_that_do_not_change() -> None:
    frames = grey(100, 4)
    frames[2, :, : WIDTH // 4] = 130
    frames[1] += 5  # what an encoder makes of nothing
    assert measured(frames, "motion")["still_area"] == pytest.approx(0.75)


def test_one_frame_tells_nothing_of_motion() -> None:
    found = measured(scene()[None])
    assert [name for name, value in found.items() if value is None] == [
        "motion",
        "camera_motion",
        "own_motion",
        "still_area",
        "inset_area",
    ]


@pytest.mark.parametrize("words", ["subtitles of a talk", "A BIG TITLE"])
def test_text_covers_about_the_rectangle_it_is_drawn_in(words: str) -> None:
    frame = cv2.resize(scene(5), (398, 224))
    size = 0.6 if words.islower() else 1.0
    (width, height), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 2)
    cv2.putText(frame, words, (20, 200), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.putText(frame, words, (20, 200), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2, cv2.LINE_AA)
    share = width * (height + below) / (224 * 398)
    assert 0.5 * share < measured(frame[None], "text_area")["text_area"] < 2 * share
    assert measured(scene(5)[None], "text_area")["text_area"] == 0


def test_a_moving_picture_inside_a_still_one_is_found_with_its_size() -> None:
    share = 60 * 120 / (HEIGHT * WIDTH)
    assert measured(inset(), "screens")["inset_area"] == pytest.approx(share, rel=0.1)
    assert measured(pan(4), "screens")["inset_area"] == 0
    crossed = np.full((6, HEIGHT, WIDTH, 3), 90, np.uint8)
    for i, frame in enumerate(crossed):
        frame[40:100, 10 + 30 * i : 60 + 30 * i] = 200
    assert measured(crossed, "screens")["inset_area"] == 0  # a square whose path is a rectangle
    pillar = np.zeros((5, HEIGHT, WIDTH, 3), np.uint8)
    for i, frame in enumerate(pillar):
        frame[:, 80:160] = scene(i, HEIGHT, 80)
    assert measured(pillar, "screens")["inset_area"] == 0  # black around it is a border


def test_flat_pixels_equal_their_neighbours() -> None:
    noisy = np.random.default_rng(1).integers(60, 200, (1, HEIGHT, WIDTH, 3)).astype(np.uint8)
    noisy[:, :, : WIDTH // 2] = 120
    assert measured(noisy, "screens")["flat_area"] == pytest.approx(0.5, abs=0.02)


def test_larger_frames_are_measured_at_the_same_size() -> None:
    large = np.stack([cv2.resize(frame, (4 * WIDTH, 4 * HEIGHT)) for frame in pan(4)])
    one, two = measured(large), measured(pan(4))
    assert one["camera_motion"] == pytest.approx(two["camera_motion"], rel=0.05)
    assert one["brightness"] == pytest.approx(two["brightness"], abs=0.01)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 5), (2, 300), (50, 66)])
def test_frames_of_any_size_are_measured(height: int, width: int) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, height, width, 3)).astype(np.uint8)
    assert all(value is not None and np.isfinite(value) for value in measured(frames).values())


def test_a_measure_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="choose among motion, sharpness"):
        MeasureFrames(measures=("motoin",))
    with pytest.raises(ValueError, match="each once"):
        MeasureFrames(measures=("motion", "motion"))


def test_a_pack_that_holds_no_frame_becomes_an_error_row() -> None:
    empty = {"data": b"", "shape": [0, 4, 4, 3], "times": []}
    out = MeasureFrames(measures=("brightness",))({"frames": [empty, None]})
    assert out["brightness"] == [None, None]
    assert out["error"][0]["type"] == "ValueError" and "[0, 4, 4, 3]" in out["error"][0]["message"]
    assert out["error"][1] is None
