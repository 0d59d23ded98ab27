"""Preference ratios of votes counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

evaluate = pytest.importorskip("evaluate")
from panda_hf.metrics.preference_ratio.preference_ratio import preference_ratio, wilson  # noqa: E402

METRIC = str(Path(__file__).parents[2] / "panda_hf/metrics/preference_ratio")
VOTES = ["a", "a", "b", "b", "b", "a"]
CLIPS = ["x", "x", "x", "y", "y", "y"]


def test_shares_pairwise_wins_and_agreement_are_those_counted_by_hand() -> None:
    found = evaluate.load(METRIC).compute(
        predictions=VOTES, references=CLIPS, systems=["a", "b", "c"], picks={"x": "a", "y": "a"}
    )
    assert found["preference_ratio"] == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert found["pairwise_wins"]["a"]["b"] == {"wins": 1, "ties": 0, "losses": 1}
    assert found["pairwise_wins"]["a"]["c"] == {"wins": 2, "ties": 0, "losses": 0}
    assert found["agreement_with_winner"] == 0.5
    assert found["agreement_with_votes"] == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_wilsons_interval_of_half_of_hundred_is_the_textbooks() -> None:
    # z = 1.96: middle 0.5, half width z/(1+z2/n) sqrt(0.25/n + z2/4n2)
    assert wilson(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-12)


def test_votes_that_agree_within_clips_widen_the_interval() -> None:
    votes = np.repeat(["a", "b"] * 20, 5).tolist()
    together = preference_ratio(votes, np.repeat(np.arange(40), 5).tolist())["confidence_interval"]["a"]
    alone = preference_ratio(votes)["confidence_interval"]["a"]
    ratio = (together[1] - together[0]) / (alone[1] - alone[0])
    assert ratio == pytest.approx(5**0.5, rel=0.15)


def test_a_tie_of_winners_counts_by_share() -> None:
    assert preference_ratio(["a", "b"], ["x", "x"], picks={"x": "a"})["agreement_with_winner"] == 0.5


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="'x'.*'z'"):
        preference_ratio(["z"], ["x"], systems=["a"])
    with pytest.raises(ValueError, match="'x' has votes and no pick"):
        preference_ratio(["a"], ["x"], picks={})
    with pytest.raises(ValueError, match="no votes"):
        preference_ratio([])
