"""Limits on measures: as they are written, and which clips pass."""

from __future__ import annotations

import pytest
from datasets import Dataset

from panda_hf.errors import MissingColumnError
from panda_hf.subsets import Limit, Subset, select_clips

ROWS = Dataset.from_list(
    [
        {"clip_id": "a", "motion": 0.1, "black_border": 0.0},
        {"clip_id": "b", "motion": 0.002, "black_border": 0.3},
        {"clip_id": "c", "motion": None, "black_border": 0.1},
        {"clip_id": "d", "motion": float("nan"), "black_border": 0.1},
    ]
)


def kept(*limits: str) -> list[str]:
    return select_clips(ROWS, Subset(limits=tuple(map(Limit.parse, limits))))["clip_id"][:]


def test_a_clip_passes_at_its_limit_and_not_when_its_value_is_unknown() -> None:
    assert kept("motion>=0.002") == ["a", "b"]
    assert kept("motion <= 0.05") == ["b"]
    assert kept("motion>=0.002", "black_border<=0.1") == ["a"]


@pytest.mark.parametrize(
    "text", ["motion>0.1", "motion", ">=1", "motion>=much", "motion>=nan", "motion>=inf", "a b>=1"]
)
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no limit; .*motion>=0\.002"):
        Limit.parse(text)


def test_a_missing_column_is_named_before_any_work() -> None:
    with pytest.raises(MissingColumnError, match="sharpness"):
        kept("sharpness>=0.1")


def test_limits_are_told_in_words_and_in_the_record() -> None:
    rule = Subset(limits=(Limit.parse("motion>=0.002"), Limit.parse("black_border<=0.1")))
    assert rule.in_words() == ["motion>=0.002, black_border<=0.1"]
    assert rule.as_dict()["limits"] == ["motion>=0.002", "black_border<=0.1"]
