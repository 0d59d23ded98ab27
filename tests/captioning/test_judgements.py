"""Judgements as people send them: every form gives the same, and what is wrong is named with its row."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from panda_hf.captioning.judgements import read_judgements
from panda_hf.cli import app
from panda_hf.errors import SourceError

GOOD = {"a": frozenset({"v.0", "v.1"}), "b": frozenset({"v.1"})}
LONG = [("v.0", "a", True), ("v.0", "b", False), ("v.1", "a", True), ("v.1", "b", True), ("v.2", "a", False)]
WIDE = [("v.0", ["a"]), ("v.1", ["b", "a"]), ("v.2", [])]


def long_rows() -> list[dict]:
    return [{"clip_id": c, "model": m, "good": g} for c, m, g in LONG]


def wide_rows() -> list[dict]:
    return [{"clip_id": c, "good": g} for c, g in WIDE]


def write_csv(path, rows):
    path.write_text("\ufeff" + "\r\n".join([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)]))
    return path


def write_json(path, rows):
    path.write_text(json.dumps(rows))
    return path


def write_lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [("j.csv", write_csv), ("j.json", write_json), ("j.JSONL", write_lines), ("j.parquet", write_parquet)],
)
def test_one_row_per_clip_and_model_in_every_format(tmp_path, name, write):
    read = read_judgements(write(tmp_path / name, long_rows()))
    assert read.good == GOOD and read.clips == ("v.0", "v.1", "v.2")
    assert read.unjudged == 1  # b on v.2


@pytest.mark.parametrize(
    ("name", "write"), [("j.json", write_json), ("j.ndjson", write_lines), ("j.parquet", write_parquet)]
)
def test_one_row_per_clip_with_the_good_models_in_every_format(tmp_path, name, write):
    read = read_judgements(write(tmp_path / name, wide_rows()))
    assert read.good == GOOD and len(read.clips) == 3 and read.unjudged == 0


@pytest.mark.parametrize("cells", [('"[""a""]"', '"[""b"", ""a""]"', "[]"), ("a", "b; a", "[]")])
def test_a_list_in_a_csv_is_json_or_has_semicolons(tmp_path, cells):
    path = tmp_path / "j.csv"
    path.write_text("clip_id,good,note\n" + "".join(f"v.{i},{cell},x\n" for i, cell in enumerate(cells)))
    assert read_judgements(path).good == GOOD


@pytest.mark.parametrize("said", ["TRUE", "yes", "1", " true "])
def test_a_verdict_may_be_said_in_several_ways(tmp_path, said):
    path = tmp_path / "j.tsv"
    path.write_text(f"clip_id\tmodel\tgood\n7\ta\t{said}\n8\ta\tno\n")
    assert read_judgements(path).good == {"a": frozenset({"7"})}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,model,good\nv,a,true\nv,a,maybe\n", "line 3: good 'maybe' is no verdict"),
        ("clip_id,model,good\nv,a,true\nv,a,false\n", "line 3: 'a' on clip 'v' is not good, but line 2 says good"),
        ("clip_id,model,good\nv,,true\n", "line 2: model '' is no name"),
        ("clip_id,model,good\nv,a\n", "line 2: more or fewer fields"),
        ("clip_id,model,good\nv,a,true,b\n", "line 2: more or fewer fields"),
        ("clip,model,good\nv,a,true\n", "expected the columns clip_id, model and good"),
        ("clip_id,good\nv,\n", r"line 2: good '' is no list of models; write \[\]"),
        ('clip_id,good\nv,"[""a"""\n', "is no list of models"),
        ("clip_id,good\nv,a\nv,b\n", "line 3: clip 'v' was judged already, line 2"),
        ("clip_id,good\nv,[]\n", "no model is named"),
        ("clip_id,model,good\n", "no row"),
        ("", "no row"),
        ('clip_id,good\nv,"a\n', "cannot be read"),
        ("clip_id,model,good\nv,%s,true\n" % ("a" * 201), "is no name"),
        ("clip_id,model,good\nv,a\u202eb,true\n", "is no name"),
        ("clip_id,good,good\nv,a,b\n", r"line 1: the column\(s\) \['good'\] come twice"),
        ("clip_id,good\nv,a\nw,%s\n" % ("a" * 200_000), "line 3: cannot be read: field larger"),
        ("clip_id,good\nv,[%s]\n" % ("9" * 5000), "line 2: good .* is no list of models"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named(tmp_path, text, message):
    path = tmp_path / "j.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        read_judgements(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("j.jsonl", '{"clip_id": "v", "good": ["a"]}\n{"clip_id":', "line 2: not JSON"),
        ("j.jsonl", "[1]\n", "it has list"),
        ("j.jsonl", '{"clip_id": "v", "good": ["a", 1.5]}\n', "good 1.5 is no name"),
        ("j.jsonl", '{"clip_id": "v", "good": null}\n', "good None is no list"),
        (
            "j.jsonl",
            '{"clip_id": "v", "good": ["a"]}\n{"clip_id": "w", "model": "a", "good": true}',
            "with and without",
        ),
        ("j.json", '{"v": 1}', "a list of objects is expected"),
        ("j.json", "[%s]" % ("9" * 5000), "the whole: not JSON: .*digits"),
        ("j.jsonl", '{"clip_id": %s, "good": []}' % ("9" * 5000), "line 1: not JSON: .*digits"),
        ("j.json", "[" * 100_000, "cannot be read|not JSON"),
        ("j.parquet", "PAR1 nonsense", "no Parquet file"),
        ("j.xlsx", "", "suffix is none of"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        read_judgements(path)


def test_bytes_that_are_no_text_and_a_missing_file_are_errors_too(tmp_path):
    (tmp_path / "j.csv").write_bytes(b"clip_id,model,good\n\xff\xfe,a,1\n")
    for name in ("j.csv", "none.csv"):
        with pytest.raises(SourceError, match=f"{name} cannot be read"):
            read_judgements(tmp_path / name)


def test_the_command_prints_the_table_and_writes_json_and_picture(tmp_path):
    judgements = write_csv(tmp_path / "j.csv", long_rows())
    result = CliRunner().invoke(app, ["shortlist", str(judgements), "--count", "2", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "| 1     | a     | 66.7 %" in result.output
    assert "No further model adds a clip" in result.output and "1 pairs" in result.output
    assert json.loads((tmp_path / "out" / "shortlist.json").read_text())["judgements"] == "j.csv"
    assert (tmp_path / "out" / "coverage.svg").read_text().startswith("<svg")


def test_the_command_tells_a_bad_row_in_one_line(tmp_path):
    (tmp_path / "j.csv").write_text("clip_id,model,good\nv,a,perhaps\n")
    result = CliRunner().invoke(app, ["shortlist", str(tmp_path / "j.csv"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1 and not (tmp_path / "out").exists()
    assert result.stderr.count("\n") == 1 and "line 2" in result.stderr
