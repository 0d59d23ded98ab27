"""The choice of formats, on a list like the one that YouTube gives."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("yt_dlp")

from panda_hf.download.formats import choose
from panda_hf.download.verdict import NoFormat
from panda_hf.download.visit import _task


def fmt(name: str, height: int | None, vcodec: str | None, acodec: str | None, ext: str = "mp4", **more: Any) -> dict:
    width = height * 16 // 9 if height else None
    return {
        "format_id": name, "height": height, "width": width, "vcodec": vcodec, "acodec": acodec, "ext": ext,
        "protocol": "https", "url": f"https://example.com/{name}", **more,
    }  # fmt: skip


YOUTUBE = [
    fmt("sb0", 45, "none", "none", "mhtml", protocol="mhtml"),
    fmt("139", None, "none", "mp4a.40.5", "m4a", abr=48),
    fmt("249", None, "none", "opus", "webm", abr=50),
    fmt("140", None, "none", "mp4a.40.2", "m4a", abr=129, language_preference=10),
    fmt("140-de", None, "none", "mp4a.40.2", "m4a", abr=130, language_preference=-1),
    fmt("251", None, "none", "opus", "webm", abr=160, language_preference=10),
    fmt("160", 144, "avc1.4d400c", "none"),
    fmt("134", 360, "avc1.4d401e", "none"),
    fmt("18", 360, "avc1.42001E", "mp4a.40.2"),
    fmt("243", 360, "vp9", "none", "webm"),
    fmt("396", 360, "av01.0.01M.08", "none"),
    fmt("136", 720, "avc1.64001f", "none"),
    fmt("313", 2160, "vp9", "none", "webm"),
]


def names(formats: list[dict], height: int | None, audio: bool = True) -> list[str]:
    return [str(f["format_id"]) for f in choose(formats, height=height, audio=audio).formats]


def test_the_best_at_or_under_the_height_with_the_original_sound_in_mp4() -> None:
    assert names(YOUTUBE, 360)[0] in ("134", "18")
    assert names(YOUTUBE, 480) == names(YOUTUBE, 360)
    assert names(YOUTUBE, 719) == names(YOUTUBE, 360)
    assert names(YOUTUBE, 720) == ["136", "140"]
    assert names(YOUTUBE, 200) == ["160", "140"]


def test_no_height_means_the_best_and_sound_of_the_same_kind() -> None:
    assert names(YOUTUBE, None) == ["313", "251"]


def test_the_smallest_above_when_nothing_is_small_enough() -> None:
    choice = choose(YOUTUBE, height=100, audio=True)
    assert choice.picture["format_id"] == "160"
    assert choice.note == "nothing at or under 100 lines: the smallest above it has 144"


def test_without_audio_a_picture_alone_is_taken() -> None:
    assert names(YOUTUBE, 360, audio=False) == ["134"]


def test_a_film_taken_upright_is_measured_by_its_shorter_side() -> None:
    upright = [fmt(str(h), None, "avc1", "mp4a") | {"width": h, "height": h * 16 // 9} for h in (144, 360, 720)]
    assert names(upright, 360) == ["360"]


def test_a_format_of_unknown_size_comes_before_a_larger_one_only() -> None:
    unknown = fmt("unknown", None, None, None)
    assert names([unknown], 360) == ["unknown"]
    assert names([unknown, fmt("720", 720, "avc1", "mp4a")], 360) == ["unknown"]
    assert names([unknown, fmt("240", 240, "avc1", "mp4a")], 360) == ["240"]


def test_locked_and_foreign_formats_are_no_choice() -> None:
    with pytest.raises(NoFormat, match="locked"):
        choose([fmt("a", 360, "avc1", "mp4a", has_drm=True)], height=360, audio=True)
    with pytest.raises(NoFormat, match="rtmp"):
        choose([fmt("a", 360, "avc1", "mp4a", protocol="rtmp")], height=360, audio=True)
    with pytest.raises(NoFormat):
        choose([fmt("a", None, "none", "mp4a")], height=360, audio=True)
    with pytest.raises(NoFormat):
        choose([], height=360, audio=True)


def test_a_film_without_any_sound_says_so() -> None:
    choice = choose([fmt("a", 360, "avc1", "none")], height=360, audio=True)
    assert (choice.sound, choice.note) == (None, "no sound is offered")


def test_a_format_is_fetched_without_what_another_one_says() -> None:
    chosen, best = (
        fmt("18", 360, "avc1", "mp4a"),
        fmt("313", 2160, "vp9", "none", fragments=["a"], container="webm_dash"),
    )
    info = {"id": "abc", "title": "A title", "formats": [chosen, best], **best}
    task = _task(info, chosen)
    assert task == {"id": "abc", "title": "A title", **chosen}
