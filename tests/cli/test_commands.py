"""The command line as a user meets it: help, errors, exit codes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf import __version__, publishing
from panda_hf.cli import app
from panda_hf.errors import OutputError
from tests.publishing.synthetic import film, write_output

COMMANDS = ("curate", "plan", "shortlist", "demo", "report", "calibrate", "score-shots", "subset", "mini")
MINI_COMMANDS = ("films", "train", "score", "coverage")
HEAVY = {"torch", "datasets", "transformers", "numpy", "pyarrow", "av", "cv2", "jinja2", "scenedetect"}

runner = CliRunner()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    video, clips = film(random.Random(0), "a.mp4", 5)
    return write_output(tmp_path / "out", [video], clips)


def test_help_names_every_command() -> None:
    text = runner.invoke(app, ["--help"]).output
    assert all(f" {command} " in text for command in COMMANDS)
    text = runner.invoke(app, ["mini", "--help"]).output
    assert all(f" {command} " in text for command in MINI_COMMANDS)


@pytest.mark.parametrize("command", [(c,) for c in COMMANDS] + [("mini", c) for c in MINI_COMMANDS])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: panda-hf {' '.join(command)}" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["curate", "--help"],
        ["subset", "--help"],
        ["build", "panda-70m", "--help"],
        ["mini", "train", "--help"],
        ["--version"],
    ],
)
def test_help_is_quick_and_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import atexit, sys, time; atexit.register(lambda: print('\\n', time.process_time(), *sys.modules)); "
        f"sys.argv = ['panda-hf', *{arguments!r}]; from panda_hf.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = result.stdout.splitlines()[-1].split()
    assert not HEAVY & set(modules)
    assert float(seconds) < 1.0


def test_the_version_is_printed() -> None:
    assert runner.invoke(app, ["--version"]).output == f"panda_hf {__version__}\n"


def test_report_writes_the_page_and_says_where(out: Path) -> None:
    result = runner.invoke(app, ["report", str(out), "--max-clips", "2"])
    assert result.exit_code == 0
    assert result.output == f"Report: {out / 'report.html'}\n"
    assert "Showing 2 of" in (out / "report.html").read_text(encoding="utf-8")


def test_an_error_of_the_user_is_one_line_without_traceback(tmp_path: Path) -> None:
    result = runner.invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {tmp_path} is not the output of a finished run")
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


@pytest.mark.parametrize(("options", "environment"), [(["--debug"], {}), ([], {"PANDA_HF_DEBUG": "1"})])
def test_debugging_shows_where_an_error_comes_from(
    tmp_path: Path, options: list[str], environment: dict[str, str]
) -> None:
    result = runner.invoke(app, [*options, "report", str(tmp_path)], env=environment)
    assert isinstance(result.exception, OutputError)


def test_a_mistake_of_ours_keeps_its_traceback(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(publishing, "write_report", fail)
    assert isinstance(runner.invoke(app, ["report", str(out)]).exception, RuntimeError)


def test_an_interrupted_command_says_how_to_go_on(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "write_report", interrupt)
    result = runner.invoke(app, ["report", str(out)])
    assert result.exit_code == 130
    assert "run the same command again to resume" in result.stderr.lower()


def test_wrong_usage_is_two() -> None:
    assert runner.invoke(app, ["no-such-command"]).exit_code == 2
    assert runner.invoke(app, ["curate"]).exit_code == 2
    assert runner.invoke(app, ["report", "x", "--max-clips", "0"]).exit_code == 2
