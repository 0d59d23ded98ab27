"""The subtitles of a video: which of those that a site offers, and their cues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from panda_hf.download.opener import Opener
from panda_hf.download.options import FetchOptions
from panda_hf.download.verdict import NotWhole, verdict_of
from panda_hf.running.sidecars import MAX_BYTES
from panda_hf.running.subtitles import decode_text, parse_subtitles
from panda_hf.stage import Row

Tracks = Mapping[str, Sequence[Mapping[str, Any]]]

_READABLE = ("vtt", "srt", "ass", "ssa", "ttml")
"""Formats in order of preference."""


@dataclass(frozen=True)
class Captions:
    """What there is to read, or why there is nothing."""

    cues: list[Row] | None = None
    kind: Literal["manual", "automatic"] | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Track:
    """One subtitle file that a site offers."""

    language: str
    kind: Literal["manual", "automatic"]
    file: Mapping[str, Any]


def choose_track(info: Mapping[str, Any], options: FetchOptions) -> Track | None:
    """The track in the first wanted language that has one, written by people before automatic ones.

    ``en`` also takes ``en-GB``; of automatic ones the original (``en-orig``) before what was translated to it.
    """
    for kind, tracks in (("manual", info.get("subtitles")), ("automatic", info.get("automatic_captions"))):
        if kind == "automatic" and not options.automatic_subtitles:
            continue
        for wanted in options.subtitles:
            names = (f"{wanted}-orig", wanted, *(n for n in tracks or {} if n.startswith(f"{wanted}-")))
            for name in names:
                if file := _readable((tracks or {}).get(name) or ()):
                    return Track(name, kind, file)  # type: ignore[arg-type]
    return None


def fetch_captions(opener: Opener, info: Mapping[str, Any], options: FetchOptions, folder: Path) -> Captions:
    """Fetch and read the subtitles of a video; what goes wrong is told, and costs nothing but them.

    Args:
        opener: asks for them.
        info: what yt-dlp said about the video.
        options: languages.
        folder: for the file, which is removed again.
    """
    track = choose_track(info, options)
    if track is None:
        return Captions()
    target = folder / f"subtitles.{track.file['ext']}"
    try:
        text = _text(opener, dict(track.file), info, target)
        cues = parse_subtitles(text, f"subtitles ({track.language})")
    except Exception as error:  # a video without its subtitles is still the video
        verdict = verdict_of(error)
        return Captions(problem=f"no subtitles ({verdict.reason}: {verdict.detail})")
    finally:
        target.unlink(missing_ok=True)
        target.with_name(target.name + ".part").unlink(missing_ok=True)
    return Captions(cues, track.kind) if cues else Captions()


def _readable(files: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    for ext in _READABLE:
        for file in reversed(files):
            if file.get("ext") == ext and (file.get("url") or file.get("data")):
                return file
    return None


def _text(opener: Opener, file: dict[str, Any], info: Mapping[str, Any], target: Path) -> str:
    if file.get("data") is not None:
        return str(file["data"])
    target.unlink(missing_ok=True)
    opener.limit_bytes(MAX_BYTES)
    done, _ = opener.dl(
        str(target), {**file, "id": info.get("id"), "http_headers": _headers(file, info)}, subtitle=True
    )
    if not done:
        raise NotWhole("the file was not fetched")
    return decode_text(target.read_bytes())


def _headers(file: Mapping[str, Any], info: Mapping[str, Any]) -> Any:
    return file.get("http_headers") or info.get("http_headers")
