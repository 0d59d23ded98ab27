from __future__ import annotations

import csv
import gzip
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Features

from panda_hf import schema
from panda_hf.errors import OutputError, SourceError
from panda_hf.mini.release_csv import write_release_csv
from panda_hf.release import COLUMNS, LATE_COLUMNS, BuildSummary, ReleaseCSV, ReleaseFile, build_release
from panda_hf.rights import OptOut
from tests.release.reading import read

GOOD = ("https://example.org/v", "[['0:00:01.000', '0:00:02.500']]", "['a cat']", "[0.5]")


def rows_of(out: Path, part: str = "full/train") -> list[dict]:
    files = sorted(out.glob(f"{part}-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def rejects_of(out: Path) -> list[dict]:
    return [row for file in sorted(out.glob("rejected/*.parquet")) for row in pq.read_table(file).to_pylist()]


def built(path: Path, out: Path, part: str = "full/train", **options) -> BuildSummary:
    return build_release([ReleaseCSV(path, part)], out, **options)


def csv_file(path: Path, rows: list[tuple], columns: tuple = COLUMNS) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])
    return path


def test_the_real_rows_are_read_value_for_value(tmp_path: Path, shared: Path) -> None:
    for name in ("panda70m_validation_first300.csv", "panda70m_7col_one_row.csv"):
        source = shared / "data/panda70m" / name
        summary = built(source, tmp_path / name, "heldout/validation")
        assert rows_of(tmp_path / name, "heldout/validation") == read(source)
        assert summary.rejected_files == []
    assert summary.parts[0].late_columns


@pytest.mark.parametrize("late", [False, True])
def test_made_rows_are_read_value_for_value_whatever_the_workers(tmp_path: Path, late: bool) -> None:
    source = write_release_csv(tmp_path / "made.csv", 4_500, seed=3, late_columns=late, mean_clips=6)
    summaries = [built(source, tmp_path / f"out{n}", workers=n) for n in (1, 3)]
    expected = read(source)
    assert rows_of(tmp_path / "out1") == expected
    part = summaries[0].parts[0]
    assert (part.videos, part.clips, part.rejected) == (4_500, len(expected), {})
    assert part.seconds == pytest.approx(sum(row["end"] - row["start"] for row in expected))
    files = [sorted(p.name for p in (tmp_path / f"out{n}" / "full").iterdir()) for n in (1, 3)]
    assert files[0] == files[1]
    for name in files[0]:
        one, three = ((tmp_path / f"out{n}" / "full" / name).read_bytes() for n in (1, 3))
        assert one == three
    assert Features.from_arrow_schema(pq.read_schema(tmp_path / "out1" / part.files[0])) == schema.RELEASE_ROW


def test_the_summary_holds_the_digest_of_each_source(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])
    packed = tmp_path / "x.csv.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    for path in (source, packed):
        (part,) = built(path, tmp_path / f"out-{path.name}").parts
        assert part.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert part.source_bytes == len(path.read_bytes())


def test_archives_are_read_as_they_are(tmp_path: Path) -> None:
    source = write_release_csv(tmp_path / "made.csv", 300, mean_clips=3)
    with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(source, "folder/made.csv")
        archive.writestr("__MACOSX/._made.csv", "x")
    (tmp_path / "made.csv.gz").write_bytes(gzip.compress(source.read_bytes()))
    for name in ("made.zip", "made.csv.gz"):
        built(tmp_path / name, tmp_path / f"out-{name}")
        assert rows_of(tmp_path / f"out-{name}") == read(source)


def test_cells_beyond_the_field_limit_of_csv_are_read(tmp_path: Path) -> None:
    clips = 9_000
    times = [
        [f"{i // 3600}:{i // 60 % 60:02d}:{i % 60:02d}.000", f"{i // 3600}:{i // 60 % 60:02d}:{i % 60:02d}.900"]
        for i in range(clips)
    ]
    captions = [f"caption {i} it's" if i % 7 else f"caption {i}" for i in range(clips)]
    row = ("longvideo01", GOOD[0], repr(times), repr(captions), repr([0.5] * clips))
    assert len(row[3]) > 131_072
    source = csv_file(tmp_path / "long.csv", [("v1", *GOOD), row, ("v2", *GOOD)])
    built(source, tmp_path / "out")
    assert rows_of(tmp_path / "out") == read(source)


MALFORMED = {
    "unequal": (GOOD[0], GOOD[1], "['a', 'b']", GOOD[3], "unequal lists: 1 times, 2 of caption"),
    "literal": (GOOD[0], GOOD[1], "['a", GOOD[3], "caption: broken literal"),
    "list": (GOOD[0], GOOD[1], "{'a'}", GOOD[3], "caption: expected a list"),
    "text": (GOOD[0], GOOD[1], "[7]", GOOD[3], "caption: expected texts, found int 7"),
    "time": (GOOD[0], "[['0:00:01', '0:99:02.500']]", GOOD[2], GOOD[3], "timestamp: bad time '0:99:02.500'"),
    "pair": (GOOD[0], "[['0:00:01.000']]", GOOD[2], GOOD[3], "timestamp: expected [start, end]"),
    "backwards": (GOOD[0], "[['0:00:02.000', '0:00:02.000']]", GOOD[2], GOOD[3], "a clip ends before it starts"),
    "order": (GOOD[0], "[['0:00:05.000', '0:00:06.000'], ['0:00:01.000', '0:00:02.000']]", "['a', 'b']", "[0.5, 0.5]",
              "times out of order"),
    "score": (GOOD[0], GOOD[1], GOOD[2], "['high']", "matching_score: expected numbers"),
    "infinite": (GOOD[0], GOOD[1], GOOD[2], "[1e999]", "matching_score: the score inf is not a finite number"),
    "none": (GOOD[0], "[]", "[]", "[]", "no clips"),
    "code": (GOOD[0], GOOD[1], "[open('x')]", GOOD[3],
             "caption: broken literal: malformed node or string on line 1: Call"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_row_is_kept_aside_with_its_line_and_cause(tmp_path: Path, name: str) -> None:
    *cells, cause = MALFORMED[name]
    source = csv_file(tmp_path / "x.csv", [("before", *GOOD), ("bad", *cells), ("after", *GOOD)])
    summary = built(source, tmp_path / "out").parts[0]
    assert [row["clip_id"] for row in rows_of(tmp_path / "out")] == ["before.0", "after.0"]
    (reject,) = rejects_of(tmp_path / "out")
    assert (reject["file"], reject["part"], reject["line"], reject["video_id"]) == ("x.csv", "full/train", 3, "bad")
    assert reject["cause"].startswith(cause) and "0x" not in reject["cause"]
    assert reject["text"] == source.read_text().splitlines()[2]
    assert (summary.videos_read, summary.videos, summary.rejected_videos) == (3, 2, 1)


WRONG_SHOTS = {
    "[[['0:00:01.000', '0:00:00.500']]]": "a shot ends before it starts",
    "[[['0:00:00.500', '0:00:00.500']]]": "a shot ends before it starts",
    "[[['0:00:00.000', '0:00:00.500'], ['0:00:01.000', '0:00:00.500']]]": "a shot ends before it starts",
    "[[['0:00:00.500', '0:00:01.000'], ['0:00:00.000', '0:00:00.500']]]": "a shot starts before the one before it",
    "[[['0:00:00.000', '0:00:02.501']]]": "a shot ends after its clip",
    "[[['0:00:00.000', '0:00:01.000'], ['0:00:01.000', '0:01:01.500']]]": "a shot ends after its clip",
}
RIGHT_SHOTS = [
    "[[]]",
    "[[['0:00:00.000', '0:00:02.500']]]",
    "[[['0:00:00.000', '0:00:01.000'], ['0:00:00.966', '0:00:01.500']]]",
]


@pytest.mark.parametrize("shots", [*WRONG_SHOTS, *RIGHT_SHOTS])
def test_shots_that_cannot_be_of_their_clip_are_noticed(tmp_path: Path, shots: str) -> None:
    columns, label = (*COLUMNS, *LATE_COLUMNS), "['desirable']"
    two = (GOOD[0], "[['0:00:01.000', '0:00:09.000'], ['0:00:10.000', '0:00:11.500']]", "['a', 'b']", "[0.5, 0.5]",
           "['desirable', 'desirable']")  # fmt: skip
    long = "[['0:00:07.000', '0:00:08.000']]"
    rows = [
        ("unequal", *GOOD, label, f"[{long}, {long}]"),
        ("v3", *two, f"[{long}, {shots[1:-1]}]"),
        ("literal", *GOOD, label, "x"),
        ("v5", *GOOD, label, shots),
        ("v6", *two, f"[{long}, [['0:00:00.000', '0:00:01.500']]]"),
    ]
    built(csv_file(tmp_path / "x.csv", rows, columns), tmp_path / "out")
    kept = sorted({row["video_id"] for row in rows_of(tmp_path / "out")})
    causes = {row["video_id"]: row["cause"] for row in rejects_of(tmp_path / "out")}
    assert causes.pop("unequal").startswith("unequal lists") and causes.pop("literal").startswith("shot_boundary")
    wrong = WRONG_SHOTS.get(shots)
    assert kept == (["v3", "v5", "v6"] if wrong is None else ["v6"])
    assert causes == ({} if wrong is None else dict.fromkeys(("v3", "v5"), f"shot_boundary_detection: {wrong}"))


@pytest.mark.parametrize("name", [name for name in (*COLUMNS, *LATE_COLUMNS) if name != "url"])
@pytest.mark.parametrize("cell", ["", "[", "''"])
def test_one_empty_cell_between_good_ones_costs_only_its_row(tmp_path: Path, name: str, cell: str) -> None:
    columns = (*COLUMNS, *LATE_COLUMNS)
    late = ("['desirable']", "[[['0:00:00.000', '0:00:01.500']]]")
    good = [(f"v{line}", *GOOD, *late) for line in (2, 3, 4, 5)]
    bad = list(good[1])
    bad[columns.index(name)] = cell
    source = csv_file(tmp_path / "x.csv", [good[0], tuple(bad), *good[2:]], columns)
    summary = built(source, tmp_path / "out").parts[0]
    kept = [row["video_id"] for row in rows_of(tmp_path / "out")]
    if name == "videoID" and cell:
        assert kept == ["v2", cell, "v4", "v5"], "an id may be any text"
    else:
        assert kept == ["v2", "v4", "v5"] and summary.rejected_videos == 1
        assert [(row["line"], bool(row["cause"])) for row in rejects_of(tmp_path / "out")] == [(3, True)]


def test_broken_lines_of_every_kind_cost_only_themselves(tmp_path: Path) -> None:
    line = "{},https://example.org/{},\"[['0:00:01.000', '0:00:02.500']]\",['a cat'],[0.5]\n"
    text = [
        ",".join(COLUMNS) + "\n",
        line.format("v2", 2),
        "v3,https://example.org/3,\"never closed,['a'],[0.5]\n",
        line.format("v4", 4),
        "v5,https://example.org/5,x\n",
        "\n",
        line.format("", 7),
        line.format("v8", 8).replace("a cat", "a \udcff cat"),
        line.format("v9", 9).replace("\n", "\r\n"),
        "v10,https://example.org/10,\"[['0:00:01.000',\n '0:00:02.500']]\",['over two lines'],[0.5]\n",
        line.format("v12", 12).rstrip("\n"),
    ]
    source = tmp_path / "x.csv"
    source.write_bytes("".join(text).encode("utf-8", "surrogateescape"))
    summary = built(source, tmp_path / "out").parts[0]
    assert [row["video_id"] for row in rows_of(tmp_path / "out")] == ["v2", "v4", "v9", "v10", "v12"]
    assert {row["line"]: row["cause"] for row in rejects_of(tmp_path / "out")} == {
        3: "a quote is not closed",
        5: "3 cells, expected 5",
        7: "the video id is empty, too long or holds control characters",
        8: "not valid UTF-8",
    }
    assert (summary.videos_read, summary.videos, summary.rejected_videos, summary.empty_lines) == (9, 5, 4, 1)


def test_a_quote_in_the_middle_of_a_cell_does_not_join_lines(tmp_path: Path) -> None:
    text = ",".join(COLUMNS) + '\nv2,https://x"y"z,"[\'a\n' + "v3,https://example.org/3," + ",".join(GOOD[1:2]) + "\n"
    line = (
        "v4,https://a\"b,\"c\",[],[]\nv5,https://example.org/5,\"[['0:00:01.000', '0:00:02.500']]\",['a cat'],[0.5]\n"
    )
    (tmp_path / "x.csv").write_text(text + line)
    built(tmp_path / "x.csv", tmp_path / "out")
    assert [row["video_id"] for row in rows_of(tmp_path / "out")] == ["v5"]
    assert [row["line"] for row in rejects_of(tmp_path / "out")] == [2, 3, 4]


def test_of_a_video_that_is_there_twice_the_first_is_kept(tmp_path: Path) -> None:
    two = (GOOD[0], "[['0:00:01.000', '0:00:02.000'], ['0:00:03.000', '0:00:04.000']]", "['a', 'b']", "[0.5, 0.25]")
    rows = [("v2", *two), ("v2", *GOOD), ("v4", *GOOD), ("v2", *GOOD), ("v6", *two)]
    summary = built(csv_file(tmp_path / "x.csv", rows), tmp_path / "out").parts[0]
    assert [row["clip_id"] for row in rows_of(tmp_path / "out")] == ["v2.0", "v2.1", "v4.0", "v6.0", "v6.1"]
    assert [(row["line"], row["cause"]) for row in rejects_of(tmp_path / "out")] == [
        (3, "duplicate: this video is in line 2 already"),
        (5, "duplicate: this video is in line 2 already"),
    ]
    assert (summary.videos_read, summary.videos, summary.clips, summary.rejected) == (5, 3, 5, {"duplicate": 2})
    assert summary.seconds == pytest.approx(2.0 + 1.5 + 2.0)


def test_a_video_that_opted_out_is_only_counted(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "x.csv", [("v2", *GOOD), ("v3", *GOOD), ("bad", "u", "x", "y", "z")])
    summary = built(source, tmp_path / "out", opt_out=OptOut.of(["v3", "bad"]))
    assert [row["video_id"] for row in rows_of(tmp_path / "out")] == ["v2"]
    assert rejects_of(tmp_path / "out") == []
    assert (summary.parts[0].videos_read, summary.parts[0].opted_out) == (3, 2)
    assert summary.unmatched_opt_outs == 0
    assert "v3" not in str(summary.as_dict())


def test_opt_outs_that_no_file_has_are_counted(tmp_path: Path) -> None:
    watch = "https://www.youtube.com/watch?v="
    rows = [("v2", *GOOD), ("v3", watch + "-2yHu5qgTzM", *GOOD[1:]), ("v4", *GOOD), ("broken", "x")]
    sources = [csv_file(tmp_path / f"{part}.csv", rows[start::2]) for part, start in (("full", 0), ("2m", 1))]
    listed = OptOut.of(["v2", "-2yHu5qgTzM", "broken", "nowhere", "https://example.org/no", "channel:x"])
    parts = [ReleaseCSV(path, f"{path.stem}/train") for path in sources]
    summary = build_release(parts, tmp_path / "out", opt_out=listed)
    assert sum(part.opted_out for part in summary.parts) == 3
    assert summary.unmatched_opt_outs == 2


def test_no_text_of_a_video_that_opted_out_is_kept_among_the_rejects(tmp_path: Path) -> None:
    rows = [("v2", *GOOD), ("v3", "https://example.org/v", "too few cells"), ("v31", "too few cells")]
    summary = built(csv_file(tmp_path / "x.csv", rows), tmp_path / "out", opt_out=OptOut.of(["v3"]))
    assert [row["video_id"] for row in rejects_of(tmp_path / "out")] == ["v31"]
    assert (summary.parts[0].videos_read, summary.parts[0].opted_out) == (3, 1)


def test_a_damaged_archive_is_a_source_error(tmp_path: Path) -> None:
    source = write_release_csv(tmp_path / "made.zip", 300, mean_clips=3)
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    source.write_bytes(data)
    with pytest.raises(SourceError, match="made.zip"):
        built(source, tmp_path / "out")


def test_columns_may_stand_in_another_order_and_others_are_named(tmp_path: Path) -> None:
    rows = [("x", GOOD[3], GOOD[2], GOOD[1], GOOD[0], "v1")]
    columns = ("extra", "matching_score", "caption", "timestamp", "url", "videoID")
    summary = built(csv_file(tmp_path / "x.csv", rows, columns), tmp_path / "out")
    assert rows_of(tmp_path / "out")[0]["caption"] == "a cat"
    assert summary.parts[0].extra_columns == ("extra",)


@pytest.mark.parametrize(
    "columns",
    [COLUMNS[:-1], ("a", "b"), (*COLUMNS, LATE_COLUMNS[0]), (*COLUMNS, "url")],
)
def test_a_file_of_other_columns_is_refused_before_anything_is_written(tmp_path: Path, columns: tuple) -> None:
    csv_file(tmp_path / "x.csv", [], columns)
    with pytest.raises(SourceError, match="x.csv is not a CSV file of Panda-70M.*expected"):
        built(tmp_path / "x.csv", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv"]


def test_a_file_without_rows_makes_no_shard(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\ufeff" + ",".join(COLUMNS))
    summary = built(tmp_path / "x.csv", tmp_path / "out")
    assert summary.parts[0].files == [] and summary.clips == 0


@pytest.mark.parametrize("damage", ["gone", "not a zip", "two members", "cut short"])
def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path, damage: str) -> None:
    source = tmp_path / "made.zip"
    made = write_release_csv(tmp_path / "made.csv", 2_000, mean_clips=3).read_bytes()
    if damage == "not a zip":
        source.write_bytes(b"hello")
    elif damage == "two members":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("a.csv", "x")
            archive.writestr("b.csv", "x")
    elif damage == "cut short":
        source = tmp_path / "made.csv.gz"
        source.write_bytes(gzip.compress(made)[:-3000])
    with pytest.raises(SourceError, match="made"):
        built(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_is_replaced_only_when_asked_and_only_when_a_build_made_it(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])

    def finish(folder: Path, summary: BuildSummary) -> None:
        (folder / "build.json").write_text("{}")

    built(source, tmp_path / "out", finish=finish)
    with pytest.raises(OutputError, match="--overwrite"):
        built(source, tmp_path / "out")
    built(source, tmp_path / "out", finish=finish, overwrite=True)
    (tmp_path / "out" / "build.json").unlink()
    with pytest.raises(OutputError, match="no build made it"):
        built(source, tmp_path / "out", overwrite=True)
    assert len(rows_of(tmp_path / "out")) == 1


def test_when_the_end_fails_no_folder_appears(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])

    def fail(folder: Path, summary: BuildSummary) -> None:
        raise OSError("disk full")

    with pytest.raises(OutputError, match="out cannot be written: disk full"):
        built(source, tmp_path / "out", finish=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("place", ["file.txt/out", "file.txt/deep/er/out", "/proc/nothing/out", "x" * 300])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])
    (tmp_path / "file.txt").write_text("in the way")
    with pytest.raises(OutputError, match="out cannot be written|File name too long"):
        built(source, tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "x.csv"]


def test_a_disk_that_fills_up_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    source = write_release_csv(tmp_path / "made.csv", 3_000, mean_clips=6)
    code = (
        "import resource, signal; from panda_hf.release import ReleaseCSV, build_release\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))\n"
        f"build_release([ReleaseCSV({str(source)!r}, 'full/train')], {str(tmp_path / 'out')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "OutputError" in done.stderr.splitlines()[-1] and "out cannot be written" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["made.csv"]


def test_what_a_killed_build_left_goes_with_the_next_and_a_running_one_keeps_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])
    code = (
        "import os; from panda_hf.release import ReleaseCSV, build_release\n"
        f"sources = [ReleaseCSV({str(source)!r}, 'full/train')]\n"
        f"build_release(sources, {str(tmp_path / 'out')!r}, finish=lambda *_: os._exit(9))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    (left,) = tmp_path.glob(".out.*.building")
    others = tmp_path / ".out.txt", tmp_path / ".outer.01234567.building"
    for path in others:
        path.mkdir()

    def beside(folder: Path, summary: BuildSummary) -> None:
        assert not left.exists() and "left by a build that was killed" in caplog.text
        built(source, tmp_path / "out")
        assert folder.exists()
        (tmp_path / "out" / "build.json").write_text("{}")

    with pytest.raises(OutputError, match="out cannot be written"):
        built(source, tmp_path / "out", finish=beside)
    assert (tmp_path / "out" / "build.json").exists(), "what was made meanwhile is not replaced unasked"
    assert sorted(path for path in tmp_path.iterdir() if path.name.startswith(".")) == sorted(others)


def test_what_a_killed_build_had_put_aside_is_kept_until_something_took_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])
    aside = tmp_path / ".out.01234567.old"
    aside.mkdir()
    built(source, tmp_path / "out")
    assert aside.exists() and "put aside" in caplog.text
    (tmp_path / "out" / "build.json").write_text("{}")
    built(source, tmp_path / "out", overwrite=True)
    assert not aside.exists()


def test_two_files_of_one_part_are_refused(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "x.csv", [("v1", *GOOD)])
    with pytest.raises(SourceError, match="both full/train"):
        build_release([ReleaseCSV(source, "full/train")] * 2, tmp_path / "out")


def test_a_line_without_end_costs_only_itself_and_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panda_hf.release import records, source

    for module in (source, records):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 100_000)
    monkeypatch.setattr(source, "_READ_BYTES", 10_000)
    monkeypatch.setattr(source.ReleaseFile.blocks, "__defaults__", (20_000,))
    line = "{},https://example.org/{},\"[['0:00:01.000', '0:00:02.500']]\",['a cat'],[0.5]\n"
    monster = "monster,https://example.org/3," + "x" * 1_000_000 + "\n"
    others = "".join(f"u{i},ftp://example.org/{i}," + line.split(",", 2)[2] for i in range(3000))
    text = ",".join(COLUMNS) + "\n" + line.format("v2", 2) + monster + line.format("v4", 4) + others
    (tmp_path / "x.csv").write_text(text)
    sizes = []
    with source.ReleaseFile(ReleaseCSV(tmp_path / "x.csv", "full/train")) as file:
        sizes = [len(block.data) for block in file.blocks()]
    assert max(sizes) < 160_000
    summary = built(tmp_path / "x.csv", tmp_path / "out").parts[0]
    assert [row["video_id"] for row in rows_of(tmp_path / "out")] == ["v2", "v4", *(f"u{i}" for i in range(3000))]
    assert [(row["line"], row["video_id"]) for row in rejects_of(tmp_path / "out")] == [(3, "monster")]
    assert summary.videos_read == 3003


ORDERS = {
    "reversed": lambda names: names[::-1],
    "a number first": lambda names: ["", *names],
    "address first": lambda names: ["url", "videoID", *names[2:]],
    "times first": lambda names: [*names[2:], "videoID", "url"],
    "captions first": lambda names: ["caption", "videoID", "url", "timestamp", *names[4:]],
    "scores first": lambda names: ["matching_score", *(name for name in names if name != "matching_score")],
    "long words first": lambda names: ["remark", *names[::-1]],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("late", [False, True])
def test_blocks_are_small_and_a_stray_quote_costs_only_its_record_whatever_the_order_of_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, late: bool
) -> None:
    monkeypatch.setattr("panda_hf.release.source._READ_BYTES", 10_000)
    made = write_release_csv(tmp_path / "made.csv", 600, seed=4, late_columns=late, mean_clips=6)
    with open(made, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row |= {"": str(i), "remark": "words, " * 20}
    names = ORDERS[order](list(rows[0])[: 7 if late else 5])
    source = tmp_path / "x.csv"
    csv_file(source, [tuple(row[name] for name in names) for row in rows], tuple(names))
    with ReleaseFile(ReleaseCSV(source, "full/train")) as file:
        blocks = list(file.blocks(20_000))
    header, _, text = source.read_bytes().partition(b"\n")
    assert b"".join(block.data for block in blocks) == text
    assert max(len(block.data) for block in blocks) < (5 if order == "long words first" else 3) * 20_000
    built(source, tmp_path / "out")
    assert rows_of(tmp_path / "out") == read(made)
    if order != "long words first":
        lines = text.split(b"\n")
        lines[300] = lines[300].replace(b'"', b"", 1)
        source.write_bytes(header + b"\n" + b"\n".join(lines))
        part = built(source, tmp_path / "stray").parts[0]
        assert (part.videos, part.rejected_videos) == (599, 1)
        assert [row["line"] for row in rejects_of(tmp_path / "stray")] == [302]


def test_opt_outs_are_known_by_id_by_youtube_address_and_by_any_other_address(tmp_path: Path) -> None:
    watch = "https://www.youtube.com/watch?v=-2yHu5qgTzM"
    urls = {
        "-2yHu5qgTzM": watch,
        "renamed": watch + "&t=3",
        "own": "https://example.org/own",
        "kept": "https://e.org/?v=x",
    }
    source = csv_file(tmp_path / "x.csv", [(name, url, *GOOD[1:]) for name, url in urls.items()])
    built(source, tmp_path / "out", opt_out=OptOut.of([watch, "https://example.org/own"]))
    assert [row["video_id"] for row in rows_of(tmp_path / "out")] == ["kept"]
