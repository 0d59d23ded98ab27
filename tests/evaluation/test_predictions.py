from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from panda_hf.errors import SourceError
from panda_hf.evaluation.predictions import match, read_predictions

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
