"""What is to be downloaded, from untrusted lists, tables and datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from panda_hf.download.plan import Plan, read_ids
from panda_hf.errors import SourceError
from panda_hf.schema import RELEASE_ROW


def planned(path: Path, text: str, **options: object) -> list:
    path.write_text(text, encoding="utf-8")
    return list(Plan(str(path), **options))


def test_a_video_that_a_list_names_twice_is_wanted_once(tmp_path: Path) -> None:
    text = "abcdefghijk\nhttps://youtu.be/abcdefghijk\nhttps://www.youtube.com/watch?v=abcdefghijk&t=3\n--dashes-id\n"
    assert [one.video_id for one in planned(tmp_path / "ids.txt", text)] == ["abcdefghijk", "--dashes-id"]


def test_a_csv_table_gives_clips_of_the_released_form(tmp_path: Path) -> None:
    text = (
        "video_id,url,start,end,caption,matching_score,shot_boundary_detection\n"
        'v,http://example.org/v.mp4,1.5,3,"a cat, <b>asleep</b>",0.5,"[[0, 1]]"\n'
        "v,http://example.org/v.mp4,4,5.25,,,\n"
        "w,http://example.org/w.mp4,,,,,\n"
    )
    v, w = planned(tmp_path / "t.csv", text)
    first, second = v.clips
    assert first == {
        "clip_id": "v.0", "start": 1.5, "end": 3.0, "caption": "a cat, <b>asleep</b>", "matching_score": 0.5,
        "desirable_filtering": None, "shot_boundary_detection": None,
    }  # fmt: skip
    assert (second["clip_id"], second["caption"], second["matching_score"]) == ("v.1", None, None)
    assert w.clips == () and w.url == "http://example.org/w.mp4"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"start": 2, "end": 1}, "runs from 2.0 s to 1.0 s"),
        ({"start": 0, "end": float("inf")}, "runs from 0.0 s to inf s"),
        ({"start": float("nan"), "end": 1}, "runs from nan s"),
        ({"start": "soon", "end": 1}, "no start and end in seconds"),
        ({"start": 0}, "no start and end in seconds"),
        ({"start": 0, "end": 1, "matching_score": "good"}, "matching_score that is no number"),
    ],
)
def test_rows_that_make_no_clip_are_named(tmp_path: Path, row: dict, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        planned(tmp_path / "t.jsonl", json.dumps({"video_id": "v", "url": "u", **row}))


def test_of_two_clips_of_one_name_the_second_is_left_out_and_told(tmp_path: Path) -> None:
    row = {"video_id": "v", "url": "u", "clip_id": "v.0", "start": 0, "end": 1}
    (one,) = planned(tmp_path / "t.jsonl", "\n".join([json.dumps(row), json.dumps({**row, "start": 0.5})]))
    assert [clip["start"] for clip in one.clips] == [0.0]
    (problem,) = Plan(str(tmp_path / "t.jsonl")).problems()
    assert problem.startswith("line 2: a second clip named 'v.0'")


def test_a_bad_line_of_a_list_costs_itself_only_and_is_named(tmp_path: Path) -> None:
    text = "# ids\n  # indented\nabcdefghijk  # the first\n\ntoo short\nhttps://example.org/a#part.mp4\n"
    path = tmp_path / "ids.txt"
    assert [one.video_id for one in planned(path, text)] == ["abcdefghijk", "https://example.org/a#part.mp4"]
    assert Plan(str(path)).problems() == [
        "line 5: 'too short' is neither an address (https://…) nor a YouTube id"
    ]  # fmt: skip
    path.write_text("abcdefghijk # one\n # none\n")
    assert read_ids(path) == {"abcdefghijk"}


def test_bad_rows_of_a_table_cost_themselves_only_and_the_others_keep_their_names(tmp_path: Path) -> None:
    text = (
        "video_id,url,start,end\n"
        "v,http://example.org/v.mp4,0,1\n"
        "v,http://example.org/v.mp4,5,4\n"
        "v,,6,7\n"
        ",,0,1\n"
        "w,,0,1\n"
    )
    (v,) = planned(tmp_path / "t.csv", text)
    assert [(clip["clip_id"], clip["start"]) for clip in v.clips] == [("v.0", 0.0), ("v.2", 6.0)]
    problems = Plan(str(tmp_path / "t.csv")).problems()
    assert [problem.split(":")[0] for problem in problems] == ["line 3", "line 5", "line 6"]
    assert "runs from 5.0 s to 4.0 s" in problems[0] and "where is the video 'w'" in problems[2]
    (one,) = planned(tmp_path / "t.jsonl", '{"video_id": "abcdefghijk"}\n{"video_id": \n3\n')
    assert one.video_id == "abcdefghijk"
    assert [p.split(":")[0] for p in Plan(str(tmp_path / "t.jsonl")).problems()] == ["line 2", "line 3"]


@pytest.mark.parametrize("name", ["nope.csv", "nope.txt", "folder/nope.parquet"])
def test_a_file_that_is_not_there_is_told_at_once_and_nobody_else_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for ask in (Plan(name).problems, lambda: list(Plan(name))):
        with pytest.raises(SourceError, match=f"there is no file {name}"):
            ask()


def test_the_official_csv_is_pointed_to_the_build_command(tmp_path: Path) -> None:
    text = "videoID,url,timestamp,caption\nabcdefghijk,u,\"[['0:00:01.000', '0:00:02.000']]\",\"['x']\"\n"
    with pytest.raises(SourceError, match="panda-hf build panda-70m --csv FILE"):
        planned(tmp_path / "panda70m_testing.csv", text)


def write_release(folder: Path, rows: list[dict]) -> None:
    """A folder such as `panda-hf build panda-70m` makes, of one split, in two files."""
    (folder / "2m").mkdir(parents=True)
    half = len(rows) // 2
    for number, part in enumerate((rows[:half], rows[half:])):
        table = pa.Table.from_pylist(part, schema=RELEASE_ROW.arrow_schema)
        pq.write_table(table, folder / f"2m/train-0000{number}-of-00002.parquet")
    config = "configs:\n- config_name: 2m\n  data_files:\n  - split: train\n    path: 2m/train-*.parquet\n"
    (folder / "README.md").write_text(f"---\n{config}---\n")


def release_rows(videos: int, order: list[int] | None = None) -> list[dict]:
    return [
        {"clip_id": f"video{v:06d}.{i}", "video_id": f"video{v:06d}", "url": f"http://example.org/{v}", "start": i,
         "end": i + 0.5, "caption": f"{v}.{i}", "matching_score": 0.5, "desirable_filtering": None,
         "shot_boundary_detection": [{"start": 0.0, "end": 0.5}]}
        for v in order or range(videos) for i in range(3)
    ]  # fmt: skip


def test_a_release_is_read_by_configuration_and_split_with_all_clips_of_a_video_together(tmp_path: Path) -> None:
    write_release(tmp_path / "panda", release_rows(7))  # the fourth video's clips lie in two files
    plan = Plan(str(tmp_path / "panda"), "2m", "train")
    assert [(one.video_id, [clip["caption"] for clip in one.clips]) for one in plan] == [
        (f"video{v:06d}", [f"{v}.0", f"{v}.1", f"{v}.2"]) for v in range(7)
    ]
    assert [clip["shot_boundary_detection"] for clip in next(iter(plan)).clips] == [[{"start": 0.0, "end": 0.5}]] * 3
    assert len(list(Plan(str(tmp_path / "panda"), "2m", "train", limit=2))) == 2
    assert len(list(Plan(str(tmp_path / "panda/2m/train-00000-of-00002.parquet")))) == 4


def test_a_video_that_comes_back_later_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_release(tmp_path / "panda", release_rows(0, [0, 1, 0]))
    with pytest.raises(SourceError, match="'video000000' at two places"):
        list(Plan(str(tmp_path / "panda"), "2m", "train"))


def test_what_cannot_be_loaded_is_told_with_its_name(tmp_path: Path) -> None:
    write_release(tmp_path / "panda", release_rows(1))
    with pytest.raises(SourceError, match="load_dataset cannot load it"):
        list(Plan(str(tmp_path / "panda"), "2m", "validation"))
    with pytest.raises(SourceError, match="load_dataset cannot load it"):
        list(Plan(str(tmp_path / "nothing here")))


def test_how_many_are_expected_is_said_where_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("abcdefghijk\nabcdefghijl\nabcdefghijm\n")
    assert Plan(str(tmp_path / "ids.txt")).expected() == 3
    assert Plan(str(tmp_path / "ids.txt"), limit=2).expected() == 2
    assert Plan(str(tmp_path / "panda")).expected() is None
    assert read_ids(tmp_path / "ids.txt") == {"abcdefghijk", "abcdefghijl", "abcdefghijm"}
