"""The learning curve over a fit that is known, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.errors import SourceError
from panda_hf.selection.answers import AnsweredClip
from panda_hf.selection.learning_curve import Point, doublings, learning_curve, outlook
from panda_hf.selection.plots import plot_learning_curve


def clips(count: int, bad: int = 0) -> list[AnsweredClip]:
    picks = [{"p": frozenset({0})}] * count + [{"p": frozenset()}] * bad
    return [AnsweredClip(f"v{i}.0", ("a", "b"), ("x", "y"), one) for i, one in enumerate(picks)]


def test_larger_subsets_hold_the_smaller_ones_and_seeds_have_own_orders():
    seen: dict[int, list[set[str]]] = {}

    def fit(subset, seed):
        seen.setdefault(seed, []).append({clip.clip_id for clip in subset})
        return len(subset) / 100

    points = learning_curve(clips(80, bad=9), fit, sizes=(40, 10, 80), seeds=(0, 1), before=0.05)
    assert [(p.labels, p.recalls) for p in points] == [
        (0, (0.05, 0.05)), (10, (0.1, 0.1)), (40, (0.4, 0.4)), (80, (0.8, 0.8)),
    ]  # fmt: skip
    for subsets in seen.values():
        assert subsets[0] < subsets[1] < subsets[2]
        assert not any(name in subsets[2] for name in (f"v{i}.0" for i in range(80, 89)))  # all bad
    assert seen[0][0] != seen[1][0]


def test_sizes_are_doublings_up_to_all():
    assert doublings(900) == [28, 56, 112, 225, 450, 900]
    assert doublings(60) == [30, 60] and doublings(10) == [10] and doublings(0) == []
    with pytest.raises(SourceError, match="between 1 and the 5 clips"):
        learning_curve(clips(5), lambda subset, seed: 0.0, sizes=(6,))


def test_spread_is_over_seeds():
    point = Point(10, (0.2, 0.4))
    assert point.mean == pytest.approx(0.3) and point.spread == pytest.approx(np.sqrt(0.02))
    assert Point(10, (0.2,)).spread is None


def test_a_rising_curve_says_what_the_next_doubling_would_bring():
    rising = [Point(0, (0.1, 0.1)), Point(100, (0.30, 0.32)), Point(400, (0.40, 0.42))]
    said = outlook(rising)  # ten points over two doublings
    assert "+5.0" in said and "400 labels more would bring up to about 5.0 points" in said


def test_a_flat_curve_and_a_noisy_one_say_that_nothing_can_be_seen():
    assert "within the noise of 2 seeds" in outlook([Point(100, (0.3, 0.4)), Point(200, (0.4, 0.32))])
    assert "within the noise" in outlook([Point(100, (0.3, 0.3)), Point(200, (0.3, 0.3))])


def test_too_little_is_said_plainly():
    assert "more sizes" in outlook([Point(0, (0.1,)), Point(100, (0.3,))])
    assert "one seed" in outlook([Point(100, (0.3,)), Point(200, (0.4,))])
    assert "fell" in outlook([Point(100, (0.5, 0.51)), Point(200, (0.3, 0.31))])


def test_the_curve_is_drawn(tmp_path):
    points = [Point(0, (0.1, 0.1)), Point(50, (0.2, 0.3)), Point(100, (0.4, 0.35))]
    assert plot_learning_curve(points, tmp_path / "c.png", human=0.45).read_bytes().startswith(b"\x89PNG")
