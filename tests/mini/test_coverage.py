"""Coverage of the miniature's teachers, counted by hand, and the command on a real film."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from panda_hf.captioning.judgements import read_judgements
from panda_hf.captioning.registry import teachers_of
from panda_hf.cli import app
from panda_hf.mini.coverage import as_csv, as_dict, as_table, coverage, judge
from panda_hf.mini.truth import canonical_caption
from panda_hf.mini.world import Scene, Thing


def scene(action="spins", **more) -> Scene:
    return Scene(Thing("ball", "red"), action, "sea", 0.0, 4.0, look=1, **more)


SCENES = [scene("rests"), scene(), scene(), scene(name="kiki")]  # need: image, video, video, text
IDS = ["f.0", "f.1", "f.2", "f.3"]
TRUE = [canonical_caption(one) for one in SCENES]
FALSE = "a blue cube"
CAPTIONS = {
    "eye": [TRUE[0], TRUE[1], FALSE, None],
    "ear": [FALSE, TRUE[1], FALSE, TRUE[3]],
    "dreamer": [FALSE] * 4,
}


@pytest.fixture
def found():
    judgements = judge(CAPTIONS, SCENES, IDS)
    return coverage(judgements, {clip: one.needs for clip, one in zip(IDS, SCENES, strict=True)})


def test_a_teacher_is_good_where_it_says_nothing_false_and_enough():
    judgements = judge(CAPTIONS, SCENES, IDS)
    assert judgements.good == {"eye": {"f.0", "f.1"}, "ear": {"f.1", "f.3"}, "dreamer": set()}


def test_clips_are_counted_for_each_alone_and_for_what_they_need(found):
    eye, ear = found.teachers["eye"], found.teachers["ear"]
    assert (eye.good, eye.alone, eye.by_need) == (2, 1, {"image": 1, "video": 1, "text": 0})
    assert (ear.good, ear.alone, ear.by_need) == (2, 1, {"image": 0, "video": 1, "text": 1})
    assert found.clips_by_need == {"image": 1, "video": 2, "text": 1}
    assert found.covered_by_need == {"image": 1, "video": 1, "text": 1}
    assert found.chosen.covered == 3
    assert [(place.model, place.union) for place in found.chosen.places] == [("ear", 2), ("eye", 3)]


def test_the_table_has_a_line_for_every_teacher_and_for_the_union(found):
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in as_table(found).splitlines()]
    assert [line[0] for line in lines[2:]] == ["ear", "eye", "dreamer", "at least one", "clips"]
    assert lines[2][1:] == ["50.0 %", "25.0 %", "0.0 %", "50.0 %", "100.0 %"]
    assert lines[5][1:] == ["75.0 %", "", "100.0 %", "50.0 %", "100.0 %"]


def test_a_kind_of_clip_that_is_not_there_has_no_share():
    judgements = judge({"eye": TRUE[:1]}, SCENES[:1], IDS[:1])
    found = coverage(judgements, {"f.0": "image"})
    assert as_dict(found)["union_by_need"] == {"image": 1.0, "video": None, "text": None}
    assert "–" in as_table(found)


def test_the_judgements_can_be_read_again(tmp_path):
    judgements = judge(CAPTIONS, SCENES, IDS)
    (tmp_path / "judgements.csv").write_text(as_csv(judgements))
    assert read_judgements(tmp_path / "judgements.csv") == judgements


def test_the_command_covers_a_film_with_every_miniature_teacher(tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["mini", "coverage", "--films", "1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    read = json.loads((out / "shortlist.json").read_text())
    assert set(read["teachers"]) == set(teachers_of("mini"))
    judged = read_judgements(out / "judgements.csv")
    assert len(judged.clips) == read["clips"] and set(judged.models) == set(teachers_of("mini"))
    best = max(len(clips) for clips in judged.good.values())
    assert read["best_single"]["share"] == best / read["clips"]
    assert read["all_models_share"] == len(frozenset().union(*judged.good.values())) / read["clips"]
    assert (out / "coverage.svg").is_file()


def test_an_unknown_teacher_is_wrong_usage():
    result = CliRunner().invoke(app, ["mini", "coverage", "--teacher", "nobody"])
    assert result.exit_code == 2 and "nobody" in result.stderr
