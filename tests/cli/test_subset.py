"""`panda-hf subset` as a newcomer uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.subset import chosen_rule
from panda_hf.subsets import Subset, panda_2m, panda_10m
from tests.subsets.rows import as_dataset, made_rows, plain_selection, write_release

ROWS = made_rows(60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_release(tmp_path / "panda", ROWS)


def subset(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["subset", *map(str, arguments)])


def test_the_funnel_is_printed_and_the_line_that_loads_works(folder: Path, tmp_path: Path) -> None:
    listed, left_out = tmp_path / "listed.txt", sorted({row["video_id"] for row in ROWS})
    listed.write_text("\n".join(left_out[:5]) + "\n")
    (tmp_path / "opted.txt").write_text(left_out[7] + "\nnobody_1234\n@nobody\n")
    options = (
        "--name calm --desirable --single-shot --min-seconds 2 --max-per-video 2 --pick best --keyword man --keyword a"
    )
    result = subset(folder, *options.split(), "--disjoint-from", listed, "--opt-out", tmp_path / "opted.txt")
    rule = Subset(
        desirable=True, single_shot=True, min_seconds=2, max_clips_per_video=2, pick="best", keywords=("man", "a")
    )
    rows = [row for row in ROWS if row["video_id"] not in [*left_out[:5], left_out[7]]]
    wanted = plain_selection(rows, rule)
    assert result.exit_code == 0, result.output
    lines = {line.split("  ")[1].strip(): line for line in result.output.splitlines() if line.startswith("  ")}
    counts = {
        name: int(line.split()[-1].replace(",", "")) for name, line in lines.items() if line.split()[-1][-1].isdigit()
    }
    assert counts["kept"] == len(wanted) > 0
    assert f"{len(ROWS):,}  full, train" in lines["in"]
    assert len(ROWS) + sum(count for count in counts.values() if count < 0) == len(wanted)
    assert f'load_dataset("{folder.as_posix()}", "calm", split="train")' in result.output
    assert "2 of 3 entries of the opt-out list name no clip here." in result.output
    loaded = load_dataset(str(folder), "calm", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["clip_id"][:] == wanted
    again = subset(folder, *options.split(), "--disjoint-from", listed, "--opt-out", tmp_path / "opted.txt")
    assert "(was there already)" in again.output


def test_options_change_the_rule_of_a_released_subset() -> None:
    assert chosen_rule("10m") == panda_10m()
    assert chosen_rule("2m", max_videos=5, seed=3, pick=None) == Subset(
        above_score=0.43, exactly_per_video=3, max_videos=5, seed=3
    )
    assert chosen_rule("10m", min_score=0.5) == Subset(min_score=0.5, max_clips_per_video=3)
    assert chosen_rule("2m", max_clips_per_video=1) == Subset(
        above_score=0.43, max_clips_per_video=1, max_videos=panda_2m().max_videos
    )
    assert chosen_rule(None) == Subset()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--name", "x", "--like", "5m"], 2, "5m"),
        (["--name", "x", "--pick", "worst"], 2, "worst"),
        (["--name", "x", "--min-score", "0.9", "--max-score", "0.1"], 2, "nothing passes"),
        (["--name", "x", "--max-videos", "0"], 2, "--max-videos"),
        (["--name", "Full"], 1, "'Full' cannot be the name"),
        (["--name", "full"], 1, "is a configuration"),
        (["--name", "x", "--min-score", "9"], 1, "no clip of full, train passes the rule"),
        (["--name", "x", "--split", "test"], 1, "no split 'test'"),
        (["--name", "x", "--opt-out", "nowhere.txt"], 1, "nowhere.txt cannot be read"),
        (["--name", "x", "--disjoint-from", "nowhere"], 1, "nowhere is neither a file nor a folder"),
    ],
)
def test_a_mistake_is_told(folder: Path, options: list[str], code: int, said: str) -> None:
    result = subset(folder, *options)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())
    assert not (folder / "subsets" / "x").exists()


def test_that_a_part_of_another_split_is_called_train_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "panda"
    folder.mkdir()
    for split, rows in (("train", ROWS[:50]), ("validation", ROWS[50:])):
        as_dataset(rows).to_parquet(folder / f"{split}.parquet")
    result = subset(folder, "--name", "x", "--split", "validation")
    assert result.exit_code == 0, result.output
    assert "Its one split is called train, though it is taken from validation." in result.output
    assert f'load_dataset("{folder.as_posix()}", "x", split="train")' in result.output
    loaded = load_dataset(str(folder), "x", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["clip_id"][:] == [row["clip_id"] for row in ROWS[50:]]
    assert "is called train" not in subset(folder, "--name", "y").output


def test_another_rule_under_the_same_name_needs_overwrite(folder: Path) -> None:
    assert subset(folder, "--name", "x", "--min-seconds", "2").exit_code == 0
    assert "another rule" in subset(folder, "--name", "x", "--min-seconds", "3").stderr
    assert subset(folder, "--name", "x", "--min-seconds", "3", "--overwrite").exit_code == 0
