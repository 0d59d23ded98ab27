"""Clips made of a video's own packets: what copies and smart cuts have in common."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

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

EDIT_TICKS = 120_000  # per second, of edit lists
_MUXER = {"movflags": "+faststart", "movie_timescale": str(EDIT_TICKS), "fflags": "+bitexact"}
_UNKNOWN = "the packets of the video do not tell enough of its frames"


class CannotBeCopied(Exception):
    """These packets make no clip of their own; it must be encoded. The message is a clause that says why."""


@dataclass(frozen=True)
class Stretch:
    """A clip's frames: positions ``first`` to ``last`` (exclusive), shown from ``appears`` to ``goes`` seconds."""

    first: int
    last: int
    appears: float
    goes: float

    @classmethod
    def of(cls, name: str, index: PacketIndex, start: float, end: float) -> Stretch:
        """From the frame shown at ``start`` to the last one before ``end``.

        Raises:
            VideoError: the video shows nothing then.
        """
        first = max(0, int(index.times.searchsorted(start + SLACK_SECONDS, side="right")) - 1)
        last = int(index.times.searchsorted(end - SLACK_SECONDS))
        goes = min(end, float(index.times[last]) if last < len(index.times) else index.end)
        if last <= first or goes <= start or start >= index.end:
            raise VideoError(f"{name} shows nothing from {start:.3f} s to {end:.3f} s. Check the times.")
        return cls(first, last, float(index.times[first]), goes)


class Heard(NamedTuple):
    """What became of the sound."""

    has_audio: bool
    note: str | None


Make = Callable[[Decoder, PacketIndex, Stretch, Path], CutClip]
"""Writes one clip to a file that has no name yet.

Raises CannotBeCopied where the packets do not allow it, VideoError where nothing does."""


def cut_by_packets(
    video: VideoLike | Source, clips: Sequence[Task], make: Make, *, threads: int | None
) -> list[CutClip | VideoError]:
    """Write each clip with ``make``; encode, in one pass, those it refuses, and say why in :attr:`CutClip.why`.

    Raises:
        VideoError: nothing of the video can be read.
        ValueError: a clip does not end after it starts.
    """
    for start, end, _ in clips:
        check_times(start, end)
    source = Source.of(video)
    index = index_packets(source)
    made: list[CutClip | VideoError | str] = [_UNKNOWN] * len(clips)
    if index is not None:
        with Decoder(source, threads) as decoder:
            made = [_made_or_why(decoder, index, make, task) for task in clips]
    refused = [task for task, clip in zip(clips, made, strict=True) if isinstance(clip, str)]
    encoded = iter(cut_clips(source, refused, threads=threads) if refused else ())
    return [_because(next(encoded), clip) if isinstance(clip, str) else clip for clip in made]


def packets_of(decoder: Decoder, index: PacketIndex, stretch: Stretch) -> list[Packet]:
    """In decoding order, from the key packet before the first frame to the last packet that the frames need.

    Raises:
        CannotBeCopied: they are not where the index says, or the way to decode them changes on the way.
    """
    first, last = stretch.first, stretch.last
    key = int(index.keys[index.keys <= first][-1])
    wanted = set(index.timestamps[key:last].tolist())
    decoder.container.seek(int(index.timestamps[key]), stream=decoder.stream)
    found: list[Packet] = []
    for packet in decoder.packets():
        if not packet.size or packet.pts is None or packet.pts < index.timestamps[key]:
            continue
        if not (found or packet.pts == index.timestamps[key]):
            break
        if packet.has_sidedata("new_extradata") and found:
            raise CannotBeCopied("the parameters of the video change inside the clip")
        found.append(packet)
        wanted.discard(packet.pts)
        if not wanted:
            return found
    raise CannotBeCopied(_UNKNOWN)


def set_decoding_times(packets: list[Packet]) -> None:
    """Give packets the latest decoding times that rise and are never behind presentation."""
    shown = [packet.pts or 0 for packet in packets]
    late = max(turn - pts for turn, pts in zip(sorted(shown), shown, strict=True))
    for packet, turn in zip(packets, sorted(shown), strict=True):
        packet.dts = turn - late


def write_packets(
    new: Path,
    decoder: Decoder,
    packets: list[Packet],
    origin: int,
    heard: tuple[float, float],
    box: bytes | None = None,
) -> Heard:
    """Write packets, less the timestamp ``origin``, and the sound between two times in seconds, as mp4.

    ``box`` replaces the parameter sets of the video.
    """
    with closing(Sound(decoder.source, *heard)) as sound:
        track = SoundTrack(sound)
        with av.open(f"file:{new}", "w", format="mp4", options=_MUXER) as container:
            stream = container.add_stream_from_template(decoder.stream, opaque=True)
            if box is not None:
                stream.codec_context.extradata = box
            track.open(container)
            for packet in packets:
                assert packet.pts is not None and packet.dts is not None
                packet.pts -= origin
                packet.dts -= origin
                track.write(until=float(packet.dts * decoder.timeline.tick))
                packet.stream = stream
                container.mux(packet)
            track.finish()
    return Heard(track.has_audio, sound.note)


def _made_or_why(decoder: Decoder, index: PacketIndex, make: Make, task: Task) -> CutClip | VideoError | str:
    """A clause: why it must be encoded."""
    start, end, path = task[0], task[1], Path(task[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        clip = make(decoder, index, Stretch.of(decoder.source.name, index, start, end), new)
        os.replace(new, path)
        return replace(clip, path=str(path))
    except CannotBeCopied as reason:
        return str(reason)
    except VideoError as error:
        return error
    except (av.FFmpegError, OSError) as error:
        return VideoError(f"{decoder.source.name}: {path.name} cannot be written: {error}")
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _because(clip: CutClip | VideoError, why: str) -> CutClip | VideoError:
    return clip if isinstance(clip, VideoError) else replace(clip, why=why)
