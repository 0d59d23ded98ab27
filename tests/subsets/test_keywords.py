"""Whole words, whatever their case, in any script."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest

from panda_hf.subsets.keywords import matches, normalized


@pytest.mark.parametrize(
    ("keyword", "caption", "found"),
    [
        ("man", "A man walks.", True),
        ("man", "MAN", True),
        ("man", "a woman walks", False),
        ("man", "a man's hat", True),
        ("man", "a mané walks", False),
        ("man", "man_1", False),
        ("man", "old-man", True),
        ("blue shirt", "a BLUE\n  shirt", True),
        ("blue shirt", "a blue\u00a0shirt", True),
        ("blue shirt", "blue shirts", False),
        ("é", "É!", True),
        ("ё", "Ё", True),
        ("café", unicodedata.normalize("NFD", "Ein Café hier"), True),
        (unicodedata.normalize("NFD", "café"), "café", True),
        ("straße", "Die Straße", True),
        ("犬", "黒い犬が走る", True),
        ("c++", "code in C++, mostly", True),
        ("a.b", "a-b", False),
        ("(", "a (b)", True),
        ("$1", "costs $1 now", True),
        ("नमस्ते", "नमस्ते दुनिया", True),
        ("नमस", "नमस्ते दुनिया", False),
    ],
)
def test_a_keyword_is_found_as_a_whole_word(keyword: str, caption: str, found: bool) -> None:
    assert matches(pa.array([caption]), [keyword], "any").tolist() == [found]


def test_any_or_all_of_several_keywords() -> None:
    captions = pa.array(["a dog and a cat", "a cat", "birds", None])
    assert matches(captions, ["dog", "cat"], "any").tolist() == [True, True, False, False]
    assert matches(captions, ["dog", "cat"], "all").tolist() == [True, False, False, False]


def test_an_empty_keyword_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        normalized(" \n")
