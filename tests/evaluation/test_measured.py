"""Intervals, spreads over seeds and comparisons, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.evaluation.measured import Measured, differences, over_seeds
from panda_hf.evaluation.statistics import paired_bootstrap


def mean_of(*values: float) -> Measured:
    items = np.array(values)
    return Measured(statistics=items[:, None], per_item=items)


def ratio_of(*pairs: tuple[float, float]) -> Measured:
    return Measured(statistics=np.array(pairs), from_sums=lambda sums: sums[:, 0] / sums[:, 1])


def test_a_corpus_figure_follows_from_the_sums_and_not_from_the_items() -> None:
    assert ratio_of((1, 1), (0, 3)).value == 0.25
    assert mean_of(1.0, 0.0).value == 0.5


def test_seeds_give_the_mean_and_its_spread() -> None:
    runs = [mean_of(0.1, 0.3), mean_of(0.2, 0.6), mean_of(0.3, 0.3)]
    found = over_seeds(runs)
    assert found.runs == pytest.approx((0.2, 0.4, 0.3))
    assert found.value == pytest.approx(0.3)
    assert found.as_score().spread == pytest.approx(0.1)  # sqrt((0.1² + 0.1² + 0) / 2)
    assert found.per_item is not None and found.per_item.tolist() == pytest.approx([0.2, 0.4])


def test_the_figure_over_seeds_is_the_mean_of_the_corpus_figures() -> None:
    found = over_seeds([ratio_of((1, 1), (0, 3)), ratio_of((1, 2), (1, 2))])
    assert found.value == pytest.approx((0.25 + 0.5) / 2)


def test_one_set_of_captions_has_an_interval_and_no_spread() -> None:
    score = mean_of(*np.linspace(0, 1, 50)).as_score()
    assert score.spread is None and score.low is not None and score.high is not None
    assert score.low < score.value == 0.5 < score.high


def test_a_single_video_has_no_interval() -> None:
    score = mean_of(0.5).as_score()
    assert (score.value, score.low, score.high) == (0.5, None, None)


def test_every_two_models_are_compared_on_what_both_have() -> None:
    models = {"a": {"x": mean_of(1, 2, 3), "y": mean_of(1, 1, 1)}, "b": {"x": mean_of(0, 1, 2)}, "c": {}}
    (one,) = differences(models, ["x", "y"])
    assert (one.model, one.other, one.metric, one.difference) == ("a", "b", "x", 1.0)
    assert one.p_value == 2 / 8  # of the eight exchanges two leave a difference as large


def test_a_model_with_seeds_is_compared_with_one_without() -> None:
    plain, seeded = mean_of(0.5, 0.7, 0.1), over_seeds([mean_of(0.1, 0.2, 0.3), mean_of(0.3, 0.2, 0.1)])
    (one,) = differences({"plain": {"x": plain}, "seeded": {"x": seeded}}, ["x"])
    direct = paired_bootstrap(plain.statistics[:, 0], np.array([0.2, 0.2, 0.2]))
    assert one.difference == pytest.approx(13 / 30 - 0.2)
    assert (one.low, one.high) == pytest.approx((direct.low, direct.high))
    thrice = over_seeds([ratio_of((1, 1), (0, 3))] * 3)
    twice = over_seeds([ratio_of((1, 2), (1, 2))] * 2)
    assert differences({"a": {"x": thrice}, "b": {"x": twice}}, ["x"])[0].difference == pytest.approx(-0.25)
