from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.errors import SourceError
from panda_hf.rights import OptOut

WATCH = "https://www.youtube.com/watch?v=-2yHu5qgTzM"


@pytest.mark.parametrize(
    "entry",
    ["-2yHu5qgTzM", WATCH, WATCH + "&t=10", "youtu.be/-2yHu5qgTzM?si=x", "https://m.youtube.com/shorts/-2yHu5qgTzM",
     "  -2yHu5qgTzM  # asked on 2026-01-02"],
)  # fmt: skip
def test_a_video_is_named_by_id_or_by_any_address(entry: str) -> None:
    listed = OptOut.of([entry])
    assert listed.names({"video_id": "-2yHu5qgTzM"})
    assert listed.names({"video_id": "000017", "url": WATCH})
    assert not listed.names({"video_id": "-2yHu5qgTzm", "url": WATCH.replace("zM", "zm")})


@pytest.mark.parametrize(
    "entry",
    ["channel:UCabc", "channel: ucABC", "https://www.youtube.com/channel/UCabc", "youtube.com/channel/UCabc/videos"],
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
