"""Keep rates by counting."""

from __future__ import annotations

from panda_hf.measuring.frames import MeasureFrames
from panda_hf.measuring.measure import Column
from panda_hf.measuring.rates import COLUMNS, keep_rates, label_rates


def test_a_clip_is_kept_at_its_limit_and_never_when_its_value_is_not_known() -> None:
    least = keep_rates(Column("x", "", "least", (0.0, 1.0, 2.0)), [0.0, 1.0, 2.0, None])
    assert (least.kept, least.known, least.unknown) == ((0.75, 0.5, 0.25), 3, 1)
    most = keep_rates(Column("x", "", "most", (2.0, 1.0)), [0.0, 1.0, 2.0, None])
    assert most.kept == (0.75, 0.5) and most.quartiles == (0.5, 1.0, 1.5)
    assert (least.rules[1], most.rules[1]) == ("x>=1", "x<=1")


def test_no_clip_and_no_value() -> None:
    column = Column("x", "", "least", (1.0,))
    assert (keep_rates(column, []).kept, keep_rates(column, [None]).kept) == ((0.0,), (0.0,))
    assert keep_rates(column, [None]).quartiles is None


def test_limits_go_from_loose_to_strict_and_every_number_has_some() -> None:
    for column in COLUMNS:
        assert list(column.limits) == sorted(column.limits, reverse=column.side == "most")
    assert {column.name for column in COLUMNS} == {
        *MeasureFrames().appends,
        "max_running_lpips",
        "max_running_distance",
    }


def test_labels_are_counted_in_the_order_of_the_release() -> None:
    counts = label_rates(["desirable", "3_screen_in_screen", "desirable", None, "own"])
    assert list(counts.items()) == [("desirable", 2), ("3_screen_in_screen", 1), ("own", 1), ("unknown", 1)]
