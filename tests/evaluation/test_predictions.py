from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from panda_hf.errors import SourceError
from panda_hf.evaluation.names import named
from panda_hf.evaluation.prediction_files import read_predictions
from panda_hf.evaluation.predictions import match

WANTED = {"video1": "a man, a dog", "video2": 'he says "hi"'}


def test_every_usual_form_of_a_predictions_file_is_read(tmp_path: Path) -> None:
    forms = {
        "object.json": json.dumps(WANTED),
        "lists.json": json.dumps({name: [said] for name, said in WANTED.items()}),
        "objects.json": json.dumps([{"image_id": name, "caption": said} for name, said in WANTED.items()]),
        "lines.jsonl": "\n".join(json.dumps({"video_id": name, "text": said}) for name, said in WANTED.items()),
        "table.csv": 'video,prediction\nvideo1,"a man, a dog"\nvideo2,"he says ""hi"""\n',
        "table.tsv": 'clip_id\tcaption\nvideo1\ta man, a dog\nvideo2\t"he says ""hi"""\n',
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert read_predictions(tmp_path / name) == WANTED, name
    pq.write_table(pa.table({"id": list(WANTED), "student_caption": list(WANTED.values())}), tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet") == WANTED


def test_forms_of_other_scripts_are_read_too(tmp_path: Path) -> None:
    inner = {name: [{"image_id": name, "caption": said}] for name, said in WANTED.items()}
    rows = [{"id": 5, "video": f"/films/{name}.mp4", "caption": said} for name, said in WANTED.items()]
    forms = {
        "wrapped.json": json.dumps({"predictions": inner, "scores": {"CIDEr": 1.0}}),
        "wrapped_list.json": json.dumps({"results": [{"image_id": k, "caption": v} for k, v in WANTED.items()]}),
        "pairs.json": json.dumps(list(WANTED.items())),
        "numbered.json": json.dumps([{**row, "image_id": name} for row, name in zip(rows, WANTED, strict=True)]),
        "capitals.csv": 'Video_ID,Caption\nvideo1,"a man, a dog"\nvideo2,"he says ""hi"""\n',
        "named.tsv": 'video_name\tcaption\nvideo1\ta man, a dog\nvideo2\t"he says ""hi"""\n',
        "lines.json": "\n".join(json.dumps({"video_id": name, "caption": said}) for name, said in WANTED.items()),
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert read_predictions(tmp_path / name) == WANTED, name
    (tmp_path / "paths.json").write_text(json.dumps(rows))
    references = dict.fromkeys(WANTED, ("a reference",))
    matched = match(read_predictions(tmp_path / "paths.json"), references)
    assert matched.predictions == tuple(WANTED.values()) and matched.unused == 0


def test_an_id_called_as_a_wrapper_is_an_id(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"predictions": ["a cat"], "results": "a dog"}')
    assert read_predictions(tmp_path / "p.json") == {"predictions": "a cat", "results": "a dog"}


def test_a_mark_at_the_beginning_is_no_part_of_the_text(tmp_path: Path) -> None:
    for name, text in (("p.csv", "video_id,caption\nv,a cat\n"), ("p.json", '{"v": "a cat"}')):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read_predictions(tmp_path / name) == {"v": "a cat"}


def test_null_is_no_prediction_and_an_empty_text_is_one(tmp_path: Path) -> None:
    forms = {
        "null.json": '{"v1": null, "v2": "a dog"}',
        "nan.json": '{"v1": NaN, "v2": "a dog"}',
        "list.json": '[{"id": "v1", "caption": [null]}, {"id": "v2", "caption": "a dog"}]',
        "lines.jsonl": '{"id": "v1", "caption": null}\n{"id": "v2", "caption": "a dog"}\n',
        "cells.csv": "id,caption\nv1,\nv2,a dog\n",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
    pq.write_table(pa.table({"id": ["v1", "v2"], "caption": [None, "a dog"]}), tmp_path / "p.parquet")
    references = {"v1": ("a cat",), "v2": ("a dog",)}
    for name in (*forms, "p.parquet"):
        found = read_predictions(tmp_path / name)
        with pytest.raises(SourceError, match="1 of 2 videos have no prediction, such as 'v1'"):
            match(found, references)
        assert match(found, references, missing="empty").missing == ("v1",), name
    (tmp_path / "empty.json").write_text('{"v1": "", "v2": "a dog"}')
    assert match(read_predictions(tmp_path / "empty.json"), references).predictions == ("", "a dog")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,caption\nv1,a man, a dog\n", "line 2 has 3 cells, the header 2; .* in quotes"),
        ('id,caption\nv1,"a\nb"\nv2\n', "line 4 has 1 cells, the header 2"),
        ('id,caption\nv1,"a man\nv2,a dog\n', "line 3: unexpected end of data"),
    ],
)
def test_a_row_that_does_not_fit_the_header_is_an_error_that_names_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(SourceError, match=said):
        read_predictions(tmp_path / "p.csv")


def test_a_broken_line_is_called_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "a", "caption": "x"}\n{"id": "b", "caption"\n')
    with pytest.raises(SourceError, match="line 2 is not JSON"):
        read_predictions(tmp_path / "p.jsonl")


@pytest.mark.parametrize("given", ["=p.json", "ours="])
def test_a_name_without_a_file_is_told_from_a_file_that_is_not_there(given: str) -> None:
    with pytest.raises(SourceError, match=f"'{given}': expected NAME=VALUE"):
        named(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "holds no predictions"),
        ("[1]", "entry 1"),
        ('[{"video_id": "a"}]', "entry 1 has"),
        ('[{"id": "a", "caption": "x"}, {"id": "a", "caption": "y"}]', "'a' has two captions"),
        ('{"a": ["x", "y"]}', "expected one caption"),
        ("not json", "cannot be read"),
        ('{"a": "x", "b": "y", "a": "z"}', "'a' has two captions"),
        ("7", "expected an object or a list"),
    ],
)
def test_a_file_that_is_something_else_is_an_error_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(SourceError, match=said):
        read_predictions(tmp_path / "p.json")


def test_a_missing_prediction_is_an_error_that_names_it_or_counts_as_empty() -> None:
    references = {"v1": ("a cat",), "v2": ("a dog", "one dog"), "v3": ("a cow",)}
    with pytest.raises(SourceError, match="1 of 3 videos have no prediction, such as 'v2'"):
        match({"v1": "x", "v3": "y"}, references)
    matched = match({"v3": "y", "v1": "x", "v9": "z"}, references, missing="empty")
    assert matched.ids == ("v1", "v2", "v3")
    assert matched.predictions == ("x", "", "y")
    assert matched.references == (("a cat",), ("a dog", "one dog"), ("a cow",))
    assert matched.missing == ("v2",)
    assert matched.unused == 1


def test_ids_match_with_and_without_the_suffix_of_a_video_file() -> None:
    assert match({"v.1.mp4": "x"}, {"v.1": ("a",)}).predictions == ("x",)
    assert match({"v.1": "x"}, {"v.1.avi": ("a",)}).predictions == ("x",)
    with pytest.raises(SourceError, match="no prediction matches"):
        match({"v": "x"}, {"v.1": ("a",)}, missing="empty")


def test_a_caption_may_hold_any_line_end_of_unicode(tmp_path: Path) -> None:
    said = "one\u2028two\x85three"
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": "a", "caption": said}, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "p.csv").write_text(f"id,caption\na,{said}\n", encoding="utf-8")
    assert read_predictions(tmp_path / "p.jsonl") == read_predictions(tmp_path / "p.csv") == {"a": said}


def test_two_captions_under_names_that_differ_in_the_suffix_are_an_error() -> None:
    with pytest.raises(SourceError, match="'v' has two captions"):
        match({"v.mp4": "x", "v": "y"}, {"v": ("a",)})
    assert match({"v.mp4": "x", "v": "x"}, {"v": ("a",)}).unused == 0


def test_unused_predictions_are_counted_whatever_their_suffix() -> None:
    matched = match({"a.mp4": "x", "b.mp4": "y", "c": "z"}, {"a": ("r",)})
    assert matched.unused == 2 and matched.missing == ()


def test_a_path_matches_by_its_end_where_the_end_is_an_id() -> None:
    assert match({"C:\\films\\a.mp4": "x"}, {"a": ("r",)}).predictions == ("x",)
    inside = {"one/a": ("r",), "two/a": ("r",)}
    assert match({"one/a": "x", "two/a": "y"}, inside).predictions == ("x", "y")
    assert match({"one/a": "x", "a": "y"}, inside, missing="empty").missing == ("two/a",)
    with pytest.raises(SourceError, match="'a' has two captions"):
        match({"one/a.mp4": "x", "two/a.mp4": "y"}, {"a": ("r",)})
