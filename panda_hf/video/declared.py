"""What a file says of its own length, and how far that can be believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

# Containers whose header or index states the length. libav estimates it from the bit rate or from the last packet of
# all others, which says nothing about whether the file is whole.
_STATES_LENGTH = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "asf", "mxf", "nut", "gif", "rm"}
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)$")


@dataclass(frozen=True)
class DeclaredLength:
    """The end of the video on the player's timeline, as declared."""

    seconds: float | None  # None: unknown
    is_stated: bool = False  # by the file itself, not estimated
    of_all_streams: bool = False  # the container's length: the pictures may well end earlier than the sound


def declared_length(container: InputContainer, stream: VideoStream, origin: float) -> DeclaredLength:
    """The declared end of the video stream, in seconds after ``origin`` (the start of the player's timeline)."""
    stated = container.format.name in _STATES_LENGTH
    start = 0.0
    if stream.start_time is not None and stream.time_base:
        start = float(stream.start_time * stream.time_base) - origin
    if stream.duration and stream.time_base:
        return DeclaredLength(start + float(stream.duration * stream.time_base), stated)
    if tag := _CLOCK.match(stream.metadata.get("DURATION", "")):  # Matroska keeps a stream's own length as a tag
        hours, minutes, seconds = tag.groups()
        return DeclaredLength(int(hours) * 3600 + int(minutes) * 60 + float(seconds) - origin, stated)
    if container.duration and container.start_time is not None:
        seconds = float(Fraction(container.duration, av.time_base))
        return DeclaredLength(seconds, stated, stated and len(container.streams) > 1)
    return DeclaredLength(None)
