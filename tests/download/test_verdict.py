"""Reasons from words, status codes and exceptions.

The sentences are those of YouTube as yt-dlp 2026.10 passes them on, and those that yt-dlp itself adds; they could not
be tried against YouTube.
"""

from __future__ import annotations

import errno
import io
from email.message import Message

import pytest

pytest.importorskip("yt_dlp")

from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, SSLError, TransportError
from yt_dlp.utils import ContentTooShortError, DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from panda_hf.download.guard import RefusedAddress
from panda_hf.download.reasons import REASONS, TEMPORARY, cause_of
from panda_hf.download.verdict import NotWhole, clean_detail, reason_of_words, verdict_of

SAID = {
    "private": (
        "Private video. Sign in if you've been granted access to this video. Use --cookies-from-browser or --cookies",
        "This video is private. If the owner of this video has granted you access, please sign in",
    ),
    "removed": (
        "Video unavailable",
        "Video unavailable. This video is unavailable",
        "Video unavailable. This video has been removed by the uploader",
        "This video has been removed by the uploader",
        "This video has been removed for violating YouTube's policy on hate speech.",
        "This video has been removed for violating YouTube's Terms of Service",
        "This video is no longer available because the YouTube account associated with this video has been "
        "terminated.",
        "Video unavailable. This video is no longer available because the uploader has closed their YouTube account.",
        "This video is no longer available due to a copyright claim by Somebody",
        "Video unavailable. This video contains content from Label, who has blocked it on copyright grounds",
        "This video isn't available anymore",
        "This video is not available",
        "This live stream recording is not available.",
    ),
    "geo-blocked": (
        "Video unavailable. This video contains content from Label, who has blocked it in your country on "
        "copyright grounds",
        "The uploader has not made this video available in your country",
        "Video unavailable. The uploader has not made this video available in your country",
        "This video is not available from your location due to geo restriction",
    ),
    "bot-check": (
        "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies for the authentication.",
        "Sign in to confirm you're not a bot",
        "Something went wrong. YouTube is requiring a captcha challenge before playback",
        "Please sign in. Use --cookies-from-browser or --cookies for the authentication",
    ),
    "age": (
        "Sign in to confirm your age. This video may be inappropriate for some users. Use --cookies",
        "This video is age-restricted; some formats may be missing without authentication.",
        "This video is age-restricted and YouTube is requiring account age-verification; some formats may be missing",
    ),
    "members-only": (
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        "This video is available to this channel's members on level: Fan (or any higher level).",
        "This video is only available to Music Premium members",
        "This video requires payment to watch.",
        "This video is only available for registered users. Use --cookies",
    ),
    "live": (
        "This live event will begin in 3 hours.",
        "This live event will begin in a few moments.",
        "Premieres in 15 hours",
        "This live event has ended.",
    ),
    "rate-limited": (
        "This content isn't available, try again later. The current session has been rate-limited by YouTube",
    ),
    "no-format": (
        "This video is DRM protected",
        "Requested format is not available. Use --list-formats for a list of available formats",
        "No video formats found!",
    ),
    "unsupported": (
        "Unsupported URL: https://example.com/",
        "'abc' is not a valid URL",
    ),
    "not-found": ("Incomplete YouTube ID abc. URL https://www.youtube.com/watch?v=abc looks truncated.",),
}


@pytest.mark.parametrize(
    ("reason", "said"), [(reason, said) for reason, all_said in SAID.items() for said in all_said]
)
def test_what_sites_say_has_a_reason(reason: str, said: str) -> None:
    assert reason_of_words(said) == reason
    error = DownloadError(f"\x1b[0;31mERROR:\x1b[0m [youtube] dQw4w9WgXcQ: {said}")
    assert verdict_of(error).reason == reason


def test_words_of_an_id_or_an_unknown_sentence_mean_nothing() -> None:
    assert reason_of_words("[youtube] privatevideo: The moon is full tonight") is None
    assert verdict_of(DownloadError("ERROR: [youtube] abc: The moon is full tonight")).reason == "error"


def answer(status: int, **headers: str) -> HTTPError:
    fields = Message()
    for key, value in headers.items():
        fields[key.replace("_", "-")] = value
    return HTTPError(Response(io.BytesIO(), "https://example.com/", fields, status=status))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "forbidden"), (402, "members-only"), (403, "forbidden"), (404, "not-found"), (410, "not-found"),
        (408, "timeout"), (416, "truncated"), (418, "error"), (429, "rate-limited"), (451, "geo-blocked"),
        (500, "network"), (502, "network"), (503, "network"), (599, "network"),
    ],
)  # fmt: skip
def test_a_status_has_a_reason_however_it_is_wrapped(status: int, reason: str) -> None:
    cause = answer(status)
    wrapped = ExtractorError("Unable to download webpage", cause=cause, expected=True)
    outer = DownloadError("ERROR: [generic] Unable to download webpage", exc_info=(type(wrapped), wrapped, None))
    for error in (cause, wrapped, outer):
        verdict = verdict_of(error)
        assert (verdict.reason, verdict.http_status) == (reason, status)
        assert str(status) in verdict.detail


def test_retry_after_is_told() -> None:
    assert verdict_of(answer(429, Retry_After="17")).retry_after == 17
    assert verdict_of(answer(429)).retry_after is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TransportError(cause=TimeoutError("timed out")), "timeout"),
        (TimeoutError(), "timeout"),
        (TransportError(cause=OSError(-2, "Name or service not known")), "network"),
        (SSLError(cause=Exception("certificate verify failed")), "network"),
        (ConnectionResetError(104, "Connection reset by peer"), "network"),
        (IncompleteRead(10, 20), "truncated"),
        (ContentTooShortError(10, 20), "truncated"),
        (NotWhole("half"), "truncated"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (DownloadError("ERROR: unable to write data: [Errno 28] No space left on device"), "disk-full"),
        (GeoRestrictedError("not here"), "geo-blocked"),
        (UnsupportedError("https://example.com"), "unsupported"),
        (ZeroDivisionError("division by zero"), "error"),
    ],
)
def test_errors_have_a_reason(error: Exception, reason: str) -> None:
    assert verdict_of(error).reason == reason
    assert verdict_of(error).detail


def test_a_refusal_is_found_however_deep_it_lies() -> None:
    refusal = RefusedAddress("not followed: 127.0.0.1 is not a public address")
    inner = ExtractorError("Unable to download webpage: private", cause=TransportError(cause=refusal))
    error = DownloadError("ERROR: HTTP Error 403: Forbidden", exc_info=(type(inner), inner, None))
    assert cause_of(error, RefusedAddress) is refusal
    assert verdict_of(error).reason == "refused-address"
    assert verdict_of(error).detail == "not followed: 127.0.0.1 is not a public address"


def test_details_are_one_clean_line() -> None:
    told = clean_detail(
        "\x1b[0;31mERROR:\x1b[0m [youtube] abc: It broke\nat /home/me/venv/lib/x.py; please report this issue on  https://x"
    )
    assert told == "It broke at x.py"
    assert clean_detail("see https://example.com/a/b/c for more") == "see https://example.com/a/b/c for more"


def test_temporary_reasons_are_reasons() -> None:
    assert set(REASONS) > TEMPORARY
    assert not TEMPORARY & {"ok", "removed", "private", "refused-address", "opted-out"}
