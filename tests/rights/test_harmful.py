from __future__ import annotations

import ast
import csv
import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
from datasets import Dataset

from panda_hf.errors import MissingColumnError
from panda_hf.rights import MarkHarmful
from panda_hf.rights.harmful import Language, harmful_terms
from panda_hf.stage import apply


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("what the fuck", ["fuck"]),
        ("That Bastard, again", ["bastard"]),
        ("sh1t happens", ["sh1t"]),
        ("you bastard and you bastard", ["bastard", "bastard"]),
    ],
)
def test_insults_are_found_as_they_are_written(text: str, terms: list[str]) -> None:
    assert [term for term, _ in harmful_terms(text)] == terms


@pytest.mark.parametrize(
    "text",
    ["the cockpit of a plane", "a class in Scunthorpe", "a cocktail on a table", "a man kills a chicken", "Essex", "",
     "a comic strip of a fat cat", "Dick Van Dyke dances", "an assessment of analysis", "パンダが歩いている"],
)  # fmt: skip
def test_decent_text_is_left_alone(text: str) -> None:
    assert harmful_terms(text) == []


def test_none_of_the_real_captions_is_marked(shared: Path) -> None:
    with open(shared / "data/panda70m/panda70m_validation_first300.csv", newline="") as file:
        captions = [caption for row in csv.DictReader(file) for caption in ast.literal_eval(row["caption"])]
    assert len(captions) == 900
    assert [caption for caption in captions if harmful_terms(caption)] == []


def test_a_row_says_which_column_holds_which_word() -> None:
    row = {
        "caption": "a fucking dog",
        "title": None,
        "candidates": [{"teacher": name, "caption": "bastard", "score": 1.0} for name in ("a", "b")],
    }
    marked = apply(Dataset.from_list([row]), MarkHarmful(columns=("caption", "title", "candidates")))[0]
    found = [(mark["column"], mark["term"]) for mark in marked["harmful"]]
    assert found == [("caption", "fucking"), ("candidates", "bastard")]
    assert marked["caption"] == "a fucking dog"


def test_a_column_that_is_not_there_is_named_before_any_work() -> None:
    with pytest.raises(MissingColumnError, match="title"):
        apply(Dataset.from_list([{"caption": "x"}]), MarkHarmful(columns=("title",)))


@pytest.mark.parametrize("languages", [("klingon",), ("english", "English"), (), "english"])
def test_a_language_without_a_list_is_refused_and_the_lists_are_named(languages: Any) -> None:
    with pytest.raises(ValueError, match="languages=.*arabic, chinese.*turkish"):
        MarkHarmful(languages=languages)


def test_every_language_of_the_library_can_be_given_and_has_words() -> None:
    from glin_profanity import Filter

    assert set(get_args(Language)) == {
        path.stem for path in (Path(inspect.getfile(Filter)).parents[1] / "data" / "dictionaries").glob("*.json")
    } - {"globalWhitelist"}
    stage = MarkHarmful(columns=("caption",), languages=("english", "german"))
    assert apply(Dataset.from_list([{"caption": "so ein Arschloch"}]), stage)[0]["harmful"]
