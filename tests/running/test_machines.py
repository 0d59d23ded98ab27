"""Hours and money on other machines, by arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.errors import SourceError
from panda_hf.running.forecast import Extent, forecast
from panda_hf.running.machines import Machines, bill, read_machines, table
from tests.running.test_forecast import trial, video

HERE = forecast(trial(video(), load={"Caption": 30.0}), Extent(3600, (1.0,) * 10, 10), workers=2)
"""3600 minutes of 6 s for Split; 14400 clips of 5 s for Caption: 21600 s and 72000 s of work, 30 s of loading."""


def test_work_is_divided_by_speed_and_workers_and_costs_by_the_hour() -> None:
    found = bill(HERE, Machines("gpu", count=4, workers=3, dollars_per_hour=2.0, speed={"Caption": 10.0}), 3600)
    assert found.seconds == (21600 + 7200) / 12 + 30
    assert found.dollars == pytest.approx(2.0 * 4 * found.seconds / 3600)
    assert found.bottleneck == "Split" and found.guessed == ("Split",)


def test_a_machine_like_this_one_takes_as_long_as_this_one() -> None:
    found = bill(HERE, Machines("same", workers=2), 3600)
    assert (found.seconds, found.dollars, found.bottleneck) == (HERE.seconds, None, "Caption")


def test_one_name_stands_for_all_teachers() -> None:
    machines = Machines("a", speed={"Caption": 2.0, "Caption(x)": 5.0})
    assert [machines.speed_of(name) for name in ("Caption(x)", "Caption(y)", "Split")] == [5.0, 2.0, 1.0]


def test_there_are_no_more_workers_than_videos() -> None:
    assert bill(HERE, Machines("many", count=100, workers=100), 10).seconds == (21600 + 72000) / 10 + 30


def test_a_list_of_machines_is_read_and_mistakes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "machines.yaml"
    entry = "- name: g5.2xlarge\n  count: 8\n  dollars_per_hour: 1.21\n  speed: {Caption: 40}\n"
    path.write_text(entry + "- name: laptop\n")
    first, second = read_machines(path)
    assert first == Machines("g5.2xlarge", 8, 1, 1.21, {"Caption": 40}) and second == Machines("laptop")
    for text, words in {
        "- name: a\n  count: 0\n": "entry 1: count=0",
        "- count: 1\n": "needs a name",
        "- name: a\n  cores: 3\n": r"it has \['cores'\]",
        "- name: a\n  speed: {Split: 0}\n": "Split=0",
        "- name: a\n  dollars_per_hour: free\n": "dollars_per_hour='free'",
        "name: a\n": "no list of machines",
        "[": "cannot be read",
    }.items():
        path.write_text(text)
        with pytest.raises(SourceError, match=words):
            read_machines(path)


def test_the_table_says_what_a_fleet_costs() -> None:
    rows = table([bill(HERE, Machines("gpu", count=2, dollars_per_hour=1.0), 3600)])
    assert rows[1][0] == "2 × gpu" and rows[1][3] == "26.0" and rows[1][4] == "$26.02"
