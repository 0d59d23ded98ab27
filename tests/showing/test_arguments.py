"""Wrong arguments of programs are named, with their value and what is expected instead."""

from __future__ import annotations

from typing import Any

import pytest

from panda_hf.errors import SourceError
from panda_hf.showing.arguments import in_order, number_of, path_of, text_of, thresholds_of

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a"], r"title=\['a'\]: expected text\."),
        (3, "title=3: expected text"),
        (True, "title=True: expected text"),
        ("x" * 301, r"title='x+…': expected at most 300 characters, these are 301"),
        ("a\0b", r"title='a\ufffdb': expected text without the character U\+0000"),
        ("\ud800", r"title='\ufffd': expected text without the character U\+D800"),
    ],
)
def test_what_is_no_text(value: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said) as told:
        text_of("title", value, 300)
    str(told.value).encode()  # it can be sent


def test_texts() -> None:
    assert [text_of("title", value) for value in (None, "", "Zürich\n日本")] == ["", "", "Zürich\n日本"]


@pytest.mark.parametrize("value", [-1, 1001, 2.5, NAN, INFINITE, -INFINITE, "20", [20], True, {}, 10**400])
def test_what_is_no_whole_number_in_bounds(value: Any) -> None:
    with pytest.raises(SourceError, match=r"^limit=.*: expected a whole number from 0 to 1000\.$"):
        number_of("limit", value, 0, 1000, whole=True)


def test_numbers() -> None:
    assert [number_of("limit", value, 0, 1000, whole=True) for value in (None, 0, 20.0, 1000)] == [None, 0, 20, 1000]
    assert number_of("min_score", -0.5) == -0.5
    with pytest.raises(SourceError, match=r"min_seconds=-1: expected a number of at least 0"):
        number_of("min_seconds", -1, 0.0)
    with pytest.raises(SourceError, match=r"min_score=nan: expected a number\."):
        number_of("min_score", NAN)


def test_bounds_that_cross() -> None:
    in_order("min_score", 0.5, "max_score", 0.5)
    in_order("min_score", 0.5, "max_score", None)
    with pytest.raises(SourceError, match=r"min_score=0\.6: expected at most max_score=0\.5"):
        in_order("min_score", 0.6, "max_score", 0.5)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"min_seconds": None}, r"thresholds\['min_seconds'\]=None: expected a number"),
        ({"min_seconds": "2"}, r"thresholds\['min_seconds'\]='2': expected a number"),
        ({"min_seconds": NAN}, r"thresholds\['min_seconds'\]=nan: expected a number"),
        ({"detector_threshold": 1}, "thresholds='detector_threshold': expected names among max_stitch_distance, .*"),
        ([1.0], r"thresholds=\[1.0\]: expected a mapping such as"),
        ("min_seconds=2", "thresholds='min_seconds=2': expected a mapping such as"),
    ],
)
def test_what_are_no_thresholds(value: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        thresholds_of("thresholds", value)


def test_thresholds() -> None:
    assert thresholds_of("thresholds", None) == {} and thresholds_of("thresholds", {"min_seconds": 2}) == {
        "min_seconds": 2.0
    }


@pytest.mark.parametrize(
    "value", [None, "film.mp4", ["film.mp4"], {}, {"path": None}, {"path": ["a"]}, {"path": "\0"}]
)
def test_what_is_no_uploaded_file(value: Any) -> None:
    with pytest.raises(SourceError, match=r"^video=.*: expected one uploaded file: handle_file"):
        path_of("video", value)


def test_an_uploaded_file() -> None:
    assert path_of("video", {"path": "/a/b.mp4", "meta": {"_type": "gradio.FileData"}}) == "/a/b.mp4"
