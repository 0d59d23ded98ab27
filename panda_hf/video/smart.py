"""Smart cuts: a clip's packets are copied, and only the frames before its first key frame and its last few encoded.

The encoded frames have parameter sets of their own beside the video's in the mp4, so no edit list hides anything and
every reader sees the same. Only H.264 as ordinary files hold it is cut this way, and each clip is decoded afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.video import h264
from panda_hf.video.cut import CutClip
from panda_hf.video.cut_many import Task
from panda_hf.video.decoder import Decoder
from panda_hf.video.encode import pixels
from panda_hf.video.packets import PacketIndex
from panda_hf.video.remux import (
    CannotBeCopied,
    Stretch,
    cut_by_packets,
    packets_of,
    set_decoding_times,
    write_packets,
)
from panda_hf.video.source import Source, VideoLike

_PROFILES = {66: "baseline", 77: "main", 100: "high"}
_PLAIN = ("yuv420p", "yuvj420p")
_SAME_TIME_SECONDS = 0.002
_STEPS_AN_ENCODED_FRAME_MAY_BE_OFF = 12.0  # of 255, on average; other footage, or grey, is off by far more


def smart_clips(
    video: VideoLike | Source,
    clips: Sequence[Task],
    *,
    crf: int = 20,
    preset: str = "veryfast",
    threads: int | None = None,
) -> list[CutClip | VideoError]:
    """Write clips as mp4 files of their own, copying all packets that can be decoded without what lies before them.

    A clip begins with the frame shown at its start, when that frame appears: up to a frame early. What is encoded is
    the frames before the first IDR picture, and at the end those that depend on frames after the clip. ``way`` of a
    clip is ``copy`` where nothing had to be, ``smart`` where something was. Sound becomes AAC, trimmed to the sample.
    Rotation, colours and timestamps stay those of the video. Each clip is decoded before it gets its name: all frames
    come, at their times, the first and last look like the video's. A clip that cannot be had so (another codec than
    H.264, interlaced, no IDR picture inside, parameters that change, damage) is encoded by
    :func:`~panda_hf.video.cut_many.cut_clips`, and its ``why`` says the reason.

    Args:
        video: what to cut from.
        clips: start, end (seconds) and file of each; they may overlap and stand in any order.
        crf: x264's constant quality of encoded frames.
        preset: x264's speed.
        threads: for decoding and encoding; ``None`` uses every core.

    Returns:
        What was written, or why not, for each of ``clips``.

    Raises:
        VideoError: nothing of the video can be read.
        ValueError: a clip does not end after it starts.
    """
    return cut_by_packets(video, clips, partial(_cut, options={"crf": str(crf), "preset": preset}), threads=threads)


@dataclass(frozen=True)
class _Look:
    """The luma of a frame of the video, and whether the clip holds that very frame."""

    luma: NDArray[np.uint8]
    is_copied: bool

    def is_like(self, luma: NDArray[np.uint8]) -> bool:
        if luma.shape != self.luma.shape:
            return False
        off = np.abs(luma.astype(np.int16) - self.luma)
        return not off.any() if self.is_copied else bool(off.mean() <= _STEPS_AN_ENCODED_FRAME_MAY_BE_OFF)


@dataclass(frozen=True)
class _Copied:
    """Packets that stay as they are, and which frames these show: all from ``first`` to ``last`` (exclusive)."""

    packets: list[Packet]
    first: int
    last: int


def _cut(decoder: Decoder, index: PacketIndex, stretch: Stretch, new: Path, *, options: dict[str, str]) -> CutClip:
    try:
        sets = _usable_sets(decoder)
        copied = _copied(packets_of(decoder, index, stretch), index, stretch, sets)
        encoder = _Encoder(decoder, sets, options)
        head, first_look = encoder.encode(index, stretch.first, copied.first, stretch.first)
        tail, last_look = encoder.encode(index, copied.last, stretch.last, stretch.last - 1)
    except (ValueError, av.FFmpegError) as error:
        raise CannotBeCopied(str(error)) from error
    packets = [*head, *copied.packets, *tail]
    set_decoding_times(packets)
    origin, ticks = int(index.timestamps[stretch.first]), decoder.timeline.tick
    shown_for = stretch.goes - float(index.times[stretch.last - 1])
    packets[-1].duration = max(1, round(shown_for / ticks))
    box = encoder.sets.box() if head or tail else None
    heard = write_packets(new, decoder, packets, origin, (stretch.appears, stretch.goes), box)
    times = index.times[stretch.first : stretch.last] - stretch.appears
    _check(new, times, decoder, _Look(first_look, not head), _Look(last_look, not tail))
    seconds = stretch.goes - stretch.appears
    return CutClip(str(new), seconds, len(times), *heard, way="smart" if head or tail else "copy")


def _usable_sets(decoder: Decoder) -> h264.ParameterSets:
    """The video's parameter sets; ``ValueError`` with a clause where frames cannot be put beside its packets."""
    context = decoder.stream.codec_context
    if context.codec.canonical_name != "h264":
        raise ValueError(f"only H.264 is cut smartly, and the video is {context.codec.canonical_name}")
    sets = h264.ParameterSets.parse(context.extradata)
    facts = [h264.sequence_facts(unit) for unit in sets.sequence]
    if not all(fact.is_progressive for fact in facts):
        raise ValueError("the video is interlaced")
    if context.pix_fmt not in _PLAIN or not all(fact.is_plain and fact.profile in _PROFILES for fact in facts):
        raise ValueError("the video is not 4:2:0 in 8 bits of an ordinary profile")
    return sets


def _copied(found: list[Packet], index: PacketIndex, stretch: Stretch, sets: h264.ParameterSets) -> _Copied:
    """Of packets in decoding order, the longest row that stands alone and shows nothing outside of the stretch."""
    positions = [int(index.timestamps.searchsorted(packet.pts or 0)) for packet in found]
    _check_sets_inside(found, sets)
    begins = next(
        (
            i
            for i, packet in enumerate(found)
            if positions[i] >= stretch.first
            and packet.is_keyframe
            and h264.starts_anew(bytes(packet), sets.length_bytes)
        ),
        None,
    )
    if begins is None:
        raise ValueError("no key frame inside it can be decoded without what lies before")
    first, highest, ends = positions[begins], -1, begins
    for count, position in enumerate(positions[begins:], 1):
        highest = max(highest, position)
        if highest >= stretch.last:
            break
        if highest == first + count - 1:
            ends = begins + count
    if ends == begins:
        raise ValueError("its packets stand in an order that cannot be cut")
    return _Copied(found[begins:ends], first, first + ends - begins)


def _check_sets_inside(packets: list[Packet], sets: h264.ParameterSets) -> None:
    known = {*sets.sequence, *sets.picture}
    for packet in packets:
        if packet.is_keyframe:
            for unit in h264.units(bytes(packet), sets.length_bytes):
                if unit[0] & 31 in (h264.SEQUENCE_SET, h264.PICTURE_SET) and unit not in known:
                    raise ValueError("the parameters of the video change inside it")


class _Encoder:
    """Encodes frames of a video so that they can stand beside its packets.

    Attributes:
        sets: the video's parameter sets, and those of what was encoded so far.
    """

    def __init__(self, decoder: Decoder, sets: h264.ParameterSets, options: dict[str, str]) -> None:
        self.sets = sets
        self._decoder, self._options, self._number = decoder, options, sets.free_id
        self._facts = h264.sequence_facts(sets.sequence[0])

    def encode(
        self, index: PacketIndex, first: int, last: int, look_at: int
    ) -> tuple[list[Packet], NDArray[np.uint8]]:
        """Frames ``first`` to ``last`` (exclusive), and how the frame ``look_at``, one of them or alone, looks."""
        packets: list[Packet] = []
        context: VideoCodecContext | None = None
        look: NDArray[np.uint8] | None = None
        for position, frame in _frames(self._decoder, index, min(first, look_at), max(last, look_at + 1)):
            if position == look_at:
                look = pixels(frame, 0).copy()
            if first <= position < last:
                context = context or self._open(frame)
                frame.pict_type = 0
                packets += [self._packet(packet) for packet in context.encode(frame)]
        if context is not None:
            packets += [self._packet(packet) for packet in context.encode(None)]
        if look is None or len(packets) != last - first:
            raise ValueError("its frames do not decode one by one")
        return packets, look

    def _open(self, like: VideoFrame) -> VideoCodecContext:
        if like.interlaced_frame or like.format.name not in _PLAIN:
            raise ValueError("the video is interlaced" if like.interlaced_frame else "its format of pixels changes")
        context = VideoCodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = like.width, like.height, like.format.name
        context.time_base = self._decoder.timeline.tick
        context.framerate = self._decoder.fps or Fraction(30)
        context.thread_count = self._decoder.threads or 0
        context.sample_aspect_ratio = self._decoder.stream.codec_context.sample_aspect_ratio or Fraction(0, 1)
        context.colorspace, context.color_range = like.colorspace, like.color_range
        context.color_primaries, context.color_trc = like.color_primaries, like.color_trc
        facts = self._facts
        context.options = {
            **self._options, "bf": "0", "profile": _PROFILES[facts.profile], "x264-params": f"sps-id={self._number}",
        }  # fmt: skip
        context.flags |= Flags.global_header
        context.open()
        self._add_sets(context.extradata or b"")
        return context

    def _add_sets(self, extradata: bytes) -> None:
        kinds: dict[int, list[bytes]] = {h264.SEQUENCE_SET: [], h264.PICTURE_SET: []}
        for unit in h264.units_between_start_codes(extradata):
            kinds.setdefault(unit[0] & 31, []).append(unit)
        sequence = tuple(dict.fromkeys([*self.sets.sequence, *kinds[h264.SEQUENCE_SET]]))
        picture = tuple(dict.fromkeys([*self.sets.picture, *kinds[h264.PICTURE_SET]]))
        self.sets = replace(self.sets, sequence=sequence, picture=picture)
        if [h264.picture_id(unit) for unit in picture].count(self._number) != 1:
            raise ValueError("its two ends need different parameters")

    def _packet(self, encoded: Packet) -> Packet:
        units = h264.units_between_start_codes(bytes(encoded))
        packet = Packet(h264.joined(units, self.sets.length_bytes))
        packet.pts = packet.dts = encoded.pts
        packet.time_base, packet.is_keyframe = self._decoder.timeline.tick, encoded.is_keyframe
        return packet


def _frames(decoder: Decoder, index: PacketIndex, first: int, last: int) -> Iterator[tuple[int, VideoFrame]]:
    """Frames ``first`` to ``last`` (exclusive) by position."""
    expected = first
    for decoded in decoder.frames_from(float(index.times[first])):
        frame = decoded.frame
        if frame.pts is None or frame.pts < index.timestamps[first]:
            continue
        if expected == last:
            return
        if frame.pts != index.timestamps[expected] or frame.is_corrupt:
            raise ValueError("its frames do not decode one by one")
        yield expected, frame
        expected += 1


def _check(new: Path, times: NDArray[np.float64], source: Decoder, first: _Look, last: _Look) -> None:
    """Decode the whole clip; ``CannotBeCopied`` unless it shows what it should."""
    shown: list[float] = []
    looks: list[NDArray[np.uint8]] = []
    with Decoder(str(new), source.threads) as decoder:
        for decoded in decoder.frames():
            if len(shown) in (0, len(times) - 1):
                looks.append(pixels(decoded.frame, 0).copy())
            shown.append(decoded.time)
        is_whole = not decoder.errors and decoder.stopped is None and len(shown) == len(times)
    if not is_whole or np.abs(np.array(shown) - times).max() > _SAME_TIME_SECONDS:
        raise CannotBeCopied("cut smartly it does not decode to its frames")
    if not (first.is_like(looks[0]) and last.is_like(looks[-1])):
        raise CannotBeCopied("cut smartly it shows other pictures")
