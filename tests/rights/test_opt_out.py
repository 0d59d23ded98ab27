from __future__ import annotations

import re
from pathlib import Path

import pytest

from panda_hf.errors import SourceError
from panda_hf.rights import OptOut

WATCH = "https://www.youtube.com/watch?v=-2yHu5qgTzM"


@pytest.mark.parametrize(
    "entry",
    ["-2yHu5qgTzM", WATCH, WATCH + "&t=10", "youtu.be/-2yHu5qgTzM?si=x", "https://m.youtube.com/shorts/-2yHu5qgTzM",
     "  -2yHu5qgTzM  # asked on 2026-01-02", '"-2yHu5qgTzM"', f"'{WATCH}'"],
)  # fmt: skip
def test_a_video_is_named_by_id_or_by_any_address(entry: str) -> None:
    listed = OptOut.of([entry])
    assert listed.names({"video_id": "-2yHu5qgTzM"})
    assert listed.names({"video_id": "000017", "url": WATCH})
    assert not listed.names({"video_id": "-2yHu5qgTzm", "url": WATCH.replace("zM", "zm")})


@pytest.mark.parametrize(
    "entry",
    [
        "channel:UCabc",
        "channel: ucABC",
        "https://www.youtube.com/UCabc",
        "youtube.com/ucabc/",
        "https://www.youtube.com/channel/UCabc",
        "youtube.com/channel/UCabc/videos",
    ],
)
def test_a_channel_is_named_by_id_or_address(entry: str) -> None:
    listed = OptOut.of([entry])
    assert listed.names({"video_id": "x", "channel_id": "UCabc"})
    assert listed.names({"video_id": "x", "channel_url": "https://www.youtube.com/channel/UCabc"})
    assert not listed.names({"video_id": "UCabc", "channel_id": "UCabcd"})


def test_a_handle_names_its_channel_in_any_letter_case() -> None:
    listed = OptOut.of(["https://www.youtube.com/@SomeOne"])
    assert listed.names({"uploader_id": "@someone"})
    assert listed.names({"uploader_url": "https://www.youtube.com/@SomeOne"})


@pytest.mark.parametrize(
    "entry", ["@SomeOne", "UCabcdefghijklmnopqrstuv", '"@someone"', "channel:UCabcdefghijklmnopqrstuv"]
)
def test_a_handle_or_id_of_a_channel_needs_no_word_before_it(entry: str) -> None:
    row = {"uploader_id": "@someone"} if "@" in entry else {"channel_id": "UCabcdefghijklmnopqrstuv"}
    assert OptOut.of([entry]).names({"video_id": "x", **row})
    assert not OptOut.of([entry]).names({"video_id": "x", "uploader_id": "@other", "channel_id": "UCother"})


@pytest.mark.parametrize(
    "entry", ["-2yHu5qgTzM,spam", "two words", "youtube.com/watch", "https://www.youtube.com/playlist?list=PLx", "a/b",
              "channel:", "film_01", "http://[::1/x", "UCabc", "@two words"]
)  # fmt: skip
def test_a_line_that_can_hardly_match_is_named_with_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, entry: str
) -> None:
    (tmp_path / "listed.txt").write_text(f"# a list\n-2yHu5qgTzM\n{entry}  # remark\n{WATCH}\n@handle\nchannel:x\n")
    listed = OptOut.read(tmp_path / "listed.txt")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "listed.txt" in message and re.findall(r"line \d \(.*?\)", message) == [f"line 3 ({entry!r})"]
    if entry != "channel:":
        assert listed.names({"video_id": entry}), "ids that are not of YouTube may be any text"


def test_a_list_without_odd_lines_is_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = ["-2yHu5qgTzM", WATCH, "youtu.be/-2yHu5qgTzM", "https://vimeo.com/12345", "@x", "youtube.com/OldName", ""]
    (tmp_path / "listed.txt").write_text("\n".join(good))
    assert len(OptOut.read(tmp_path / "listed.txt")) == 4, "one video named three times, another, two channels"
    assert not caplog.records
    OptOut.read(None)
    assert not caplog.records


def test_of_many_odd_lines_the_first_are_named_and_the_others_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "listed.txt").write_text("".join(f"video {i}\n" for i in range(1, 1_206)))
    OptOut.read(tmp_path / "listed.txt")
    assert "line 5 ('video 5') and 1,200 more" in caplog.text and "video 6" not in caplog.text


@pytest.mark.parametrize("text", ["", "# nobody yet\n\n", "channel:\n"])
def test_a_list_without_entries_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    (tmp_path / "listed.txt").write_text(text)
    assert not OptOut.read(tmp_path / "listed.txt")
    assert "listed.txt names nobody" in caplog.text


def test_the_entries_that_name_a_row_are_told_apart() -> None:
    listed = OptOut.of(["-2yHu5qgTzM", "@some", "other_video"])
    assert len(listed) == 3
    assert listed.entries({"video_id": "x", "url": WATCH, "uploader_id": "@Some"}) == {"-2yHu5qgTzM", "channel:@some"}
    assert listed.entries({"video_id": "x", "url": "http://[::1/x"}) == frozenset()


def test_an_empty_list_names_nobody() -> None:
    listed = OptOut.of(["", "# nobody yet", "channel:"])
    assert not listed
    assert not listed.names({"video_id": "", "channel": "", "url": None})


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="missing.txt"):
        OptOut.read(tmp_path / "missing.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="bytes.txt"):
        OptOut.read(tmp_path / "bytes.txt")


def test_the_digest_tells_lists_apart_whatever_the_order() -> None:
    assert OptOut.of(["a", "b"]).digest == OptOut.of(["b", "a"]).digest
    assert OptOut.of(["a", "b"]).digest != OptOut.of(["a", "channel:b"]).digest
