from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from panda_hf import explode_clips
from panda_hf.cli import app
from panda_hf.rights import OptOut
from panda_hf.running import curate
from panda_hf.splitting import Split
from tests.stages import write_film


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("one", "two"):
        write_film(folder / f"{name}.mp4")
        (folder / f"{name}.info.json").write_text(json.dumps({"title": f"secret of {name}", "description": "words"}))
    return folder


def rows(out: Path, pattern: str) -> list[dict]:
    return [row for path in sorted(out.glob(pattern)) for row in pq.read_table(path).to_pylist()]


def run(films: Path, out: Path, names: list[str], **options):
    steps = [Split(), explode_clips]
    return curate(films, out, steps=steps, num_workers=0, progress=False, opt_out=OptOut.of(names), **options)


def test_a_video_that_opted_out_is_a_row_with_its_id_and_nothing_else(films: Path, tmp_path: Path) -> None:
    (films / "two.mp4").write_bytes(b"not even opened")
    summary = run(films, tmp_path / "out", ["two"])
    assert (summary.videos.kept, summary.videos.filtered, summary.videos.failed) == (1, 1, 0)
    (row,) = rows(tmp_path / "out", "clips/filtered/*.parquet")
    assert {name: value for name, value in row.items() if value is not None} == {
        "video_id": "two",
        "filtered": "opted out",
    }
    videos = {row["video_id"]: row for row in rows(tmp_path / "out", "videos/*.parquet")}
    assert (videos["two"]["status"], videos["two"]["filtered"], videos["two"]["title"]) == (
        "filtered",
        "opted out",
        None,
    )
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"secret of two" not in written and b"secret of one" in written


def test_the_manifest_tells_which_list_was_honoured_and_not_whom_it_names(films: Path, tmp_path: Path) -> None:
    listed = OptOut.of(["two", "channel:UCx"])
    curate(films, tmp_path / "out", steps=[Split(), explode_clips], num_workers=0, progress=False, opt_out=listed)
    head = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0]
    assert json.loads(head)["opt_out_digest"] == listed.digest
    assert "UCx" not in head and "ucx" not in head


def test_a_longer_list_may_be_given_when_a_run_goes_on(films: Path, tmp_path: Path) -> None:
    run(films, tmp_path / "out", [])
    summary = run(films, tmp_path / "out", ["two"])
    assert summary.videos.total == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_called_like_a_video_is_a_failed_row_and_blocks_nothing(films: Path, tmp_path: Path) -> None:
    os.mkfifo(films / "pipe.mp4")
    summary = run(films, tmp_path / "out", [])
    assert (summary.videos.kept, summary.videos.failed) == (2, 1)
    (row,) = rows(tmp_path / "out", "clips/failed/*.parquet")
    assert row["video_id"] == "pipe" and "not a regular file" in row["error"]["message"]


def test_the_command_takes_a_list_and_the_stages_for_text(films: Path, tmp_path: Path) -> None:
    from tests.rights.names_model import write_names_model

    (tmp_path / "list.txt").write_text("two\n")
    model = write_names_model(tmp_path / "names")
    words = [
        "curate",
        str(films),
        "--out",
        str(tmp_path / "out"),
        "--opt-out",
        str(tmp_path / "list.txt"),
        "--workers",
        "0",
    ]
    result = CliRunner().invoke(app, [*words, "--redact", str(model), "--mark-harmful", "--teacher", "mini_image"])
    assert result.exit_code == 0, result.output
    assert "Redact(" in result.output and "MarkHarmful(" in result.output
    kept = rows(tmp_path / "out", "clips/train/*.parquet")
    assert kept and all(row["harmful"] == [] and row["redactions"] == 0 for row in kept)
    assert "opted out" in (tmp_path / "out" / "README.md").read_text() + (tmp_path / "out" / "report.html").read_text()
