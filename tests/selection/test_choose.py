"""Scores to choices, and the statistics over choices."""

from __future__ import annotations

import pytest

from panda_hf.selection import Choice, agreement, choose, selective_rate


def test_the_highest_score_wins_and_the_margin_is_to_the_runner_up():
    choice = choose([0.25, 0.75, 0.5])
    assert choice == Choice(index=1, score=0.75, margin=0.25)


def test_candidates_without_a_score_are_never_chosen():
    assert choose([None, -0.5, None]) == Choice(index=1, score=-0.5, margin=None)


def test_nothing_is_chosen_where_nothing_has_a_score():
    assert choose([None, None]) is None and choose([]) is None


def test_of_equal_scores_the_first_wins():
    assert choose([0.1, 0.3, 0.3]) == Choice(index=1, score=0.3, margin=0.0)


def test_selective_rates_are_shares_of_the_clips_that_have_a_caption():
    chosen = ["a", "b", "a", None, "a"]
    assert selective_rate(chosen, ["a", "b", "c"]) == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert selective_rate([None], ["a"]) == {"a": 0.0}


def test_agreement_counts_only_clips_judged_by_both():
    assert agreement(["a", "b", None, "c"], ["a", "c", "a", None]) == 0.5
    assert agreement([None], ["a"]) is None


def test_agreement_of_different_clips_is_refused():
    with pytest.raises(ValueError, match="2 and 1"):
        agreement(["a", "b"], ["a"])
