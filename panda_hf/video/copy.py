"""Clips as copies of a video's own packets: only the sound is encoded again, and the times are still exact.

A copy begins with the key frame before the clip and ends with the last packet its frames need. An edit list in the
mp4 tells players which of that to show, from the clip's first frame to its last; ffmpeg, browsers, and what is built
on them follow it.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import av
from av.packet import Packet

from panda_hf.errors import VideoError
from panda_hf.video.audio import Sound
from panda_hf.video.cut import SLACK_SECONDS, CutClip, check_times
from panda_hf.video.cut_many import Task, cut_clips
from panda_hf.video.decoder import Decoder
from panda_hf.video.encode import SoundTrack
from panda_hf.video.packets import PacketIndex, index_packets
from panda_hf.video.source import Source, VideoLike

_EDIT_TICKS = 120_000  # per second, of edit lists
_HOLDS_ATOMS = (b"moov", b"trak", b"edts")
_MUXER = {"movflags": "+faststart", "movie_timescale": str(_EDIT_TICKS), "fflags": "+bitexact"}


def copy_clips(
    video: VideoLike | Source, clips: Sequence[Task], *, threads: int | None = None
) -> list[CutClip | VideoError]:
    """Write clips as mp4 files of their own without encoding their pictures again.

    A clip begins with the frame shown at its start, when that frame appears: up to a frame early. Sound becomes AAC,
    trimmed to the sample. Pictures keep codec, quality, rotation and timestamps; each file is
    larger than its clip by up to one group of pictures. A reader that ignores edit lists shows that group's beginning
    too. A video of which packets do not tell the truth (:func:`~panda_hf.video.packets.index_packets`) is cut by
    :func:`~panda_hf.video.cut_many.cut_clips` instead.

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
    for start, end, _ in clips:
        check_times(start, end)
    source = Source.of(video)
    index = index_packets(source)
    if index is None:
        return cut_clips(source, clips, threads=threads)
    with Decoder(source, 1) as decoder:
        made = [_copy_or_say_why(decoder, index, task) for task in clips]
    left = [i for i, clip in enumerate(made) if clip is None]
    encoded = iter(cut_clips(source, [clips[i] for i in left], threads=threads) if left else ())
    return [next(encoded) if clip is None else clip for clip in made]


class _CannotBeCopied(Exception):
    """These packets make no clip of their own; it must be encoded."""


def _copy_or_say_why(decoder: Decoder, index: PacketIndex, task: Task) -> CutClip | VideoError | None:
    """``None``: it must be encoded."""
    start, end, path = task[0], task[1], Path(task[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        clip = _copy(decoder, index, start, end, new)
        os.replace(new, path)
        return CutClip(str(path), *clip, way="copy")
    except _CannotBeCopied:
        return None
    except VideoError as error:
        return error
    except (av.FFmpegError, OSError) as error:
        return VideoError(f"{decoder.source.name}: {path.name} cannot be written: {error}")
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _copy(
    decoder: Decoder, index: PacketIndex, start: float, end: float, new: Path
) -> tuple[float, int, bool, str | None]:
    """Seconds, frames, whether there is sound, and a note on it."""
    first = max(0, int(index.times.searchsorted(start + SLACK_SECONDS, side="right")) - 1)
    last = int(index.times.searchsorted(end - SLACK_SECONDS))
    goes = min(end, float(index.times[last]) if last < len(index.times) else index.end)
    if last <= first or goes <= start or start >= index.end:
        raise VideoError(f"{decoder.source.name} shows nothing from {start:.3f} s to {end:.3f} s. Check the times.")
    packets = _packets(decoder, index, first, last)
    starts = float(index.times[first])
    with closing(Sound(decoder.source, starts, end)) as sound:
        track = SoundTrack(sound)
        with av.open(f"file:{new}", "w", format="mp4", options=_MUXER) as container:
            stream = container.add_stream_from_template(decoder.stream, opaque=True)
            track.open(container)
            for packet in packets:
                assert packet.pts is not None and packet.dts is not None
                packet.pts -= int(index.timestamps[first])
                packet.dts -= int(index.timestamps[first])
                track.write(until=float(packet.dts * decoder.timeline.tick))
                packet.stream = stream
                container.mux(packet)
            track.finish()
    end_edits_at(new, goes - starts)
    return goes - starts, last - first, track.has_audio, sound.note


def _packets(decoder: Decoder, index: PacketIndex, first: int, last: int) -> list[Packet]:
    """In decoding order, from the key packet before frame ``first`` to the last that frames before ``last`` need."""
    key = int(index.keys[index.keys <= first][-1])
    wanted = set(index.timestamps[key:last].tolist())
    decoder.container.seek(int(index.timestamps[key]), stream=decoder.stream)
    found: list[Packet] = []
    for packet in decoder.packets():
        if not packet.size or packet.pts is None or packet.pts < index.timestamps[key]:
            continue
        if not (found or packet.pts == index.timestamps[key]):
            break
        found.append(packet)
        wanted.discard(packet.pts)
        if not wanted:
            return _with_decoding_times(found)
    raise _CannotBeCopied


def _with_decoding_times(packets: list[Packet]) -> list[Packet]:
    """The packets, with the latest decoding times that rise and are never behind presentation: Matroska has none."""
    if any(packet.dts is None for packet in packets):
        shown = [packet.pts or 0 for packet in packets]
        late = max(turn - pts for turn, pts in zip(sorted(shown), shown, strict=True))
        for packet, turn in zip(packets, sorted(shown), strict=True):
            packet.dts = turn - late
    return packets


def end_edits_at(path: Path, seconds: float) -> None:
    """Let the edit list of an mp4's video track end after so many seconds."""
    data = path.read_bytes()
    place = _edit_list(data, 0, len(data))
    if place is None:
        raise _CannotBeCopied
    version, count = data[place + 8], struct.unpack(">I", data[place + 12 : place + 16])[0]
    if version != 0 or count != 1:
        raise _CannotBeCopied
    with path.open("r+b") as file:
        file.seek(place + 16)
        file.write(struct.pack(">I", round(seconds * _EDIT_TICKS)))


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
