"""Clips to judge are found in a dataset without reading its videos; those that cannot be judged are counted."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from panda_hf.annotation import tables
from panda_hf.annotation.tables import Tables
from panda_hf.annotation.tasks import FEW_CAPTIONS, NO_ID, NO_MEDIA, TWICE, Tasks
from panda_hf.errors import SourceError
from tests.annotation.curated import HOSTILE, TEACHERS, captions, clip_row, curated, write_rows


def test_every_clip_with_media_and_captions_is_a_task(small: Path) -> None:
    tasks = Tasks.open(str(small))
    assert tasks.clip_ids == ["film_0.0", "film_0.1", "film_1.0", "film_1.1", "film_2.0", "film_2.1"]
    task = tasks.task("film_2.1")
    assert task.captions == tuple(captions(5)) and task.video_id == "film_2"
    assert task.teachers == tuple((teacher,) for teacher in TEACHERS)
    assert not tasks.skipped


def test_equal_captions_are_one_and_blank_ones_none(tmp_path: Path) -> None:
    out = curated(tmp_path, 1)
    texts = ["a cube", None, " a  cube\n", "  ", HOSTILE, "a ball"]
    write_rows(out, [clip_row(0, texts, clip_path="media/000000/0.mp4")])
    task = Tasks.open(str(out)).task("film_0.0")
    assert task.captions == ("a cube", HOSTILE, "a ball")
    assert task.teachers == (("a", "c"), ("e",), ("f",))


def test_clips_that_cannot_be_judged_are_skipped_and_counted(tmp_path: Path) -> None:
    out, path = curated(tmp_path, 1), "media/000000/0.mp4"
    rows = [
        clip_row(0, captions(0), clip_path=path),
        clip_row(0, captions(0), clip_path=path),
        clip_row(1, captions(1), clip_path="media/000000/gone.mp4"),
        clip_row(2, captions(2)),
        clip_row(3, captions(3), video={"path": "gone.mp4", "bytes": None}, start=0.0, end=1.0),
        clip_row(4, ["one", "one", None], clip_path=path),
        clip_row(5, captions(5), clip_path=path, clip_id=None),
    ]
    tasks = Tasks.open(str(write_rows(out, rows)))
    assert tasks.clip_ids == ["film_0.0"]
    assert tasks.skipped == {TWICE: 1, NO_MEDIA: 3, FEW_CAPTIONS: 1, NO_ID: 1}
    assert tasks.told_skipped().startswith("1 × clip_id twice, 1 × fewer than two captions")


def test_a_dataset_without_anything_to_judge_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, [clip_row(0, captions(0))])
    with pytest.raises(SourceError, match=r"1 × media not found"):
        Tasks.open(str(tmp_path))
    with pytest.raises(SourceError, match="split 'nonsense'"):
        Tasks.open(str(tmp_path), split="nonsense")
    pq.write_table(pa.table({"clip_id": ["a"]}), tmp_path / "clips" / "train" / "000000.parquet")
    tables._opened.cache_clear()
    with pytest.raises(SourceError, match=r"lacks the column\(s\) \['candidates'\]"):
        Tasks.open(str(tmp_path))
    with pytest.raises(SourceError, match="load_dataset"):
        Tasks.open(str(tmp_path / "nowhere"))


def test_bytes_of_videos_are_not_read_when_the_dataset_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [clip_row(n, captions(n), video={"path": None, "bytes": b"x" * 1000}) for n in range(3)]
    write_rows(tmp_path, rows)
    read: list[str] = []
    groups = Tables.groups

    def watched(self, columns):
        for number, group, table, has_bytes in groups(self, columns):
            read.append(str(table.schema))
            yield number, group, table, has_bytes

    monkeypatch.setattr(Tables, "groups", watched)
    tasks = Tasks.open(str(tmp_path))
    assert len(tasks) == 3 and read and not any("bytes" in schema for schema in read)
    assert tasks.media("film_0.1")["video"]["bytes"] == b"x" * 1000


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("media/a.mp4", "hf://datasets/some/one/media/a.mp4"),
        ("hf://datasets/some/one/media/a.mp4", "hf://datasets/some/one/media/a.mp4"),
        ("/etc/passwd", None),
        ("../../secret.mp4", None),
        ("http://127.0.0.1/x.mp4", None),
        ("zip://a.mp4::/home/x.zip", None),
        ("hf://x::/home/x.zip", None),
        ("file:///etc/passwd", None),
    ],
)
def test_a_dataset_of_the_hub_may_name_files_of_the_hub_only(name: str, found: str | None) -> None:
    assert Tables("some/one", "hf://datasets/some/one", (), is_local=False).located(name) == found
