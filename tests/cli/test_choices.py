"""The choices of `panda-hf curate` become steps, or a message about the usage."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.curate import chosen_steps
from panda_hf.splitting import SplitSettings


def test_choices_become_steps() -> None:
    steps = chosen_steps(
        "mini", "paper", embedder="a/model", teachers=("mini_image",), selector="x/y", backend="decord"
    )
    split, _, frames, caption, select = steps
    assert split.settings == SplitSettings.preset("paper") and split.embedder == "a/model"
    assert frames.backend == "decord" and caption.teacher == "mini_image"
    assert select.teachers == ("mini_image",) and select.selector == "x/y"


def test_without_a_choice_the_thresholds_suit_the_embedder() -> None:
    assert chosen_steps("mini", None, embedder="descriptor")[0].settings == SplitSettings.preset("default")
    assert chosen_steps("mini", None, embedder="a/model")[0].settings == SplitSettings.preset("panda70m")


@pytest.mark.parametrize("option", ["--preset", "--split-preset"])
def test_an_unknown_choice_is_wrong_usage(tmp_path: Path, option: str) -> None:
    result = CliRunner().invoke(app, ["curate", str(tmp_path), "--out", str(tmp_path / "out"), option, "nonsense"])
    assert result.exit_code == 2
    assert "nonsense" in result.stderr
    assert not (tmp_path / "out").exists()
