"""Which teachers `panda-hf mini coverage` asks."""

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


def test_an_unknown_teacher_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["mini", "coverage", "--teacher", "nobody"])
    assert result.exit_code == 2 and "'nobody'" in result.stderr
