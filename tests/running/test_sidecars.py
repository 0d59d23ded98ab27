"""Subtitles and metadata beside videos, in every encoding people use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from panda_hf.running.sidecars import read_sidecars
from panda_hf.running.subtitles import clean_cues, decode_text, parse_subtitles

SRT = "1\n00:00:01,000 --> 00:00:02,500\n{}\n"


def cue(start: float, end: float, text: str) -> dict:
    return {"start": start, "end": end, "text": text}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "naïve 🐼"),
        ("utf-8-sig", "naïve 🐼"),
        ("utf-16", "naïve 🐼 日本"),
        ("utf-16-le", "plain words in an old editor"),
        ("utf-32", "naïve"),
        ("cp1252", "Déjà vu – l’été à côté"),
        ("cp1252", "Füße größer als Käse"),
        ("cp1251", "Привет, как дела сегодня"),
        ("shift_jis", "こんにちは、世界。今日は天気がいいですね"),
        ("euc_kr", "안녕하세요 세계"),
    ],
)
def test_subtitles_are_read_in_any_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "talk.srt").write_bytes(SRT.format(text).encode(encoding))
    assert read_sidecars(tmp_path / "talk.mp4")["subtitles"] == [cue(1.0, 2.5, text)]


def test_bytes_that_no_encoding_explains_are_still_text() -> None:
    assert "hello" in decode_text(b"hello \x81\x8d\xff\xfe\x00 world")


def test_markup_and_entities_become_plain_words() -> None:
    text = "<i>Tom</i> {\\an8}&amp; <font color='red'>Jerry</font>\n<c.yellow>run</c><00:00:01.500> 3 < 4"
    assert parse_subtitles(SRT.format(text), "x.srt") == [cue(1.0, 2.5, "Tom & Jerry run 3 < 4")]


def test_webvtt_notes_styles_and_settings_are_not_spoken() -> None:
    vtt = (
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE not spoken\n\nintro\n"
        "00:01.000 --> 00:02.000 align:start position:0%\n<v Ann>Hello\n"
    )
    assert parse_subtitles(vtt, "x.vtt") == [cue(1.0, 2.0, "Hello")]


def test_cues_with_broken_times_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    srt = (
        "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\n2\n00:00:xx -> nonsense\nlost\n\n"
        "3\n00:00:09,000 --> 00:00:03,000\nbackwards\n\n4\n00:00:04,000 --> 00:00:05,000\nlast\n"
    )
    assert parse_subtitles(srt, "broken.srt") == [cue(1.0, 2.0, "first"), cue(4.0, 5.0, "last")]
    assert caplog.text.count("broken.srt") == 2


def test_rolling_captions_say_each_line_once() -> None:
    rolling = [
        cue(0.0, 2.0, "so today"),
        cue(2.0, 2.01, "so today"),
        cue(2.01, 4.0, "so today\nwe look at pandas"),
        cue(4.0, 4.01, "we look at pandas"),
        cue(4.01, 6.0, "we look at pandas\nin the snow"),
    ]
    said = clean_cues(rolling, "x.vtt")
    assert [c["text"] for c in said] == ["so today", "we look at pandas", "in the snow"]
    assert said[0]["end"] == 2.01


def test_words_said_twice_with_a_pause_stay_twice() -> None:
    said = clean_cues([cue(0.0, 1.0, "No."), cue(2.0, 3.0, "No.")], "x.srt")
    assert [c["text"] for c in said] == ["No.", "No."]


def test_the_plain_file_wins_then_english_then_the_alphabet(tmp_path: Path) -> None:
    for name in ("talk.fr.srt", "talk.de.vtt", "talk.en-US.srt", "talk.srt"):
        (tmp_path / name).write_text(SRT.format(name))
    found = []
    for _ in range(4):
        subtitles = read_sidecars(tmp_path / "talk.mp4")["subtitles"]
        found.append(subtitles[0]["text"])
        (tmp_path / subtitles[0]["text"]).unlink()
    assert found == ["talk.srt", "talk.en-US.srt", "talk.de.vtt", "talk.fr.srt"]


def test_the_subtitles_of_another_video_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "talk two.srt").write_text(SRT.format("other"))
    (tmp_path / "talk.part2.srt").write_text(SRT.format("other"))
    assert read_sidecars(tmp_path / "talk.mp4")["subtitles"] is None


def test_an_unreadable_subtitle_file_gives_way_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text("not subtitles at all")
    (tmp_path / "talk.en.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n")
    assert read_sidecars(tmp_path / "talk.mp4")["subtitles"] == [cue(1.0, 2.0, "Hello")]


def test_metadata_of_yt_dlp_gives_title_and_description(tmp_path: Path) -> None:
    info = {"title": " A talk ", "description": "", "subtitles": {"en": [{"url": "https://example.org/x.vtt"}]}}
    (tmp_path / "talk.info.json").write_text(json.dumps(info))
    assert read_sidecars(tmp_path / "talk.webm") == {"title": "A talk", "description": None, "subtitles": None}


def test_metadata_may_hold_the_subtitles(tmp_path: Path) -> None:
    value = {"title": "A talk", "subtitles": [{"start": 1, "end": "2.5", "text": "<b>hi</b>"}]}
    (tmp_path / "talk.json").write_bytes(json.dumps(value).encode("utf-16"))
    assert read_sidecars(tmp_path / "talk.mp4")["subtitles"] == [cue(1.0, 2.5, "hi")]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe", b'{"title": 3}', b"[" * 100_000])
def test_broken_metadata_is_no_metadata_and_is_told(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "talk.json").write_bytes(content)
    assert read_sidecars(tmp_path / "talk.mp4") == {"title": None, "description": None, "subtitles": None}
    (told,) = caplog.messages
    assert "talk.json" in told


def test_metadata_without_what_is_asked_for_is_not_worth_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "talk.json").write_text('{"title": "A talk", "description": null, "fps": 25}')
    assert read_sidecars(tmp_path / "talk.mp4")["title"] == "A talk"
    assert not caplog.messages


def test_half_characters_do_not_reach_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text('{"title": "panda \\ud83d"}')
    assert read_sidecars(tmp_path / "talk.mp4")["title"] == "panda ?"


def test_the_truth_beside_a_film_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "film.truth.json").write_text('{"title": "secret"}')
    assert read_sidecars(tmp_path / "film.mp4")["title"] is None


def test_new_sidecars_are_seen(tmp_path: Path) -> None:
    assert read_sidecars(tmp_path / "talk.mp4")["title"] is None
    (tmp_path / "talk.json").write_text('{"title": "now"}')
    assert read_sidecars(tmp_path / "talk.mp4")["title"] == "now"
