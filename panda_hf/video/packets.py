"""What packets tell without decoding: when each frame is shown, how many bytes it takes, which are key."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from panda_hf.errors import VideoError
from panda_hf.video.decoder import Decoder
from panda_hf.video.encoder_options import EncoderOptions, encoder_options
from panda_hf.video.slices import SliceReader
from panda_hf.video.source import Source, VideoLike

ONE_FRAME_EACH = frozenset({"h264", "hevc", "av1", "vp9"})
"""Codecs of which a packet always shows one frame (VP8 has packets that show none), and whose encoders look for cuts
or put key frames at fixed distances."""

_OPTIONS_WITHIN = 4096  # bytes at the beginning of a packet

PACKET_BYTES = 700
"""So much memory a packet takes beside what it holds."""

_VALUES = 7  # of each packet

_SHORTFALL_SECONDS = 0.1
_SHORTFALL_FRAMES = 1.5


@dataclass(frozen=True)
class PacketIndex:
    """The frames of one video in the order they are shown, n of them."""

    timestamps: NDArray[np.int64]
    """[n], in the stream's time base, ascending."""
    times: NDArray[np.float64]
    """[n], seconds on the player's timeline; equal to those of :class:`~panda_hf.video.frames.FrameReader`."""
    sizes: NDArray[np.int64]
    """[n], bytes."""
    keys: NDArray[np.intp]
    """Positions of the key frames among the n, at which decoding can begin, ascending; the first is 0."""
    intra: NDArray[np.bool_]
    """[n], frames coded without others, as far as their headers tell (H.264, HEVC); key frames always."""
    bidirectional: NDArray[np.bool_]
    """[n], frames coded from two others each, as far as their headers tell (B-frames of H.264 and HEVC)."""
    end: float
    """When the last frame stops being shown, seconds."""
    encoder: EncoderOptions | None = None
    """What the encoder looked for, if it says so, and says one thing throughout (x264, x265)."""
    fading: NDArray[np.bool_] | None = None
    """[n], frames coded from others made brighter or darker, as in fades and most dissolves (H.264); ``None``: it is
    not known that the encoder looked for that, or it cannot be read."""
    packets: tuple[Packet, ...] | None = field(default=None, repr=False, compare=False)
    """[n], in decoding order, with what they hold; ``None``: they were not to be held, or are too big."""

    @property
    def groups(self) -> list[tuple[int, int]]:
        """Each key frame and the frames up to the next, as half-open stretches of positions."""
        return list(zip(self.keys.tolist(), [*self.keys[1:].tolist(), len(self.times)], strict=True))


def index_packets(video: VideoLike | Source, *, hold: int = 0) -> PacketIndex | None:
    """Read all packets of the best video stream; ``None`` where they do not tell the whole truth about its frames.

    That is so for files over a network (they would be fetched twice), containers or codecs whose packets are not
    frames, missing, repeated or unsteady timestamps, edit lists that hide frames, damage, and files that are cut
    short: all these must be decoded to be known.

    Args:
        video: what to read.
        hold: the packets are held, so that they need not be read again, if they take no more bytes of memory.

    Raises:
        VideoError: the file cannot be opened or has no video stream.
    """
    source = Source.of(video)
    if source.url is not None:
        return None
    with Decoder(source, 1) as decoder:
        codec = decoder.stream.codec_context.codec.canonical_name
        if codec not in ONE_FRAME_EACH or not decoder.may_seek or decoder.timeline.origin is None:
            return None
        try:
            read = _read(decoder, hold)
        except (av.FFmpegError, VideoError):
            return None
        return None if read is None or decoder.stopped else _index(decoder, read)


class _Hold:
    """Holds packets as long as they take no more than so many bytes of memory."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._packets: list[Packet] = []

    def take(self, packet: Packet) -> None:
        """One more."""
        self._left -= packet.size + PACKET_BYTES
        if self._left >= 0:
            self._packets.append(packet)
        else:
            self._packets.clear()

    def all(self) -> tuple[Packet, ...] | None:
        """All that were taken; ``None``: they are too big."""
        return tuple(self._packets) if self._left >= 0 else None


class _Read(NamedTuple):
    """What was read of all packets.

    ``rows``: [n, 7] in decoding order: timestamp, bytes, whether it is a key packet, duration, whether it is coded
    alone, whether from two others, whether from another in other light. ``told``: what the encoder says that it looked
    for. ``are_weights_read``: whether all of the last could be read. ``held``: the packets, if they are held.
    """

    rows: NDArray[np.int64]
    told: set[EncoderOptions]
    are_weights_read: bool
    held: tuple[Packet, ...] | None


def _read(decoder: Decoder, hold: int) -> _Read | None:
    rows = array("q")
    held = _Hold(hold)
    context = decoder.stream.codec_context
    told = {encoder_options(bytes(context.extradata or b""))}
    are_weights_read = True
    slices = SliceReader.of(context.codec.canonical_name, context.extradata)
    last: int | None = None
    for packet in decoder.packets():
        if not packet.size:
            continue
        pts, dts = packet.pts, packet.dts
        if pts is None or packet.is_corrupt or packet.is_discard:
            return None
        if rows and packet.has_sidedata("new_extradata"):  # another stream from here on
            return None
        if dts is not None:  # Matroska stores none; libav makes them up where it can
            if last is not None and dts <= last:
                return None
            last = dts
        if packet.is_keyframe and slices is not None:
            are_weights_read &= slices.reads_weights_of(memoryview(packet))
        is_key = packet.is_keyframe and (slices is None or slices.is_entry(memoryview(packet)))
        if is_key:
            told.add(encoder_options(bytes(memoryview(packet)[:_OPTIONS_WITHIN])))
        coded = (is_key, False, False) if is_key or slices is None else _coded(slices, packet)
        rows.extend((pts, packet.size, is_key, packet.duration or 0, *coded))
        held.take(packet)
    if not rows:
        return None
    return _Read(
        np.array(rows, np.int64).reshape(-1, _VALUES), {each for each in told if each}, are_weights_read, held.all()
    )


def _coded(slices: SliceReader, packet: Packet) -> tuple[bool, bool, bool]:
    """Whether a picture is coded alone, from two others, from another in other light."""
    head = slices.head(memoryview(packet))
    kind = slices.kind(head)
    return kind == "I", kind == "B", kind == "P" and slices.is_fading(head)


def _index(decoder: Decoder, read: _Read) -> PacketIndex | None:
    rows, told = read.rows, read.told
    shown = rows[np.argsort(rows[:, 0], kind="stable")]
    timestamps = shown[:, 0]
    keys = np.flatnonzero(shown[:, 2])
    if not rows[0, 2] or not shown[0, 2] or (np.diff(timestamps) <= 0).any():
        return None
    times = decoder.timeline.all_seconds(timestamps)
    end = float(times[-1] + (float(shown[-1, 3] * decoder.timeline.tick) or decoder.timeline.step))
    if _is_cut_short(decoder, end):
        return None
    alone, from_two, fading = (shown[:, 4:] > 0).T
    encoder = next(iter(told)) if len(told) == 1 else None
    tells_fades = encoder.seeks_fades if encoder is not None else not told and bool(fading.any())
    fades = fading if tells_fades and read.are_weights_read else None
    return PacketIndex(timestamps, times, shown[:, 1], keys, alone, from_two, end, encoder, fades, read.held)


def _is_cut_short(decoder: Decoder, end: float) -> bool:
    declared = decoder.declared
    if declared.seconds is None or not declared.is_stated:
        return False
    if declared.of_all_streams:
        end = max(end, decoder.seen_end)
    return declared.seconds - end > max(_SHORTFALL_SECONDS, _SHORTFALL_FRAMES * decoder.timeline.step)
