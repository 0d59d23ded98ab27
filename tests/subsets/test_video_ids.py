"""Videos of another set, from lists, tables and dataset folders."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from panda_hf.errors import SourceError
from panda_hf.subsets import VideoIds
from tests.subsets.rows import made_rows, write_release


def test_ids_and_addresses_in_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "test set.txt"
    path.write_text("\ufeff-2yHu5qgTzM\n\n# a remark\nhttps://youtu.be/abcdefghijk  # one more\nfilm 3\n", "utf-8")
    ids = VideoIds.read([path])
    assert ids.names == ("test set.txt",) and len(ids) == 3
    asked = pa.array(["-2yHu5qgTzM", "abcdefghijk", "film 3", "film", None, ""])
    assert ids.holds(asked).tolist() == [True, True, True, False, False, False]


def test_tables_and_folders_and_parts_of_folders(tmp_path: Path) -> None:
    rows = made_rows(30)
    folder = write_release(tmp_path / "data", rows)
    table = tmp_path / "release.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["videoID", "caption"])
        writer.writerows([row["video_id"], "x" * 200_000] for row in rows[:40])
    assert csv.field_size_limit() == 131072
    videos = pa.array(sorted({row["video_id"] for row in rows}))
    for place in (folder, f"{folder}#full", f"{folder}#full/train", folder / "full" / "train-00000-of-00002.parquet"):
        held = VideoIds.read([place]).holds(videos)
        assert held.all() or (Path(place).suffix and 0 < held.sum() < 30)
    first = {row["video_id"] for row in rows[:40]}
    assert VideoIds.read([table]).holds(videos).tolist() == [video in first for video in videos.to_pylist()]
    assert csv.field_size_limit() == 131072
    assert VideoIds.read([table, folder]).names == ("release.csv", "data")


@pytest.mark.parametrize(
    "name", ["no such place", "no such place#full", "empty.txt", "bad.txt", "bad.parquet", "bad.csv"]
)
def test_a_place_that_names_no_video_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=name.split("#")[0]):
        VideoIds.read([tmp_path / name])


def test_an_unknown_part_of_a_folder_names_the_known_ones(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "data", made_rows(3))
    with pytest.raises(SourceError, match="full"):
        VideoIds.read([f"{folder}#small"])
    with pytest.raises(SourceError, match=r"no split 'test'; it has \['train'\]"):
        VideoIds.read([f"{folder}#full/test"])


def test_the_digest_is_that_of_the_set_not_of_its_order() -> None:
    one, two = VideoIds.of(["a", "b"]), VideoIds.of(["b", "a", "b"])
    assert one == two and hash(one) == hash(two) and one.digest == two.digest
    assert VideoIds.of(["a"]).digest != one.digest
    assert not VideoIds() and np.array_equal(VideoIds().holds(pa.array(["a"])), [False])
