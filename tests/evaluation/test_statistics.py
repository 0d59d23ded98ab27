"""Bootstrap and paired tests: exact small cases, and in a slow test the coverage they promise."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.evaluation.statistics import approximate_randomisation, bootstrap_interval, paired_bootstrap


def test_the_interval_of_a_mean_is_the_normal_one_on_many_items() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    found = bootstrap_interval(values, resamples=4000)
    half = 1.96 * values.std() / 2000**0.5
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.004)


def test_equal_items_leave_no_doubt() -> None:
    found = bootstrap_interval([0.5] * 10)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))


def test_a_seed_gives_the_same_interval_again_and_another_seed_another() -> None:
    values = np.random.default_rng(1).random(30)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_a_corpus_metric_is_computed_anew_from_the_summed_parts() -> None:
    parts = np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 10.0]])
    found = bootstrap_interval(parts, lambda sums: sums[:, 0] / sums[:, 1])
    assert found.value == 4 / 16
    assert 0.0 <= found.low < found.value < found.high <= 0.75


def test_exchanges_of_few_items_are_all_counted() -> None:
    # All three differences are 1: of 8 sign patterns two are as extreme as the observed one.
    assert approximate_randomisation([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]) == 2 / 8
    assert approximate_randomisation([1.0, 0.0], [0.0, 1.0]) == 1.0


def test_a_corpus_metric_can_be_exchanged_too() -> None:
    a, b = np.array([[1.0, 1.0], [1.0, 3.0]]), np.array([[0.0, 1.0], [0.0, 3.0]])
    # Ratios: 2/4 against 0/4; with one item exchanged 1/4 each.
    assert approximate_randomisation(a, b, lambda sums: sums[:, 0] / sums[:, 1]) == 2 / 4


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = np.random.default_rng(3).random((2, 5)), np.random.default_rng(4).random((2, 30))

    def found() -> list[float]:
        exact = [approximate_randomisation([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]), approximate_randomisation(*few)]
        drawn = bootstrap_interval(many[0], resamples=50)
        return [*exact, approximate_randomisation(*many, resamples=50), drawn.low, drawn.high]

    whole = found()
    for block in (6, 40, 100):
        monkeypatch.setattr("panda_hf.evaluation.statistics._BLOCK", block)
        assert found() == pytest.approx(whole)
    assert whole[0] == 2 / 8


def test_two_equal_systems_do_not_differ_and_a_better_one_does() -> None:
    values = np.random.default_rng(2).random(100)
    assert paired_bootstrap(values, values).p_value == 1.0
    better = paired_bootstrap(values + 0.1, values)
    assert better.difference == pytest.approx(0.1)
    assert better.p_value == pytest.approx(2 / 2001)
    assert approximate_randomisation(values + 0.1, values, resamples=999) == pytest.approx(1 / 1000)


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(ValueError, match="item 1"):
        bootstrap_interval([0.0, float("nan")])
    with pytest.raises(ValueError, match="same items"):
        paired_bootstrap([0.0, 1.0], [0.0, 1.0, 2.0])


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    samples = generator.exponential(size=(400, 150))
    found = [bootstrap_interval(sample, resamples=1000, seed=i) for i, sample in enumerate(samples)]
    assert 0.90 <= np.mean([one.low <= 1 <= one.high for one in found]) <= 0.98


@pytest.mark.slow
def test_randomisation_finds_a_difference_in_equal_systems_as_rarely_as_it_says() -> None:
    generator = np.random.default_rng(0)
    values = [approximate_randomisation(*generator.normal(size=(2, 60)), resamples=500, seed=i) for i in range(400)]
    assert 0.02 <= np.mean(np.array(values) <= 0.05) <= 0.085
