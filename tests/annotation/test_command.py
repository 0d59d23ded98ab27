"""`panda-hf annotate` as a user meets it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.annotation import Desk, Tasks
from panda_hf.cli import app

runner = CliRunner()


def test_export_tells_what_it_wrote_and_how_to_go_on(small: Path, tmp_path: Path) -> None:
    desk = Desk(Tasks.open(str(small)), tmp_path)
    for name, place in (("Ada", [0]), ("Bo", [])):
        view = desk.view(name, "film_1.0")
        desk.answer(name, "film_1.0", view.candidates, place)
    result = runner.invoke(app, ["annotate", str(small), "--out", str(tmp_path), "--export"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "2 answers (1 all bad) of 2 annotators to 1 clip",
        "agreement: 0.0% of 1 pair of answers",
        f"wrote {tmp_path / 'dataset'}; fine-tune a selector on it:",
        f"  panda-hf train selector {tmp_path / 'dataset'} --out my-selector",
    ]


def test_nothing_to_export_is_an_error(small: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["annotate", str(small), "--out", str(tmp_path), "--export"])
    assert result.exit_code == 1 and "annotate first" in result.stderr and result.stderr.count("\n") == 1


def test_a_dataset_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = runner.invoke(app, ["annotate", str(tmp_path / "empty"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1 and result.stderr.startswith("Error: ") and "Traceback" not in result.stderr


def test_without_gradio_the_command_says_what_to_install(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "gradio" else find(name, *a))
    result = runner.invoke(app, ["annotate", str(small), "--out", str(tmp_path)])
    assert result.exit_code == 1 and "pip install 'panda_hf[demo]'" in result.stderr
