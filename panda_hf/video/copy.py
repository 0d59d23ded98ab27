"""Clips as copies of a video's own packets: only the sound is encoded again, and the times are still exact.

A copy begins with the key frame before the clip and ends with the last packet its frames need. An edit list in the
mp4 tells players which of that to show, from the clip's first frame to its last; ffmpeg, browsers, and what is built
on them follow it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from panda_hf.errors import VideoError
from panda_hf.video.cut import CutClip
from panda_hf.video.cut_many import Task
from panda_hf.video.decoder import Decoder
from panda_hf.video.packets import PacketIndex
from panda_hf.video.remux import (
    EDIT_TICKS,
    CannotBeCopied,
    Stretch,
    cut_by_packets,
    packets_of,
    set_decoding_times,
    write_packets,
)
from panda_hf.video.source import Source, VideoLike

_HOLDS_ATOMS = (b"moov", b"trak", b"edts")


def copy_clips(
    video: VideoLike | Source, clips: Sequence[Task], *, threads: int | None = None
) -> list[CutClip | VideoError]:
    """Write clips as mp4 files of their own without encoding their pictures again.

    A clip begins with the frame shown at its start, when that frame appears: up to a frame early. Sound becomes AAC,
    trimmed to the sample. Pictures keep codec, quality, rotation and timestamps; each file is
    larger than its clip by up to one group of pictures. A reader that ignores edit lists shows that group's beginning
    too. A video of which packets do not tell the truth (:func:`~panda_hf.video.packets.index_packets`) is cut by
    :func:`~panda_hf.video.cut_many.cut_clips` instead, and ``why`` of its clips says so.

    Args:
        video: what to cut from.
        clips: start, end (seconds) and file of each; they may overlap and stand in any order.
        threads: for those that must be encoded; ``None`` uses every core.

    Returns:
        What was written, or why not, for each of ``clips``.

    Raises:
        VideoError: nothing of the video can be read.
        ValueError: a clip does not end after it starts.
    """
    return cut_by_packets(video, clips, _copy, threads=threads)


def _copy(decoder: Decoder, index: PacketIndex, stretch: Stretch, new: Path) -> CutClip:
    packets = packets_of(decoder, index, stretch)
    if any(packet.dts is None for packet in packets):  # Matroska has none
        set_decoding_times(packets)
    heard = write_packets(new, decoder, packets, int(index.timestamps[stretch.first]), (stretch.appears, stretch.goes))
    seconds = stretch.goes - stretch.appears
    end_edits_at(new, seconds)
    return CutClip(str(new), seconds, stretch.last - stretch.first, *heard, way="copy")


def end_edits_at(path: Path, seconds: float) -> None:
    """Let the edit list of an mp4's video track end after so many seconds."""
    data = path.read_bytes()
    place = _edit_list(data, 0, len(data))
    if place is None:
        raise CannotBeCopied("its file got no edit list")
    version, count = data[place + 8], struct.unpack(">I", data[place + 12 : place + 16])[0]
    if version != 0 or count != 1:
        raise CannotBeCopied("its file got an edit list of another kind")
    with path.open("r+b") as file:
        file.seek(place + 16)
        file.write(struct.pack(">I", round(seconds * EDIT_TICKS)))


def _edit_list(data: bytes, place: int, end: int) -> int | None:
    """Where the atom ``elst`` of the first track is; ``None`` where there is none."""
    while place + 8 <= end:
        size, name = struct.unpack(">I4s", data[place : place + 8])
        if name == b"elst":
            return place
        if name in _HOLDS_ATOMS:
            return _edit_list(data, place + 8, place + size)
        if size < 8:
            return None
        place += size
    return None
