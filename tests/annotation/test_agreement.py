"""Agreement, against arithmetic."""

from __future__ import annotations

import pytest

from panda_hf.annotation.agreement import agreement, overall, pairwise
from panda_hf.annotation.answers import Answer


def said(*choices: set[int] | None, mode: str = "best", captions: int = 8, digest: str = "d") -> dict[str, Answer]:
    """Answers to clips 0, 1, …; `None`: not judged."""
    return {
        str(i): Answer(
            annotator="x",
            clip_id=str(i),
            chosen=tuple(sorted(chosen)),
            candidates=digest,
            shown=tuple(range(captions)),
            mode=mode,  # type: ignore[arg-type]
        )
        for i, chosen in enumerate(choices)
        if chosen is not None
    }


def test_equal_picks_are_counted_over_clips_that_both_judged() -> None:
    found = agreement(said({0}, {1}, set(), {2}, None), said({0}, {2}, set(), None, {3}))
    assert found is not None and (found.clips, found.share) == (3, pytest.approx(2 / 3))
    # nine answers are possible: chance is 1/9, (2/3 - 1/9) / (1 - 1/9) = (5/9) / (8/9)
    assert found.above_chance == pytest.approx(5 / 8)


def test_all_bad_agrees_with_all_bad_only() -> None:
    found = agreement(said(set(), set()), said(set(), {4}))
    assert found is not None and found.share == 0.5


def test_several_good_captions_agree_as_far_as_they_overlap() -> None:
    found = agreement(said({0, 1, 2}, {5}, mode="good"), said({1, 2, 3}, {5}, mode="good"))
    assert found is not None and found.share == pytest.approx((2 / 4 + 1) / 2) and found.above_chance is None


def test_answers_to_other_captions_are_not_compared() -> None:
    assert agreement(said({0}), said({0}, digest="other")) is None
    assert agreement({}, said({0})) is None


def test_over_all_pairs_each_clip_of_each_pair_counts_once() -> None:
    people = {"c": said({0}, {1}), "a": said({0}, {2}), "b": said({0}, None)}
    pairs = pairwise(people)
    assert {pair: (one.clips, one.share) for pair, one in pairs.items()} == {
        ("a", "b"): (1, 1.0),
        ("a", "c"): (2, 0.5),
        ("b", "c"): (1, 1.0),
    }
    total = overall(people)
    assert total is not None and (total.clips, total.share) == (4, 0.75)
    assert overall({"a": said({0})}) is None
