"""What x264 and x265 write into their streams of their own options: whether they looked for cuts, and for fades."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WRITERS = (b"x264 - core ", b"x265 (build ")
_OPTION = re.compile(rb"[a-z0-9_-]+(=[^\s\0]*)?")
_MOST_BYTES = 4096


@dataclass(frozen=True)
class EncoderOptions:
    """What an encoder looked for."""

    seeks_cuts: bool
    """Whether it put a key frame where a shot begins."""
    longest: int | None
    """Most frames from one key frame to the next; ``None``: any number."""
    seeks_fades: bool = False
    """Whether it asked of P-frames how much of another frame's light they take (``weightp``; of x265 never known)."""


def encoder_options(message: bytes) -> EncoderOptions | None:
    """Read the message (annex D of the standards, "user data unregistered") in which both name their options.

    Args:
        message: bytes that hold it, as a unit of the stream; nothing is asked of what else they hold.

    Returns:
        ``None`` where there is none, or it says too little; where pictures refresh bit by bit, without key frames.
    """
    start = min((place for place in map(message.find, _WRITERS) if place >= 0), default=-1)
    begin = message.find(b"options:", start) if start >= 0 else -1
    if begin < 0:
        return None
    text = message[begin + len(b"options:") :][:_MOST_BYTES].split(b"\0", 1)[0]
    told = dict(_pair(match[0]) for match in _OPTION.finditer(text))
    threshold, longest = told.get("scenecut"), told.get("keyint")
    is_gradual = told.get("intra_refresh", "0") != "0" or "intra-refresh" in told
    if threshold is None or longest is None or not threshold.isdigit() or is_gradual:
        return None
    distance = int(longest) if longest.isdigit() and int(longest) > 0 else None
    return EncoderOptions(threshold != "0", distance, told.get("weightp") in ("1", "2"))


def _pair(option: bytes) -> tuple[str, str]:
    name, _, value = option.decode("ascii", "replace").partition("=")
    return name, value
