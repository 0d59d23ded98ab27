"""The greedy cover, by hand and beside all possible choices."""

from __future__ import annotations

import json
import random
from itertools import combinations
from xml.etree import ElementTree

import pytest

from panda_hf.captioning.coverage import as_dict, as_table, write_shortlist
from panda_hf.captioning.coverage_plot import coverage_svg
from panda_hf.captioning.shortlist import Judgements, best_cover, greedy_cover, shortlist
from panda_hf.errors import OutputError, SourceError


def judged(clips: str, **good: str) -> Judgements:
    """Clips are letters; each model is good on the letters given."""
    return Judgements(tuple(clips), {model: frozenset(letters) for model, letters in good.items()})


def random_judgements(seed: int, models: int = 9, clips: int = 40) -> Judgements:
    rng = random.Random(seed)
    names = tuple(f"c{i}" for i in range(clips))
    return Judgements(names, {f"m{i}": frozenset(c for c in names if rng.random() < 0.25) for i in range(models)})


def test_the_best_single_model_comes_first_then_the_one_that_adds_most():
    places = greedy_cover(judged("abcdefgh", one="abcd", two="abce", three="fg"), 3)
    assert [(p.model, p.own, p.added, p.union) for p in places] == [
        ("one", 4, 4, 4),
        ("three", 2, 2, 6),
        ("two", 4, 1, 7),
    ]


def test_of_equal_gains_the_better_model_wins_and_then_the_alphabet():
    # After `a` both `b` and `c` add one clip; `c` is good on more clips overall.
    places = greedy_cover(judged("uvwxyz", a="uvwx", b="y", c="uvz"), 2)
    assert [p.model for p in places] == ["a", "c"]
    assert [p.model for p in greedy_cover(judged("xy", second="y", first="x"), 2)] == ["first", "second"]


def test_it_ends_when_no_model_adds_a_clip():
    chosen = shortlist(judged("abcd", all="abc", some="ab", none=""), 3)
    assert [p.model for p in chosen.places] == ["all"]
    assert (chosen.models, chosen.covered, chosen.clips) == (3, 3, 4)


def test_the_best_possible_choice_can_be_better_than_the_greedy_one():
    trap = judged("abcdef", wide="bcde", left="abc", right="def")
    assert greedy_cover(trap, 2)[-1].union == 5
    best = best_cover(trap, 2)
    assert best.models == ("left", "right") and best.union == 6


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_best_possible_choice_is_that_of_trying_all(seed, count):
    judgements = random_judgements(seed)
    all_unions = (
        len(frozenset().union(*(judgements.good[m] for m in chosen)))
        for chosen in combinations(judgements.models, count)
    )
    best = best_cover(judgements, count)
    assert best.union == max(all_unions)
    assert len(frozenset().union(*(judgements.good[m] for m in best.models))) == best.union


def test_a_search_that_gives_up_claims_nothing():
    assert best_cover(random_judgements(1, models=20), 6, max_nodes=5) is None
    chosen = shortlist(random_judgements(1, models=20), 6, max_nodes=5)
    assert chosen.optima[-1] is None and "not found" in as_table(chosen)


def test_nothing_good_is_nothing_to_choose():
    with pytest.raises(SourceError, match="any of the 2 judged clips"):
        shortlist(judged("ab", one="", two=""))


def test_shares_in_the_table_and_in_the_json_are_of_all_judged_clips(tmp_path):
    chosen = shortlist(judged("abcdefghij", one="abc", two="de"), 2)
    table = as_table(chosen)
    assert "| 2     | two   | 20.0 % | 20.0 % | 50.0 % | 50.0 %" in table
    assert "all 2: 50.0 %" in table
    json_file, _ = write_shortlist(chosen, tmp_path / "new" / "out", title="t", more={"judgements": "j.csv"})
    read = json.loads(json_file.read_text())
    assert read["judgements"] == "j.csv" and read["all_bad_share"] == 0.5
    assert read["shortlist"][1] == {
        "order": 2, "model": "two", "own_share": 0.2, "added_share": 0.2, "union_share": 0.5,
    }  # fmt: skip
    assert read["best_possible"] == as_dict(chosen)["best_possible"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_shortlist(shortlist(judged("a", one="a")), tmp_path / "file", title="t")


def test_the_picture_shows_greedy_points_and_optima_at_their_heights():
    chosen = shortlist(judged("abcdef", wide="bcde", left="abc", right="def"), 2)
    root = ElementTree.fromstring(coverage_svg(chosen, "<i>title</i> & more"))
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert "<i>title</i> & more" in texts
    assert "best single 66.7%" in texts and "all 3 models 100.0%" in texts
    points = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{space}circle")]
    zero, whole = (next(float(t.get("y")) for t in root.iter(f"{space}text") if t.text == w) for w in ("0%", "100%"))
    heights = [(zero - (y + 4)) / (zero - whole) for _, y in points[:2]]
    assert heights == pytest.approx([4 / 6, 5 / 6], abs=0.002)
    assert len(list(root.iter(f"{space}path"))) == 2 + 1  # an optimum for each size, one in the legend


def test_the_picture_without_a_search_has_no_optimum():
    svg = coverage_svg(shortlist(judged("ab", one="a"), max_nodes=0), "t")
    assert "best possible" not in svg
