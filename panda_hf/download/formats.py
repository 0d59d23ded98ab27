"""Which of a site's formats to fetch: the best picture at or under a height, in a form that needs no transcoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panda_hf.download.verdict import NoFormat

Format = Mapping[str, Any]

_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "http_dash_segments_generator"})
_PAGES = frozenset({"mhtml", "html", "htm", "txt", "pdf", "jpg", "jpeg", "png", "webp", "svg"})


@dataclass(frozen=True)
class Choice:
    """One or two formats that make the video together."""

    picture: Format
    sound: Format | None = None
    """``None``: the picture's file brings the sound, or there is none."""
    note: str | None = None
    """A reservation for people."""

    @property
    def formats(self) -> tuple[Format, ...]:
        """The files to fetch."""
        return (self.picture,) if self.sound is None else (self.picture, self.sound)


def choose(formats: Sequence[Format], *, height: int | None, audio: bool) -> Choice:
    """Choose among the formats that yt-dlp lists, worst first.

    The best picture at or under ``height`` lines, else the smallest above it; among equals H.264 in mp4, then what
    yt-dlp ranks best. "Lines" is the shorter side, as the sites' "360p" is: a film taken upright has them sideways.

    Raises:
        NoFormat: when none holds a picture, or all are locked or streamed by a protocol that is not spoken here.
    """
    usable = [fmt for fmt in formats if _is_usable(fmt)]
    pictures = [(rank, fmt) for rank, fmt in enumerate(usable) if _has(fmt, "vcodec")]
    if not pictures:
        raise NoFormat(_why_none(formats))
    sounds = [fmt for fmt in usable if not _has(fmt, "vcodec") and _has(fmt, "acodec")]
    if audio and not sounds and any(_has(fmt, "acodec") for _, fmt in pictures):
        pictures = [(rank, fmt) for rank, fmt in pictures if _has(fmt, "acodec")]
    _, picture = max(pictures, key=lambda item: _picture_key(item[1], height, audio) + (item[0],))
    needs_sound = audio and not _has(picture, "acodec")
    sound = max(enumerate(sounds), key=lambda item: _sound_key(item[1], picture) + (item[0],))[1] if (
        needs_sound and sounds
    ) else None  # fmt: skip
    return Choice(picture, sound, _note(picture, height, needs_sound and sound is None))


def lines(fmt: Format) -> int | None:
    """The shorter side of the picture; ``None``: not told."""
    sides = [side for side in (fmt.get("width"), fmt.get("height")) if side]
    return int(min(sides)) if sides else None


def _picture_key(fmt: Format, height: int | None, audio: bool) -> tuple[float, ...]:
    """Greater is better: fits, then size, then codec, then nothing superfluous."""
    size = lines(fmt)
    if size is None:
        fit = (1.0, 0.0)
    elif height is None or size <= height:
        fit = (2.0, float(size))
    else:
        fit = (0.0, -float(size))
    return (*fit, float(_is_h264_mp4(fmt)), float(audio or not _has(fmt, "acodec")))


def _sound_key(fmt: Format, picture: Format) -> tuple[float, ...]:
    mp4 = picture.get("ext") == "mp4"
    return (
        float(fmt.get("language_preference") or -1),
        float((fmt.get("ext") in ("m4a", "mp4")) == mp4),
        float(fmt.get("abr") or fmt.get("tbr") or 0),
    )


def _is_usable(fmt: Format) -> bool:
    return (
        not fmt.get("has_drm")
        and bool(fmt.get("url"))
        and fmt.get("ext") not in _PAGES
        and (fmt.get("protocol") or "https") in _PROTOCOLS
        and (_has(fmt, "vcodec") or _has(fmt, "acodec"))
    )


def _has(fmt: Format, kind: str) -> bool:
    """Sites that do not say what is in a file mean one with picture and sound."""
    return fmt.get(kind) != "none"


def _is_h264_mp4(fmt: Format) -> bool:
    return fmt.get("ext") == "mp4" and str(fmt.get("vcodec") or "avc1").startswith(("avc", "h264"))


def _note(picture: Format, height: int | None, silent: bool) -> str | None:
    size, notes = lines(picture), []
    if height is not None and size is not None and size > height:
        notes.append(f"nothing at or under {height} lines: the smallest above it has {size}")
    if silent:
        notes.append("no sound is offered")
    return "; ".join(notes) or None


def _why_none(formats: Sequence[Format]) -> str:
    if any(fmt.get("has_drm") for fmt in formats):
        return "all formats are locked (DRM)"
    kinds = sorted({str(fmt.get("protocol")) for fmt in formats})
    return f"none of {len(formats)} format(s) holds a picture that can be fetched ({', '.join(kinds)[:120]})"
