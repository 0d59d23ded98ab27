"""Words for numbers, and untrusted text made harmless."""

from __future__ import annotations

import pytest

from panda_hf.publishing import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00.0"), (7.46, "0:07.5"), (59.97, "1:00.0"), (61.04, "1:01.0"), (3723.0, "1:02:03.0"), (None, "–")],
)
def test_times_read_like_a_clock(seconds: float | None, said: str) -> None:
    assert wording.clock(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (None, "–")],
)
def test_lengths_have_their_units(seconds: float | None, said: str) -> None:
    assert wording.length(seconds) == said


def test_a_share_of_nothing_is_a_dash() -> None:
    assert wording.share(0, 0) == "–"
    assert wording.share(1, 4) == "25 %"


def test_text_is_put_on_one_line_without_control_characters() -> None:
    assert wording.clean("a\n\tb\u2028c\x00d\x1b[31m") == "a b c\ufffdd\ufffd[31m"


def test_overrides_of_direction_are_removed_and_letters_of_every_script_stay() -> None:
    assert wording.clean("cod\u202egpj.exe") == "codgpj.exe"
    assert wording.clean("سلام パンダ 👩‍👧") == "سلام パンダ 👩‍👧"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert wording.clean("x" * 50, limit=10) == "x" * 9 + "…"
    assert wording.clean("x" * 10, limit=10) == "x" * 10


def test_markdown_text_holds_no_markup() -> None:
    said = wording.markdown("<b>a</b> [x](http://y) | `c` *d*")
    assert "<" not in said and "http://" not in said
    assert r"\|" in said and r"\[x\]" in said and r"\*d\*" in said and r"\`c\`" in said


def test_code_cannot_be_left_or_break_a_table() -> None:
    said = wording.code("a`b|c\nd")
    assert said.startswith("`") and said.endswith("`")
    assert said.count("`") == 2 and "|" not in said and "\n" not in said


def test_a_fence_is_longer_than_any_run_of_backticks_inside() -> None:
    assert wording.fence("none") == "```"
    assert wording.fence("a ```` b") == "`````"
