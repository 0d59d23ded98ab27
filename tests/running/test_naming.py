"""Names made from untrusted text."""

from __future__ import annotations

import pytest

from panda_hf.running.naming import MAX_NAME_BYTES, clean_name, safe_file_name, unique_names


@pytest.mark.parametrize("name", ["talk", "-dashed", "パンダ 🐼 видео", "a.b.c", "it's", "100%", "a;rm -rf $HOME"])
def test_harmless_names_stay_as_they_are(name: str) -> None:
    assert clean_name(name) == name == safe_file_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/b\\c", "a_b_c"),
        ('say "hi"?', "say _hi__"),
        ("line\nbreak\x1b[31m", "line_break_[31m"),
        ("right\u202eleft", "right_left"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("..", "_"),
        ("", "_"),
        ("ends with dot. ", "ends with dot"),
        ("half \udcff byte", "half _ byte"),
    ],
)
def test_what_a_system_takes_amiss_is_replaced(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_other_texts_get_other_file_names() -> None:
    texts = ["a/b", "a:b", "a_b", "x" * 300 + "1", "x" * 300 + "2", "パ" * 200]
    names = [safe_file_name(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert all(len(name.encode()) <= MAX_NAME_BYTES + 9 for name in names)


def test_a_name_is_the_shortest_that_no_other_could_be() -> None:
    choices = [("a", "x_a", "x_a.mp4"), ("a", "y_a", "y_a.mp4"), ("b", "x_b", "x_b.mp4")]
    assert unique_names(choices) == ["x_a", "y_a", "b"]


def test_letter_case_alone_does_not_tell_names_apart() -> None:
    names = unique_names([("Talk", "x_Talk"), ("talk", "y_talk")])
    assert names == ["x_Talk", "y_talk"]


def test_the_same_file_twice_gets_a_number() -> None:
    assert unique_names([("a", "x_a"), ("a", "x_a"), ("a", "x_a")]) == ["a", "a-2", "a-3"]


def test_a_numbered_name_does_not_meet_another() -> None:
    assert unique_names([("a", "a"), ("a", "a"), ("a-2", "a-2")]) == ["a", "a-3", "a-2"]
