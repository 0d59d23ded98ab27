"""Which subtitles are taken of those that a site offers."""

from __future__ import annotations

import pytest

pytest.importorskip("yt_dlp")

from panda_hf.download.captions import choose_track
from panda_hf.download.options import FetchOptions


def offered(*languages: str) -> dict[str, list[dict[str, str]]]:
    return {
        language: [{"ext": ext, "url": f"https://example.com/{language}.{ext}"} for ext in ("json3", "srv1", "vtt")]
        for language in languages
    }


def taken(manual: dict, automatic: dict, **options: object) -> tuple[str, str] | None:
    info = {"subtitles": manual, "automatic_captions": automatic}
    track = choose_track(info, FetchOptions(**options))  # type: ignore[arg-type]
    return None if track is None else (track.language, track.kind)


def test_what_people_wrote_comes_first() -> None:
    assert taken(offered("en", "de"), offered("en", "en-orig")) == ("en", "manual")
    assert taken(offered("en-GB"), offered("en")) == ("en-GB", "manual")
    assert taken(offered("de"), offered("de", "en")) == ("en", "automatic")


def test_the_original_comes_before_a_translation() -> None:
    assert taken({}, offered("en", "en-orig")) == ("en-orig", "automatic")


def test_languages_are_taken_in_order() -> None:
    assert taken(offered("fr", "de"), {}, subtitles=("de", "fr")) == ("de", "manual")
    assert taken(offered("eng"), {}) is None, "a longer name is another language"
    assert taken(offered("en"), {}, subtitles=()) is None


def test_automatic_ones_can_be_left_out() -> None:
    assert taken({}, offered("en"), automatic_subtitles=False) is None


def test_forms_that_cannot_be_read_are_not_taken() -> None:
    chat = {"live_chat": [{"ext": "json", "url": "https://example.com/chat"}]}
    assert (
        taken({**chat, "en": [{"ext": "json3", "url": "https://example.com/a"}]}, {}, subtitles=("en", "live")) is None
    )
    track = choose_track({"subtitles": offered("en")}, FetchOptions())
    assert track is not None
    assert track.file["ext"] == "vtt"
