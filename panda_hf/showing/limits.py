"""What a visitor may ask for: sizes, lengths, numbers; and the words in which more is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from panda_hf.errors import VideoError
from panda_hf.publishing.wording import length
from panda_hf.video import VideoInfo


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of what is done for one visitor, and for all together."""

    max_megabytes: int = 200
    """Of an upload."""
    max_seconds: float = 600.0
    """Of a video that is split."""
    max_clip_seconds: float = 90.0
    """Of a video that is captioned as one clip."""
    max_pixels: int = 4096 * 2304
    """Of a frame."""
    max_clips: int = 60
    """Of a long video that get captions."""
    work_seconds: float = 180.0
    """So long may one decoding take; a file that takes longer is given up."""
    idle_seconds: float = 1800.0
    """After so long without a sign of life a visitor's files are deleted."""
    at_once: int = 2
    """Visitors that are served side by side; the others wait in the queue."""
    waiting: int = 40
    """Visitors that may wait."""
    max_rows: int = 20_000
    """Rows of a dataset that are looked at."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """The limits that ``PANDA_MAX_MB``, ``PANDA_MAX_MINUTES`` and ``PANDA_AT_ONCE`` change.

        Raises:
            ValueError: when one of them is no number above 0.
        """
        found = os.environ if environment is None else environment
        default = cls()
        return cls(
            max_megabytes=round(_number(found, "PANDA_MAX_MB", default.max_megabytes)),
            max_seconds=60 * _number(found, "PANDA_MAX_MINUTES", default.max_seconds / 60),
            at_once=round(_number(found, "PANDA_AT_ONCE", default.at_once)),
        )

    @property
    def max_bytes(self) -> int:
        """Of an upload."""
        return self.max_megabytes * 10**6

    def check_bytes(self, size: int) -> None:
        """Raise ``VideoError`` for a file that is too large."""
        if size > self.max_bytes:
            raise VideoError(
                f"The file has {size / 1e6:,.0f} MB; {self.max_megabytes:,} MB is the most here. "
                f"Cut it, or run `panda-hf curate` on your own machine, which has no limit."
            )

    def check_video(self, info: VideoInfo, *, one_clip: bool) -> None:
        """Raise ``VideoError`` for a video that is too long or too large, as far as the file says."""
        if info.width * info.height > self.max_pixels:
            raise VideoError(
                f"The picture has {info.width} x {info.height} pixels, which is more than is decoded here."
            )
        if info.duration is not None:
            self.check_seconds(info.duration, one_clip=one_clip)

    def check_seconds(self, seconds: float, *, one_clip: bool) -> None:
        """Raise ``VideoError`` for a length beyond the limit."""
        if one_clip and seconds > self.max_clip_seconds:
            raise VideoError(
                f"This is {length(seconds)} long; a clip has at most {length(self.max_clip_seconds)} here. "
                f"Split it first: the tab “Split a long video”."
            )
        if seconds > self.max_seconds:
            raise VideoError(
                f"This is {length(seconds)} long; {length(self.max_seconds)} is the most here. "
                f"Cut it, or run `panda-hf curate` on your own machine, which has no limit."
            )


def _number(found: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(found.get(name) or default)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise ValueError(f"{name}={found[name]!r}: expected a number above 0")
    return value
