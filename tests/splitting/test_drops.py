"""Where the bytes of frames drop to next to nothing at once."""

from __future__ import annotations

import re

import numpy as np
import pytest

from panda_hf.splitting.drops import drop_of

STILL = "P68 b36 b38 b36 P68 b36 b38 b36"
MOVING = "b600 b1200 b700 P5000 b500 b1300 b600 P4000 b700 b1500 b800 P2900"


def drop(text: str) -> int:
    """That of frames, each written as its kind and its bytes."""
    found = re.findall(r"([PbB])(\d+)", text)
    return drop_of(np.array([float(size) for _, size in found]), np.array([kind == "P" for kind, _ in found]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MOVING, f"b60 b60 b36 {STILL}"),  # the first black frame is no anchor
        (f"{MOVING} b850", f"b60 b35 {STILL}"),
        (f"{MOVING} b850 b900 b820", STILL),
        ("b200 b600 b210 P4000 b240 P1200 b242", "P80 b95 b45 b48 P1600 P770"),
    ],
    ids=["of three B-frames all", "two", "none", "more bytes soon after"],
)
def test_the_first_frame_after_the_drop_is_told(before: str, after: str):
    assert drop(f"{before} {after}") == len(before.split()) + 1


@pytest.mark.parametrize(
    "text",
    [
        MOVING,
        f"{MOVING} b200 b90 b40 {STILL}",  # 90 may be of the one picture or of the other
        f"{MOVING} b100 {STILL}",  # no longer what B-frames took, nor yet what they take after
        f"b600 b1200 b700 P5000 b500 b1300 b600 P4000 b700 b1500 b800 P900 b850 {STILL}",  # a fade's last
        f"b600 b700 P5000 b500 b600 P4000 b700 b800 P250 b700 {STILL}",
        f"b30 b34 P500 b30 b30 P480 b30 b33 P490 b30 b30 {STILL}",  # B-frames tell nothing
        "P5000 b700 b800 P4900 b850 P68 P60 P60 P60 P60 P60",  # nor where there are none
        "P900 P1000 P950 P1100 P60 P50 P50 P50 P50",
        "P5000 P4900 P4950 P149 P149 P149",  # too few
        "P500 P490 P495 P149 P149 P149 P149",  # not steep
        f"P2900 b850 {STILL}",  # hardly anything is known of what was before
        f"{MOVING} b850 P250 b200 b210 b200 P250 b200 b210 b200",  # more than next to nothing
        f"{MOVING} b850 b80 b30 P140 b30 b32 b30 P60",  # 80 is more than the others after it
        f"{MOVING} b850 b60 b40 P50 b40 b42 b40 P50",  # and 60 more than the first anchor
        f"P500 b70 b70 P480 b71 b72 P490 b72 {STILL}",  # little less
        "b36 b60 b37 P1021 b43 b57 b31 P655 b36 b60 b35 P313 b27 b54 b16 P38 b13 b15 b13 P22 b13",  # a still one
        "P5000 P4900 P4950 P4800 b36 P60 b36 P60 b36",
        "P60 b36",
        "",
    ],
)
def test_where_the_frame_is_not_certain_none_is_told(text: str):
    assert drop(text) == 0


def test_a_later_drop_is_told_where_the_first_is_uncertain():
    first = f"{MOVING} b200 b90 b40 {STILL}"
    assert drop(f"{first} {MOVING} {MOVING} {STILL}") == len(f"{first} {MOVING} {MOVING}".split()) + 1
