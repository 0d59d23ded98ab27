"""`select_clips` against the same rules in plain Python, eager and streamed."""

from __future__ import annotations

import random
from itertools import groupby
from typing import Any

import pytest
from datasets import Dataset, Features, List, Value

from panda_hf import schema
from panda_hf.errors import MissingColumnError, SourceError
from panda_hf.rights import OptOut
from panda_hf.subsets import OFFICIAL, Subset, VideoIds, panda_2m, panda_10m, select_clips
from tests.subsets.rows import as_dataset, made_rows, plain_selection

ROWS = made_rows(600)
RULES = {
    "everything": Subset(),
    "score": Subset(min_score=0.45, max_score=0.5),
    "above": Subset(above_score=1843 / 4096),
    "desirable": Subset(desirable=True),
    "labels": Subset(desirable=("desirable", "3_screen_in_screen")),
    "single shot": Subset(single_shot=True),
    "length": Subset(min_seconds=3, max_seconds=6.5),
    "words": Subset(keywords=("man", "blue shirt", "CAFÉ"), exclude_keywords=("dog",)),
    "all words": Subset(keywords=("man", "road"), match="all"),
    "best two": Subset(max_clips_per_video=2, pick="best"),
    "first two": Subset(max_clips_per_video=2, pick="first"),
    "random two": Subset(max_clips_per_video=2, seed=9),
    "just three": Subset(exactly_per_video=3, pick="best", min_score=0.4),
    "videos": Subset(max_videos=37, seed=3),
    "clips": Subset(max_clips=101, min_seconds=2),
    "videos and clips": Subset(max_videos=60, max_clips=77, max_clips_per_video=2),
    "10m": panda_10m(),
    "2m": Subset(above_score=0.43, exactly_per_video=3, max_videos=40, desirable=True),
    "more videos than there are": Subset(max_videos=10_000, max_clips=10_000),
    "nothing": Subset(min_score=2.0),
}


def ids(dataset: Any) -> list[str]:
    return [row["clip_id"] for row in dataset]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_keeps_what_loops_over_the_rows_keep(rule: Subset) -> None:
    wanted = plain_selection(ROWS, rule)
    assert select_clips(as_dataset(ROWS), rule)["clip_id"][:] == wanted
    assert ids(select_clips(as_dataset(ROWS).to_iterable_dataset(3), rule)) == wanted


def test_rows_come_out_as_they_went_in() -> None:
    dataset = as_dataset(ROWS)
    by_id = {row["clip_id"]: row for row in ROWS}
    eager, streamed = select_clips(dataset, RULES["2m"]), select_clips(dataset.to_iterable_dataset(), RULES["2m"])
    assert eager.features == streamed.features == schema.RELEASE_ROW
    assert eager.to_list() == list(streamed) == [by_id[clip] for clip in ids(eager)]


def test_a_draw_depends_on_neither_order_nor_shards() -> None:
    videos = [list(clips) for _, clips in groupby(ROWS, key=lambda row: row["video_id"])]
    random.Random(1).shuffle(videos)
    shuffled = as_dataset([row for clips in videos for row in reversed(clips)])
    for name in ("random two", "first two", "videos and clips", "10m", "2m"):
        wanted = set(plain_selection(ROWS, RULES[name]))
        assert set(ids(select_clips(shuffled, RULES[name]))) == wanted, name
        assert set(ids(select_clips(shuffled.to_iterable_dataset(7), RULES[name]))) == wanted, name


def test_a_larger_draw_holds_the_smaller_one_and_another_seed_draws_others() -> None:
    dataset = as_dataset(ROWS)
    small, large, other = (
        set(ids(select_clips(dataset, Subset(max_videos=n, seed=seed)))) for n, seed in [(50, 0), (100, 0), (50, 1)]
    )
    assert small < large
    assert not other <= large


def test_the_2m_lies_inside_the_10m_and_has_three_clips_of_each_video() -> None:
    dataset = as_dataset(ROWS)
    ten, two = (select_clips(dataset, rule) for rule in (panda_10m(), panda_2m()))
    assert set(ids(two)) < set(ids(ten))
    assert {two["video_id"][:].count(video) for video in two["video_id"]} == {3}
    assert max(ten["video_id"][:].count(video) for video in ten["video_id"]) == 3
    assert min(ten["matching_score"]) > 0.43
    assert OFFICIAL == {"10m": panda_10m(), "2m": panda_2m()}
    assert panda_2m().max_videos == 800_000


def test_the_score_of_the_official_rule_itself_does_not_pass() -> None:
    dataset = as_dataset(made_rows(3, unknown=0.0)).select([0, 1])
    dataset = dataset.remove_columns("matching_score").add_column("matching_score", [0.43, 0.4300000001])
    assert ids(select_clips(dataset, Subset(above_score=0.43))) == [dataset["clip_id"][1]]
    assert ids(select_clips(dataset, Subset(min_score=0.43))) == dataset["clip_id"][:]


def test_a_length_is_that_of_the_written_times() -> None:
    row = {**made_rows(1, unknown=0.0)[0], "start": 2.1, "end": 4.1}
    assert row["end"] - row["start"] < 2
    assert len(select_clips(as_dataset([row]), Subset(min_seconds=2, max_seconds=2))) == 1


def test_not_a_number_is_not_a_score() -> None:
    rows = [{**row, "matching_score": float("nan")} for row in made_rows(2)]
    for rule in (Subset(max_score=1.0), Subset(min_score=0.0), Subset(max_clips_per_video=1, pick="best")):
        assert len(select_clips(as_dataset(rows), rule)) == 0


def test_videos_of_another_set_and_those_opted_out_are_left_out() -> None:
    videos = sorted({row["video_id"] for row in ROWS})
    rule = Subset(disjoint_from=VideoIds.of(videos[:200]), opt_out=OptOut.of(videos[200:300]))
    left = {row["video_id"] for row in select_clips(as_dataset(ROWS), rule)}
    assert left == set(videos[300:])
    streamed = {row["video_id"] for row in select_clips(as_dataset(ROWS).to_iterable_dataset(), rule)}
    assert streamed == left


def test_an_opt_out_list_of_channels_is_honoured_where_there_is_a_channel() -> None:
    features = Features({**schema.RELEASE_ROW, "channel": Value("string")})
    rows = [{**row, "channel": "Some Body" if i % 3 else None} for i, row in enumerate(made_rows(20))]
    dataset = Dataset.from_list(rows, features=features)
    kept = select_clips(dataset, Subset(opt_out=OptOut.of(["channel:some body"])))
    assert ids(kept) == [row["clip_id"] for row in rows if row["channel"] is None]


def test_a_video_that_comes_back_is_an_error_where_its_clips_are_compared() -> None:
    rows = made_rows(5)
    dataset = as_dataset([*rows, rows[0]])
    rule = Subset(max_clips_per_video=1)
    with pytest.raises(SourceError, match=f"{rows[0]['video_id']}.*not next to each other"):
        select_clips(dataset, rule)
    with pytest.raises(SourceError, match="Sort the dataset"):
        list(select_clips(dataset.to_iterable_dataset(), rule))
    assert len(select_clips(dataset, Subset(min_seconds=0))) > 0


def test_one_video_larger_than_any_batch_is_compared_whole() -> None:
    row = made_rows(1, unknown=0.0)[0]
    rows = [{**row, "clip_id": f"big.{i}", "video_id": "big", "matching_score": i / 4096} for i in range(3_500)]
    rows += made_rows(2, unknown=0.0)
    rule = Subset(max_clips_per_video=2, pick="best")
    wanted = plain_selection(rows, rule)
    assert wanted[:2] == ["big.3498", "big.3499"]
    assert ids(select_clips(as_dataset(rows).to_iterable_dataset(), rule)) == wanted
    assert ids(select_clips(as_dataset(rows), rule)) == wanted


def test_a_missing_column_is_named_before_any_work() -> None:
    dataset = as_dataset(ROWS[:5]).remove_columns(["desirable_filtering", "video_id"])
    for kind in (dataset, dataset.to_iterable_dataset()):
        with pytest.raises(MissingColumnError, match="desirable_filtering"):
            select_clips(kind, Subset(desirable=True))
        with pytest.raises(MissingColumnError, match="video_id"):
            select_clips(kind, Subset(max_videos=3))
    bare = Dataset.from_dict({"caption": ["a dog"]})
    with pytest.raises(MissingColumnError, match="opt-out"):
        select_clips(bare, Subset(opt_out=OptOut.of(["x"])))
    assert len(select_clips(bare, Subset(keywords=("dog",)))) == 1


def test_a_column_of_the_wrong_kind_is_named() -> None:
    rows = Dataset.from_dict({"matching_score": ["good"], "shot_boundary_detection": ["one"]})
    with pytest.raises(SourceError, match="'matching_score' holds string"):
        select_clips(rows, Subset(min_score=0.1))
    with pytest.raises(SourceError, match="'shot_boundary_detection' holds string"):
        select_clips(rows, Subset(single_shot=True))


def test_half_precision_scores_and_other_list_types_are_taken() -> None:
    features = Features({"matching_score": Value("float16"), "shot_boundary_detection": List(List(Value("float64")))})
    rows = {"matching_score": [0.5, 0.25], "shot_boundary_detection": [[[0.0, 1.0]], [[0.0, 1.0], [1.0, 2.0]]]}
    dataset = Dataset.from_dict(rows, features=features)
    assert len(select_clips(dataset, Subset(min_score=0.5))) == 1
    assert len(select_clips(dataset, Subset(single_shot=True))) == 1
