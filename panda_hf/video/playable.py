"""Which videos browsers play as they are."""

from __future__ import annotations

import os
from typing import Any

from panda_hf.video.probe import probe

PLAYABLE = {"h264": (".mp4", ".m4v"), "vp8": (".webm",), "vp9": (".webm", ".mp4"), "av1": (".webm", ".mp4")}
"""Codecs that browsers play, in these containers; everything else has to be encoded anew."""


def playable_suffix(video: Any) -> str | None:
    """The suffix under which browsers play this file or these bytes as they are; ``None`` where they do not.

    Args:
        video: a path or address, whose suffix tells the container, or ``{"bytes": …}``, whose first bytes tell it.

    Raises:
        VideoError: when it cannot be read.
    """
    info = probe(video)
    if info.pixel_format not in ("yuv420p", "yuvj420p"):
        return None
    suffixes = PLAYABLE.get(info.codec, ())
    if isinstance(video, str):
        suffix = os.path.splitext(video)[1].casefold()
        return suffix if suffix in suffixes else None
    kind = container_suffix(bytes(video["bytes"][:12]))
    return kind if kind in suffixes else None


def container_suffix(head: bytes) -> str | None:
    """``.mp4`` or ``.webm`` by the first 12 bytes of a file; ``None`` for other containers."""
    return ".mp4" if head[4:8] == b"ftyp" else ".webm" if head[:4] == b"\x1aE\xdf\xa3" else None
