"""`make_subset`: written whole, told in the card, loaded by `load_dataset`."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from panda_hf import schema
from panda_hf.errors import MissingColumnError, OutputError, SourceError
from panda_hf.publishing import write_card
from panda_hf.publishing.card_parts import config_names, edited, read_text, with_config
from panda_hf.rights import OptOut
from panda_hf.subsets import Subset, VideoIds, make_subset, shards, source
from tests.publishing.synthetic import film, write_manifest, write_output
from tests.subsets.rows import as_dataset, made_rows, plain_selection, write_release

ROWS = made_rows(120)
RULE = Subset(min_score=0.4, exactly_per_video=2, pick="best", max_videos=30, keywords=("man", "dog"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_release(tmp_path / "data", ROWS, files=3)


def loaded(folder: Path, name: str | None, **options: Any) -> Any:
    return load_dataset(str(folder), name, split="train", cache_dir=str(folder.parent / "cache"), **options)


def test_the_split_holds_the_rows_that_loops_over_the_source_keep(folder: Path) -> None:
    make_subset(folder, "my-split", RULE)
    by_id = {row["clip_id"]: row for row in ROWS}
    wanted = [by_id[clip] for clip in plain_selection(ROWS, RULE)]
    eager, streamed = loaded(folder, "my-split"), loaded(folder, "my-split", streaming=True)
    assert len(wanted) > 10
    assert eager.features == schema.RELEASE_ROW
    assert eager.to_list() == list(streamed) == wanted
    assert loaded(folder, None).to_list() == loaded(folder, "full").to_list() == ROWS


def test_the_record_adds_up(folder: Path) -> None:
    record = make_subset(folder, "my-split", RULE)
    data = json.loads((record.path / "subset.json").read_text(encoding="utf-8"))
    kept = plain_selection(ROWS, RULE)
    assert data == record.data
    assert data["clips"]["in"] == len(ROWS) == len(kept) + sum(record.dropped.values())
    assert record.clips == len(kept) == sum(data["files"].values())
    assert record.dropped["score unknown"] == sum(row["matching_score"] is None for row in ROWS)
    assert record.dropped["score too low"] == sum((row["matching_score"] or 1) < 0.4 for row in ROWS)
    assert data["videos"] == {"in": 120, "kept": 30}
    assert data["source"]["config"] == "full" and data["source"]["rows"] == len(ROWS)
    assert data["rule"]["exactly_per_video"] == 2 and data["rule"]["seed"] == 0
    assert data["seconds"]["kept"] is None, "some times are unknown"


def test_footage_is_summed_where_every_time_is_known(tmp_path: Path) -> None:
    rows = made_rows(20, unknown=0.0)
    record = make_subset(write_release(tmp_path / "data", rows), "long", Subset(min_seconds=4))
    seconds = [row["end"] - row["start"] for row in rows]
    assert record.data["seconds"]["kept"] == pytest.approx(sum(s for s in seconds if s >= 4), abs=1e-3)


def test_the_card_tells_the_rule_and_keeps_its_own_words(folder: Path) -> None:
    evil = "a|b <script>`x` -->"
    make_subset(folder, "my-split", Subset(exclude_keywords=(evil,), opt_out=OptOut.of(["secret-name"])))
    make_subset(folder, "other", Subset(min_seconds=2))
    text = read_text(folder / "README.md")
    assert config_names(text) == ["full", "my-split", "other"]
    assert "# A card\n\nIts words.\n" in text and text.count("## Curated splits") == 1
    assert "<script>" not in text and "secret-name" not in text
    assert "at least 2 s" in text and "too short" in text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# A card", "## Curated splits", "### `my-split`", "### `other`",
    ]  # fmt: skip


def test_the_same_rule_again_changes_nothing(folder: Path) -> None:
    first = make_subset(folder, "my-split", RULE)
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = make_subset(folder, "my-split", RULE)
    assert first.is_new and not again.is_new and again.data == first.data
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == files


def test_another_rule_or_other_rows_need_to_be_told_to_overwrite(folder: Path) -> None:
    make_subset(folder, "my-split", RULE)
    other = Subset(min_seconds=5)
    with pytest.raises(OutputError, match="made by another rule .*overwrite"):
        make_subset(folder, "my-split", other)
    assert make_subset(folder, "my-split", other, overwrite=True).is_new
    before = loaded(folder, "my-split").to_list()
    rows = ROWS[: len(ROWS) // 2]
    as_dataset(rows).to_parquet(folder / "full" / "train-00000-of-00003.parquet")
    with pytest.raises(OutputError, match="other rows"):
        make_subset(folder, "my-split", other)
    make_subset(folder, "my-split", other, overwrite=True)
    assert loaded(folder, "my-split").to_list() != before, "no stale cache is served"
    assert sorted(path.name for path in (folder / "subsets").iterdir()) == ["my-split"]


@pytest.mark.parametrize(
    "name", ["", "full", "default", "My-split", "../up", "a/b", ".hidden", "-dash", "a b", "x" * 65, "é"]
)
def test_a_name_that_cannot_be_used_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(OutputError, match="name"):
        make_subset(folder, name, RULE)
    assert not (folder / "subsets").exists()


def test_a_split_that_was_deleted_is_forgotten_and_can_be_made_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_subset(folder, "mine", RULE)
    make_subset(folder, "yours", Subset(min_seconds=2))
    told = read_text(folder / "README.md")
    shutil.rmtree(folder / "subsets" / "mine")
    make_subset(folder, "other", RULE)
    assert "mine" in caplog.text and "taken out of the card" in caplog.text
    text = read_text(folder / "README.md")
    assert config_names(text) == ["full", "yours", "other"]
    assert "### `mine`" not in text and "### `yours`" in text and "# A card\n\nIts words.\n" in text
    shutil.rmtree(folder / "subsets")
    make_subset(folder, "yours", Subset(min_seconds=2))
    assert make_subset(folder, "mine", RULE).is_new
    assert loaded(folder, "mine")["clip_id"][:] == plain_selection(ROWS, RULE)
    assert config_names(read_text(folder / "README.md")) == ["full", "yours", "mine"]
    assert len(told.splitlines()) == len(read_text(folder / "README.md").splitlines())


def test_a_configuration_of_others_without_files_is_left_alone(folder: Path) -> None:
    card = folder / "README.md"
    theirs = {"config_name": "theirs", "data_files": [{"split": "train", "path": "theirs/*.parquet"}]}
    card.write_text(with_config(read_text(card), theirs), encoding="utf-8")
    make_subset(folder, "mine", RULE)
    assert config_names(read_text(card)) == ["full", "theirs", "mine"]


def test_a_rule_that_nothing_passes_leaves_nothing(folder: Path) -> None:
    card = read_text(folder / "README.md")
    with pytest.raises(SourceError, match=r"no clip of full, train passes.*score too low \d+"):
        make_subset(folder, "none", Subset(min_score=0.99))
    assert not list((folder / "subsets").iterdir()) and read_text(folder / "README.md") == card


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "subsets").write_text("in the way")
    with pytest.raises(OutputError, match=r"subsets.x cannot be written"):
        make_subset(folder, "x", RULE)


def test_channels_that_cannot_be_left_out_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_subset(folder, "x", Subset(opt_out=OptOut.of(["channel:somebody"])))
    assert "does not name channels" in caplog.text


def test_mistakes_about_the_source_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no split 'test'; it has \['train'\]"):
        make_subset(folder, "x", RULE, split="test")
    with pytest.raises(SourceError, match="full"):
        make_subset(folder, "x", RULE, config="small")
    with pytest.raises(SourceError, match="not a folder"):
        make_subset(tmp_path / "nowhere", "x", RULE)
    (tmp_path / "bare").mkdir()
    with pytest.raises(SourceError, match="not a dataset"):
        make_subset(tmp_path / "bare", "x", RULE)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="no Parquet"):
        make_subset(tmp_path / "texts", "x", RULE)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    as_dataset(ROWS).remove_columns("desirable_filtering").to_parquet(tmp_path / "d" / "train.parquet")
    with pytest.raises(MissingColumnError, match="desirable_filtering"):
        make_subset(tmp_path / "d", "x", Subset(desirable=True))


def test_a_broken_or_differing_file_is_named(folder: Path) -> None:
    second = folder / "full" / "train-00001-of-00003.parquet"
    as_dataset(ROWS).remove_columns("caption").to_parquet(second)
    with pytest.raises(SourceError, match="train-00001-of-00003.parquet.*like the files before"):
        make_subset(folder, "x", Subset(min_seconds=1))
    second.write_bytes(second.read_bytes()[:-50])
    with pytest.raises(SourceError, match="train-00001-of-00003.parquet cannot be read"):
        make_subset(folder, "x", Subset(min_seconds=1))
    assert not (folder / "subsets" / "x").exists()


def test_a_folder_without_a_card_still_loads_as_it_did(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for split, part in (("train", ROWS[:200]), ("test", ROWS[200:])):
        as_dataset(part).to_parquet(folder / f"{split}.parquet")
    make_subset(folder, "short", Subset(max_seconds=3))
    whole = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert whole["train"].to_list() == ROWS[:200] and whole["test"].to_list() == ROWS[200:]
    assert loaded(folder, "short")["clip_id"][:] == plain_selection(ROWS[:200], Subset(max_seconds=3))
    (folder / "README.md").unlink()
    make_subset(folder, "shorter", Subset(max_seconds=2))
    assert load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"].to_list() == ROWS[:200]
    assert config_names(read_text(folder / "README.md")) == ["default", "short", "shorter"]


def test_a_split_of_a_split_and_one_disjoint_from_another(folder: Path) -> None:
    make_subset(folder, "long", Subset(min_seconds=3))
    part = make_subset(folder, "some", Subset(max_videos=10), config="long")
    assert part.data["source"]["config"] == "long" and part.data["videos"]["kept"] == 10
    rest = make_subset(folder, "rest", Subset(disjoint_from=VideoIds.read([f"{folder}#some"])))
    assert rest.data["videos"]["kept"] == 110
    assert not set(loaded(folder, "rest")["video_id"]) & set(loaded(folder, "some")["video_id"])


def test_files_and_row_groups_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ROWS_PER_FILE", 100)
    monkeypatch.setattr(shards, "ROW_GROUP", 40)
    monkeypatch.setattr(source, "ROWS", 64)
    record = make_subset(folder, "all", Subset())
    rows = list(record.data["files"].values())
    assert sum(rows) == len(ROWS) and all(100 <= count < 100 + 2 * 40 for count in rows[:-1])
    assert list(record.data["files"])[0] == f"train-00000-of-{len(rows):05d}.parquet"
    for name, count in record.data["files"].items():
        file = pq.ParquetFile(record.path / name)
        assert file.metadata.num_rows == count
        assert max(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)) < 2 * 40
    assert loaded(folder, "all").to_list() == ROWS


def test_a_killed_run_leaves_no_split_and_the_next_one_makes_it(folder: Path) -> None:
    code = (
        "import os, sys; from panda_hf.subsets import Subset, make, make_subset\n"
        "make._write_synced = lambda *_: os._exit(9)\n"
        f"make_subset({str(folder)!r}, 'mine', Subset())"
    )
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ}).returncode == 9
    assert [path.name for path in (folder / "subsets").iterdir()] == [".mine.partial"]
    assert loaded(folder, None).to_list() == ROWS
    make_subset(folder, "mine", Subset())
    assert [path.name for path in (folder / "subsets").iterdir()] == ["mine"]


def test_a_run_killed_before_the_card_was_told_is_made_good(folder: Path) -> None:
    card = read_text(folder / "README.md")
    make_subset(folder, "mine", RULE)
    told = read_text(folder / "README.md")
    (folder / "README.md").write_text(card, encoding="utf-8")
    assert not make_subset(folder, "mine", RULE).is_new
    assert read_text(folder / "README.md") == told


def test_the_output_of_curate_gets_splits_that_its_next_card_keeps(tmp_path: Path) -> None:
    rng = random.Random(3)
    films = [film(rng, f"film {i}.mp4", 8) for i in range(6)]
    out = write_output(tmp_path / "out", [video for video, _ in films], [clip for _, clips in films for clip in clips])
    write_manifest(out)
    write_card(out)
    record = make_subset(out, "best", Subset(max_clips_per_video=1, pick="best"))
    assert not edited(out / "README.md")
    best = loaded(out, "best")
    assert best.features == loaded(out, "clips").features
    assert record.clips == len(best) == 6
    for row, (_, clips) in zip(best, films, strict=True):
        assert row["matching_score"] == pytest.approx(max(clip["matching_score"] for clip in clips))
        assert row["video"]["path"] == clips[0]["video"]["path"]
    assert write_card(out).name == "README.md"
    assert config_names(read_text(out / "README.md")) == ["clips", "videos", "best"]
    shutil.rmtree(out / "subsets")
    write_card(out)
    assert config_names(read_text(out / "README.md")) == ["clips", "videos"]


def test_one_id_for_several_clips_cannot_be_drawn_by(tmp_path: Path) -> None:
    rows = [{**row, "clip_id": "same"} for row in ROWS]
    folder = write_release(tmp_path / "data", rows)
    with pytest.raises(SourceError, match="several clips by one clip_id"):
        make_subset(folder, "x", Subset(max_clips=1))
