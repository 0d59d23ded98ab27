"""`video_rows`: folders, lists, tables, datasets and single files become the same kind of row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fsspec
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDataset, Value, Video, load_dataset

from panda_hf import schema
from panda_hf.errors import SourceError
from panda_hf.running.inputs import list_videos, video_rows
from tests.running.fakes import write_videos


def ids(rows: Dataset | IterableDataset) -> list[str]:
    return [row["video_id"] for row in rows]


def names(rows: Dataset | IterableDataset) -> list[str]:
    return [os.path.basename(row["video"]["path"]) for row in rows]


def test_a_folder_gives_a_row_per_video_in_fixed_order(tmp_path: Path) -> None:
    write_videos(tmp_path, b=1, a=1)
    write_videos(tmp_path / "deeper", c=1)
    rows = video_rows(tmp_path)
    assert rows.features == schema.VIDEO_ROW
    assert ids(rows) == ["a", "b", "c"]
    assert rows[2]["video"] == {"path": str(tmp_path / "deeper" / "c.mp4"), "bytes": None}
    assert rows[0]["title"] is rows[0]["description"] is rows[0]["subtitles"] is None


def test_other_and_hidden_files_are_no_videos(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1, **{".hidden": 1})
    write_videos(tmp_path / ".cache", b=1)
    for name in ("a.srt", "a.info.json", "notes.txt", "a.mp3", "._a.mp4"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    assert names(video_rows(tmp_path)) == ["a.mp4"]


def test_suffixes_are_known_in_any_case(tmp_path: Path) -> None:
    for name in ("a.MP4", "b.MkV", "c.webm", "d.h264", "e.m2ts"):
        (tmp_path / name).write_text("x")
    assert names(video_rows(tmp_path)) == ["a.MP4", "b.MkV", "c.webm", "d.h264", "e.m2ts"]


def test_links_that_go_round_in_circles_are_followed_once(tmp_path: Path) -> None:
    write_videos(tmp_path / "real", a=1)
    (tmp_path / "real" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "real" / "self").symlink_to(tmp_path / "real", target_is_directory=True)
    assert names(video_rows(tmp_path)) == ["a.mp4"]


def test_a_link_to_nothing_and_a_pipe_are_rows_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nothing.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert names(video_rows(tmp_path)) == ["gone.mp4", "pipe.mp4"]


def test_equal_stems_get_longer_ids(tmp_path: Path) -> None:
    write_videos(tmp_path / "x", talk=1, other=1)
    write_videos(tmp_path / "y", talk=1)
    (tmp_path / "x" / "talk.mkv").write_text("1")
    assert ids(video_rows(tmp_path)) == ["other", "x_talk.mkv", "x_talk.mp4", "y_talk"]


def test_ids_can_be_printed_and_stored(tmp_path: Path) -> None:
    (tmp_path / "red\x1b[31m\nname.mp4").write_text("1")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.mp4")).write_text("1")
    rows = video_rows(tmp_path)
    assert ids(rows) == ["bad_", "red_[31m_name"]
    assert rows[0]["video"]["path"].endswith("bad\\xff.mp4")


def test_exported_clips_of_an_earlier_run_are_not_new_videos(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1)
    out = write_videos(tmp_path / "out" / "media" / "000000", clip=1).parents[1]
    (out / "manifest.jsonl").write_text('{"made_by": "panda_hf"}\n')
    unfinished = write_videos(tmp_path / "new", clip=1)
    assert list_videos(tmp_path, without=unfinished).count == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_file_names_videos_relative_to_itself(tmp_path: Path, encoding: str) -> None:
    folder = write_videos(tmp_path / "films", **{"Ünï": 1, "-b c": 1})
    text = f"films/Ünï.mp4\r\n\r\n  {folder / '-b c.mp4'} \r\nmissing.mp4\r\nhttps://example.org/v.mp4\r\n"
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    rows = video_rows(tmp_path / "list.txt")
    expected = [folder / "Ünï.mp4", folder / "-b c.mp4", tmp_path / "missing.mp4", "https://example.org/v.mp4"]
    assert [row["video"]["path"] for row in rows] == [str(path) for path in expected]
    assert ids(rows) == ["Ünï", "-b c", "missing", "v"]


def test_a_video_listed_twice_is_two_videos(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1)
    (tmp_path / "list.txt").write_text("a.mp4\na.mp4\n")
    assert ids(video_rows(tmp_path / "list.txt")) == ["a", "a-2"]


def test_a_table_keeps_its_other_columns(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1, b=1)
    (tmp_path / "table.csv").write_text("video_id,video,title,license\n007,a.mp4,A talk,cc-by\n008,b.mp4,,cc0\n")
    rows = video_rows(str(tmp_path / "table.csv"))
    assert ids(rows) == ["007", "008"]
    assert rows["title"][:] == ["A talk", None]
    assert rows["license"][:] == ["cc-by", "cc0"]
    assert rows[0]["video"]["path"] == str(tmp_path / "a.mp4")


def test_json_lines_and_parquet_with_a_path_column(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1)
    record = {"path": "a.mp4", "subtitles": [{"start": 0.0, "end": 1.0, "text": "hi"}]}
    (tmp_path / "table.jsonl").write_text(json.dumps(record) + "\n")
    Dataset.from_list([record]).to_parquet(str(tmp_path / "table.parquet"))
    for name in ("table.jsonl", "table.parquet"):
        row = video_rows(tmp_path / name)[0]
        assert row["video"] == {"path": str(tmp_path / "a.mp4"), "bytes": None}
        assert row["subtitles"] == record["subtitles"]
        assert "path" not in row


def test_sidecars_are_read_beside_every_local_file(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1)
    (tmp_path / "a.json").write_text('{"title": "from the file", "description": "more"}')
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    dataset = Dataset.from_dict({"video": [str(tmp_path / "a.mp4")], "title": ["from the table"]})
    for source, title in ((tmp_path, "from the file"), (dataset, "from the table")):
        row = video_rows(source)[0]
        assert (row["title"], row["description"]) == (title, "more")
        assert row["subtitles"] == [{"start": 1.0, "end": 2.0, "text": "Hello"}]


def test_a_dataset_with_bytes_is_left_encoded() -> None:
    features = Features({"video": Video(), "label": ClassLabel(names=["cat", "dog"])})
    rows = [{"video": {"path": f"{name}.mp4", "bytes": b"bytes of " + name.encode()}, "label": 1} for name in "ab"]
    dataset = Dataset.from_list(rows, features=features)
    made = video_rows(dataset)
    assert made.features == {**schema.VIDEO_ROW, "label": features["label"]}
    assert made[1]["video"] == {"path": "b.mp4", "bytes": b"bytes of b"}
    assert ids(made) == ["a", "b"] and made["label"][:] == [1, 1]


def test_streamed_and_eager_rows_are_the_same(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1, b=1)
    (tmp_path / "a.json").write_text('{"title": "A"}')
    dataset = Dataset.from_dict({"path": [str(tmp_path / "b.mp4"), str(tmp_path / "a.mp4")], "n": [1, 2]})
    for eager, streamed in (
        (video_rows(tmp_path), video_rows(tmp_path, streaming=True)),
        (video_rows(dataset), video_rows(dataset.to_iterable_dataset())),
    ):
        assert isinstance(streamed, IterableDataset)
        assert streamed.features == eager.features
        assert list(streamed) == list(eager) == list(streamed)


def test_a_videofolder_stream_becomes_video_rows(tmp_path: Path) -> None:
    write_videos(tmp_path / "cats", a=1)
    write_videos(tmp_path / "dogs", b=1)
    stream = load_dataset("videofolder", data_dir=str(tmp_path), split="train", streaming=True)
    rows = list(video_rows(stream))
    assert [(row["video_id"], row["label"]) for row in rows] == [("a", 0), ("b", 1)]


def test_given_ids_stay_and_doubles_are_numbered() -> None:
    dataset = Dataset.from_dict({"video_id": ["X", "x", "X", None], "video": ["1.mp4", "2.mp4", "3.mp4", "4.mp4"]})
    assert ids(video_rows(dataset)) == ["X", "x", "X-2", "4"]
    assert ids(video_rows(dataset.to_iterable_dataset())) == ["X", "x", "X-2", "4"]


def test_a_dataset_repository_is_loaded_by_its_path(tmp_path: Path) -> None:
    Dataset.from_dict({"video": ["a.mp4"], "n": [3]}).to_parquet(str(tmp_path / "data" / "x.parquet"))
    (tmp_path / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n")
    row = video_rows(str(tmp_path))[0]
    assert (row["video_id"], row["n"]) == ("a", 3)
    assert row["video"]["path"] == str(tmp_path / "a.mp4")


def test_a_file_a_list_of_files_and_a_limit(tmp_path: Path) -> None:
    write_videos(tmp_path, a=1, b=1, c=1)
    assert ids(video_rows(tmp_path / "a.mp4")) == ["a"]
    assert ids(video_rows([tmp_path / "c.mp4", str(tmp_path / "a.mp4")])) == ["c", "a"]
    assert list_videos(tmp_path, limit=2).count == 2


def test_a_split_has_to_be_named_where_there_are_several() -> None:
    one = Dataset.from_dict({"video": ["a.mp4"]})
    assert ids(video_rows(DatasetDict(train=one, test=one))) == ["a"]
    with pytest.raises(SourceError, match="'valid', 'test'|'test', 'valid'"):
        video_rows(DatasetDict(valid=one, test=one))


@pytest.mark.parametrize("make", ["nothing.mp4", "empty", "empty.txt", "numbers.csv", "broken.parquet"])
def test_a_source_without_videos_is_refused_by_name(tmp_path: Path, make: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.parquet").write_text("no")
    with pytest.raises(SourceError, match=make if make != "numbers.csv" else "no column of videos"):
        video_rows(str(tmp_path / make))


def test_something_else_is_refused() -> None:
    with pytest.raises(SourceError, match="int"):
        video_rows(3)  # type: ignore[arg-type]


def test_values_of_any_kind_make_a_reference() -> None:
    dataset = Dataset.from_list([{"mp4": b"abc"}], features=Features({"mp4": Value("binary")}))
    assert video_rows(dataset)[0]["video"] == {"path": None, "bytes": b"abc"}
    assert ids(video_rows(dataset)) == ["video-000000"]


def test_videos_behind_an_address_are_listed_by_folder_by_list_and_alone() -> None:
    store = fsspec.filesystem("memory")
    for name in ("b.mp4", "sub/a.mkv", "notes.md"):
        store.pipe_file(f"/films/{name}", b"x")
    store.pipe_file("/films/list.txt", b"b.mp4\n\nhttps://elsewhere/c.mp4\n")
    assert list_videos("memory://films").ids == ["b", "a"]  # type: ignore[attr-defined]
    assert list_videos("memory://films/list.txt").paths == ["memory://films/b.mp4", "https://elsewhere/c.mp4"]  # type: ignore[attr-defined]
    assert list_videos("memory://films/b.mp4").paths == ["memory://films/b.mp4"]  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="cannot be read"):
        list_videos("memory://films/none.txt")
