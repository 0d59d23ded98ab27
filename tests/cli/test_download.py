"""`panda-hf download` as a newcomer uses it: help, slips, a missing extra, and what it prints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.download import size
from tests.download.conftest import make_film
from tests.download.server import Server, Web


@pytest.fixture
def server() -> Iterator[Server]:
    with Web() as running:
        yield running


def invoke(*words: object):
    return CliRunner().invoke(app, ["download", *map(str, words)], env={"COLUMNS": "120"})


def test_the_help_says_whose_responsibility_it_is() -> None:
    said = " ".join(invoke("--help").output.replace("│", " ").split())
    assert "Whether you may download a video is for you to know" in said
    assert "the same command goes on where it was" in said


@pytest.mark.parametrize(
    ("text", "number"), [("1000", 1000), ("500K", 512_000), ("2M", 2_097_152), ("1.5m", 1_572_864)]
)
def test_rates_are_understood(text: str, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "fast", "-1", "0", "2X"])
def test_rates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="500K or 2M"):
        size(text)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("abcdefghijk\n")
    code = "import sys; sys.modules['yt_dlp'] = None; from panda_hf.cli import main; main()"
    command = [sys.executable, "-c", code, "download", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "pip install 'panda_hf[download]'" in result.stderr and "Traceback" not in result.stderr


def test_discarding_without_clips_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("abcdefghijk\n")
    result = invoke(tmp_path / "ids.txt", "--out", tmp_path / "out", "--discard-videos")
    assert result.exit_code == 2 and not (tmp_path / "out").exists()


def test_a_run_tells_the_account_the_clips_and_the_next_command(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("yt_dlp")
    url, gone = server.add("film.mp4", make_film()), server.url("status", 404, "film.mp4")
    table = tmp_path / "clips.csv"
    table.write_text(
        "video_id,url,start,end,caption,matching_score\n"
        f"--a/b,{url},0.5,1.5,<b>one</b>,0.5\n--a/b,{url},70,71,beyond,0.25\nlost,{gone},0,1,gone,0.75\n"
    )
    options = ("--out", tmp_path / "out", "--clips", "--subtitles", "", "--allow-host", server.host, "--workers", 1)
    result = invoke(table, *options)
    assert result.exit_code == 0, result.output
    assert "2 videos wanted = 1 ok + 1 not-found" in result.output
    assert "1 clip made, 1 could not be cut" in result.output
    assert f"panda-hf curate {tmp_path / 'out'} --out DATASET" in result.output
    assert "not-found: lost: the server answered 404" in result.output
    seen = len(server.requests)
    assert "0 videos tried in this run" in invoke(table, *options).output
    assert len(server.requests) == seen
