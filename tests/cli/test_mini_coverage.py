"""Which teachers `panda-hf mini coverage` and `panda-hf mini score` ask."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from panda_hf.captioning.registry import teachers_of
from panda_hf.cli import app
from panda_hf.errors import SourceError
from panda_hf.mini import score


@pytest.mark.parametrize("given", [(), ("--teacher", "mini"), ("--teacher", "mini", "--teacher", "mini_image")])
def test_a_set_stands_for_its_teachers(given, monkeypatch) -> None:
    asked = []

    def caption_films(films, names, device):
        asked.extend(names)
        raise SourceError("enough")

    monkeypatch.setattr(score, "caption_films", caption_films)
    result = CliRunner().invoke(app, ["mini", "coverage", "--films", "1", *given])
    assert "enough" in result.stderr and asked == list(teachers_of("mini"))


@pytest.mark.parametrize(
    ("given", "names"),
    [((), teachers_of("mini")), (("--teacher", "mini"), teachers_of("mini")), (("--teacher", "mini_text"),) * 2],
)
def test_scores_are_of_the_default_or_of_those_that_are_named(given, names, monkeypatch) -> None:
    asked = []

    def caption_films(films, names, selector):
        asked.append((tuple(names), selector))
        raise SourceError("enough")

    monkeypatch.setattr(score, "caption_films", caption_films)
    result = CliRunner().invoke(app, ["mini", "score", "--films", "1", "--selector", "", *given])
    assert "enough" in result.stderr and asked == [(tuple(name for name in names if name != "--teacher"), None)]


@pytest.mark.parametrize("command", ["coverage", "score"])
def test_an_unknown_teacher_is_wrong_usage(command) -> None:
    result = CliRunner().invoke(app, ["mini", command, "--teacher", "nobody"])
    assert result.exit_code == 2 and "'nobody'" in result.stderr
