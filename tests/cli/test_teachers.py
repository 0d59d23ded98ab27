"""`panda-hf teachers` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from panda_hf.captioning.registry import cards, teachers_of
from panda_hf.cli import app

runner = CliRunner()


@pytest.mark.parametrize("which", ["paper", "modern", "laptop", "mini"])
def test_a_set_is_listed(which: str) -> None:
    result = runner.invoke(app, ["teachers", "--set", which])
    assert result.exit_code == 0
    listed = [line.split()[1] for line in result.output.splitlines()[2:] if line.startswith("| ")]
    assert listed == list(teachers_of(which))  # type: ignore[arg-type]


def test_all_are_listed_without_a_set() -> None:
    output = runner.invoke(app, ["teachers"]).output
    assert all(f"| {name} " in output for name in cards())
    last = {line.split()[1]: line.split("|")[-2].strip() for line in output.splitlines() if line.startswith("| ")}
    assert (last["name"], last["minigpt4"], last["git_base_vatex"]) == ("set", "paper", "laptop")
    assert last["qwen2_5_vl_7b"] == ""


def test_an_unknown_set_is_wrong_usage() -> None:
    assert runner.invoke(app, ["teachers", "--set", "old"]).exit_code == 2


def test_a_file_that_is_no_vision_branch_is_told_in_one_line(tmp_path: Path) -> None:
    from tests.captioning.teachers.zoo import qwen3
    from tests.models.test_video_llama import blip2_folder
    from tests.models.video_llama_sizes import tiny_config, tiny_processor

    words = qwen3(tmp_path / "words")
    eyes = blip2_folder(tmp_path / "eyes", tiny_config(tiny_processor().tokenizer), {})
    torch.save({"model": {"audio.x": torch.zeros(1)}}, tmp_path / "audio.pth")
    arguments = ["--language-model", str(words), "--blip2", str(eyes), "--out", str(tmp_path / "out")]
    result = runner.invoke(app, ["teachers", "convert", str(tmp_path / "audio.pth"), *arguments])
    assert result.exit_code == 1
    assert "video_query_tokens" in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
