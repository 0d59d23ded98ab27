"""The six labels: each for a clip drawn for it, and the order of the rules."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from panda_hf.measuring import DesirableFiltering
from panda_hf.measuring.desirable import LABELS
from tests.measuring.pictures import Frames, desktop, inset, measured, pan, scene


def blurred() -> Frames:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 20) for frame in pan(8)])


@pytest.mark.parametrize(
    ("label", "frames"),
    [
        ("desirable", pan(8)),
        ("0_low_desirable_score", blurred()),
        ("1_still_foreground_image", np.stack([scene()] * 6)),
        ("2_tiny_camera_movement", pan(1)),
        ("3_screen_in_screen", inset()),
        ("4_computer_screen_recording", desktop()),
    ],
    ids=LABELS,
)
def test_a_clip_drawn_for_each_label_gets_it(label: str, frames: Frames) -> None:
    assert DesirableFiltering().label(measured(frames)) == label


def test_the_labels_are_those_of_the_release(shared) -> None:
    text = (shared / "reference" / "facts.md").read_text(encoding="utf-8")
    assert all(f"`{label}`" in text for label in LABELS)


def test_what_is_not_known_of_one_frame_makes_no_fault() -> None:
    row = measured(scene()[None])
    assert row["motion"] is None
    assert DesirableFiltering().label(row) == "desirable"


def test_limits_are_settings() -> None:
    row = measured(pan(8))
    assert DesirableFiltering(tiny_motion=1.0, tiny_own_motion=1.0).label(row) == "2_tiny_camera_movement"
    assert DesirableFiltering(least_sharpness=1.0, tiny_motion=1.0).label(row) == "0_low_desirable_score"
