"""What a rule refuses, and what it says of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panda_hf.rights import OptOut
from panda_hf.subsets import Subset, VideoIds


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_clips_per_video": 1, "exactly_per_video": 1}, "exclude each other"),
        ({"max_clips": 1, "exactly_per_video": 1}, "max_videos"),
        ({"max_videos": 0}, "max_videos=0"),
        ({"min_score": 0.6, "max_score": 0.5}, "nothing passes"),
        ({"above_score": 0.6, "max_score": 0.5}, "nothing passes"),
        ({"min_seconds": 9, "max_seconds": 8}, "at least 9 and at most 8"),
        ({"above_score": 0.5, "max_score": 0.5}, "above 0.5 and at most 0.5: nothing passes"),
        ({"min_score": float("nan")}, "min_score=nan; it must be a finite number"),
        ({"min_score": float("-inf")}, "min_score=-inf; it must be a finite number"),
        ({"max_seconds": float("inf")}, "max_seconds=inf; it must be a finite number"),
        ({"pick": "worst"}, "^pick='worst'; it must be one of best, first, random$"),
        ({"match": "some"}, "^match='some'; it must be one of any, all$"),
        ({"keywords": ("dog", " ")}, "empty"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Subset(**fields)


def test_a_range_may_be_one_value() -> None:
    assert Subset(min_score=0.5, max_score=0.5, above_score=0.4, min_seconds=2, max_seconds=2).asks_score


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        (Subset(), set()),
        (Subset(above_score=0.43), {"matching_score"}),
        (Subset(desirable=True, single_shot=True), {"desirable_filtering", "shot_boundary_detection"}),
        (Subset(keywords=("a",), min_seconds=1), {"caption", "start", "end"}),
        (Subset(max_clips_per_video=1), {"video_id", "clip_id"}),
        (Subset(max_clips_per_video=1, pick="best"), {"video_id", "matching_score"}),
        (Subset(max_clips_per_video=1, pick="first"), {"video_id", "start", "end"}),
        (Subset(max_videos=1), {"video_id"}),
        (Subset(max_clips=1), {"clip_id"}),
        (Subset(disjoint_from=VideoIds.of(["x"])), {"video_id"}),
    ],
)
def test_a_rule_reads_only_the_columns_it_needs(rule: Subset, columns: set[str]) -> None:
    assert set(rule.columns) == columns


def test_a_record_of_a_rule_is_json_and_names_nobody_who_opted_out() -> None:
    rule = Subset(
        opt_out=OptOut.of(["secretvideo1", "channel:secret channel"]),
        disjoint_from=VideoIds.of(["x", "y", "x"]),
        desirable=("a", "b"),
        min_seconds=2.5,
        seed=4,
    )
    record = json.loads(json.dumps(rule.as_dict()))
    assert record["opt_out"]["entries"] == 2 and len(record["opt_out"]["digest"]) == 16
    assert record["disjoint_from"]["videos"] == 2
    assert record["desirable"] == ["a", "b"] and record["min_seconds"] == 2.5 and record["seed"] == 4
    assert "secret" not in json.dumps(record) + "".join(rule.in_words())
    assert set(Subset().as_dict()) == {"seed"}


def test_other_lists_make_other_rules() -> None:
    one, two = (Subset(disjoint_from=VideoIds.of(ids)) for ids in (["x"], ["y"]))
    assert one != two and one.as_dict() != two.as_dict()
    assert one == Subset(disjoint_from=VideoIds.of(["x"]))


def test_a_rule_reads_as_phrases_in_the_order_it_is_tried() -> None:
    rule = Subset(max_videos=5, above_score=0.43, exactly_per_video=3, keywords=("dog", "cat"), pick="best")
    assert rule.in_words() == [
        "matching score above 0.43",
        "caption with “dog” or “cat”",
        "exactly 3 of each video, best score first",
        "videos drawn at random: 5",
    ]
    assert Subset().in_words() == ["every clip"]
