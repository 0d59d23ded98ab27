"""The README's code runs, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.mini.films import write_films

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_example_prints_a_captioned_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write_films(tmp_path / "films", "test", 1, workers=1)
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    for column in ("clip_id", "caption", "caption_teacher", "matching_score", "candidates"):
        assert f"'{column}'" in printed


def test_each_command_of_the_readme_has_help() -> None:
    commands = set(re.findall(r"`?panda-hf ((?:mini |build )?[a-z][a-z0-9-]+)", README))
    assert {"curate", "mini score", "build panda-70m", "push"} <= commands
    for command in commands:
        result = CliRunner().invoke(app, [*command.split(), "--help"])
        assert result.exit_code == 0, command


def test_each_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_each_link_to_a_file_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
