"""Decoding a video group by group: a key frame alone, or the frames up to the next one, only where they are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice, zip_longest

import av
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from panda_hf.errors import VideoError
from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.frames import Frame
from panda_hf.video.h264 import MOST_LATE, ParameterSets
from panda_hf.video.orientation import Orientation
from panda_hf.video.packets import PacketIndex
from panda_hf.video.probe import VideoInfo, describe
from panda_hf.video.source import Source, VideoLike

MOST_BETWEEN = 8
"""Of more B-frames in a row than this only those are left out to which no others refer."""

_AT_ONCE = 3
"""So many groups may be in the middle of being decoded: one, the one before, and the one after."""


class IndexMismatch(VideoError):
    """The packets gave other frames than their index promised; the video must be decoded from front to back."""


@dataclass(frozen=True)
class Group:
    """A key frame and what follows it up to the next one: frames ``first`` to ``last`` (exclusive) as shown."""

    first: int
    last: int
    packets: tuple[Packet, ...]  # in decoding order, the key packet first
    leading: tuple[Packet, ...]  # stored after the next key packet, and with it needed to decode the last frames


class GroupReader:
    """Hands out the groups of one video in order; decodes of them what is asked for. Holds two groups' packets, where
    the index does not hold all.

    The edges of blocks are not smoothed, which spares a fifth of the work in H.264 and a seventh in HEVC: the pictures
    are good for looking at small, not for showing.

    Args:
        video: what to read.
        index: its packets, as :func:`~panda_hf.video.packets.index_packets` found them.
        threads: decoding threads; ``None``: every core.
    """

    def __init__(self, video: VideoLike | Source, index: PacketIndex, *, threads: int | None = 1) -> None:
        self._index = index
        self._keys = frozenset(index.timestamps[index.keys].tolist())
        self._decoder = Decoder(video, threads)
        self._all = self._decoder.stream.codec_context
        self._all.options = {**self._all.options, "skip_loop_filter": "all"}
        self._referred = _like(self._all)
        self._begun = cycle([_like(self._all) for _ in range(_AT_ONCE)])
        self._resumed = cycle([_like(self._all) for _ in range(_AT_ONCE)])
        self._prompt = self._prompt_contexts()
        self._patient = _like(self._all, self._box(MOST_LATE))  # after a leap a frame may seem to be shown too late
        self._shape: tuple[int, int] | None = None
        self._orientation = Orientation()
        self._position = -1  # of the last frame
        self.decoded = 0
        """Frames decoded so far."""

    def __enter__(self) -> GroupReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    def groups(self) -> Iterator[Group]:
        """The groups, in order.

        Raises:
            IndexMismatch: the file changed since it was indexed.
        """
        open_group: list[Packet] = []
        waiting: list[Packet] | None = None
        spans = iter(self._index.groups)
        for packet in self._packets():
            if packet.size and packet.pts not in self._keys:
                open_group.append(packet)
                continue
            if waiting is not None:
                yield _group(_next(spans), waiting, open_group)
            if open_group:
                waiting = open_group
            open_group = [packet] if packet.size else []
        if waiting is not None:
            yield _group(_next(spans), waiting, open_group)

    def _packets(self) -> Iterator[Packet]:
        """All, and an empty one; read again unless the index holds them."""
        held = self._index.packets
        return self._decoder.packets() if held is None else chain(held, [Packet()])

    def key_frame(self, group: Group) -> Frame:
        """The group's key frame, decoded alone.

        Raises:
            IndexMismatch: it does not decode alone.
        """
        frame = next(self._decode(group.packets[:1]), None)
        if frame is None or frame.index != group.first:
            raise IndexMismatch(f"{self._decoder.source.name}: a key frame does not decode alone")
        return frame

    def frames(self, group: Group, since: int = 0) -> Iterator[Frame]:
        """All frames of the group, in order; stop whenever enough is known.

        Args:
            group: the group.
            since: of the frames before this one B-frames are left out where :meth:`begin` may leave them out; pictures
                drift as they do there, and those of B-frames right after it may be of frames beside them.

        Raises:
            IndexMismatch: another frame came than the index promised.
        """
        expected, all_since = group.first, max(group.first, since)
        for frame in self._decode([*self._packets_since(group, since), *group.leading]):
            if frame.index >= group.last:
                break
            if frame.index > max(expected, all_since) or expected == group.first != frame.index:
                raise IndexMismatch(f"{self._decoder.source.name}: frame {expected} does not decode")
            expected = frame.index + 1
            yield frame
        if expected != group.last:
            raise IndexMismatch(f"{self._decoder.source.name}: frame {expected} does not decode")

    def _packets_since(self, group: Group, since: int) -> list[Packet]:
        """Those shown from the key frame on, the B-frames among them only from the ``since``-th frame on."""
        own = [
            packet for packet in group.packets if packet.pts is not None and packet.pts >= (group.packets[0].pts or 0)
        ]
        anchors = self._without_b_frames(group) if since > group.first else None
        if anchors is None:
            return own
        kept, first = {packet.pts for packet in anchors}, int(self._index.timestamps[since])
        return [packet for packet in own if packet.pts in kept or (packet.pts or 0) >= first]

    def references(self, group: Group) -> Iterator[Frame]:
        """The frames of the group that others refer to, in order: about half of them, at three quarters of the cost.

        Raises:
            IndexMismatch: the group does not decode, or not from its key frame on.
        """
        return self._some(group, group.packets, self._referred)

    def begin(self, group: Group, *, anchors: bool) -> tuple[Frame, Iterator[Frame]]:
        """The group's key frame and, decoded as they are asked for, what :meth:`references` gives after it; to be used
        only until three more groups were begun.

        Args:
            group: the group.
            anchors: whether to leave out B-frames too, where headers tell them (H.264): what is left is a third of all
                frames at half the cost. The decoder takes the frame before in place of B-frames to which others refer,
                so that pictures drift a little from the true ones until the next key frame.

        Raises:
            IndexMismatch: the group does not decode, or not from its key frame on.
        """
        packets = self._without_b_frames(group) if anchors else None
        if packets is not None and self._prompt is not None:
            frames = self._some(group, packets, next(self._prompt))
            return next(frames), frames
        rest = self._some(group, packets or group.packets, next(self._begun))
        return self.key_frame(group), islice(rest, 1, None)

    def resume(self, group: Group, at: int) -> Iterator[Frame]:
        """Of the frames from the ``at``-th of the video on those that :meth:`begin` gives with ``anchors``, decoded as
        if nothing lay between the key frame and them: for where the first of them refers to none, as one of a single
        colour does. None where B-frames cannot be left out. To be used only until three more groups were resumed.

        Raises:
            IndexMismatch: not all of them decode. After a leap from a key frame that is no IDR picture, the first ones
                may seem to lie before it.
        """
        packets = self._without_b_frames(group)
        if packets is None:
            return
        since = int(self._index.timestamps[at])
        after = [packet for packet in packets[1:] if (packet.pts or 0) >= since]
        wanted = sorted(self._position_of(packet.pts) for packet in after)
        frames = self._decode([packets[0], *after], next(self._resumed))  # where the key frame may seem the last
        found = (frame for frame in frames if frame.index >= at)
        for position, frame in zip_longest(wanted, found):
            if frame is None or frame.index != position:
                raise IndexMismatch(f"{self._decoder.source.name}: frame {position} does not decode after a leap")
            yield frame

    def upon(self, group: Group, frames: Sequence[int]) -> dict[int, Frame]:
        """Frames of the group, by their numbers in the video, decoded as if they came one after another right after
        the key frame: where they refer to others, what was before shows through. Those that cannot be decoded so are
        left out."""
        if self._all.codec.canonical_name != "h264":
            return {}
        wanted = {int(self._index.timestamps[frame]) for frame in frames}
        packets = [group.packets[0], *(packet for packet in group.packets if packet.pts in wanted)]
        try:
            return {frame.index: frame for frame in self._decode(packets, self._patient) if frame.index in frames}
        except IndexMismatch:
            return {}

    def _prompt_contexts(self) -> Iterator[VideoCodecContext] | None:
        """Decoders that show each frame at once, as those do that are coded without B-frames, of which there must be
        none among the packets: else H.264 is shown some frames late."""
        box = self._box(0)
        return None if box is None else cycle([_like(self._all, box) for _ in range(_AT_ONCE)])

    def _box(self, reordering: int) -> bytes | None:
        """The parameter sets of H.264 of which pictures are shown so late; ``None``: there are no such."""
        if self._all.codec.canonical_name != "h264" or not (self._all.pix_fmt or "").startswith("yuv"):
            return None  # that a stream holds red, green and blue is one of the remarks that are left out
        try:
            return ParameterSets.parse(self._all.extradata).with_reordering(reordering).box()
        except ValueError:
            return None

    def _some(self, group: Group, packets: Sequence[Packet], context: VideoCodecContext) -> Iterator[Frame]:
        frames = self._decode(packets, context)
        own = (frame for frame in frames if group.first <= frame.index < group.last)
        key = next(own, None)
        if key is None or key.index != group.first:
            raise IndexMismatch(f"{self._decoder.source.name}: frame {group.first} does not decode")
        yield key
        yield from own

    def _without_b_frames(self, group: Group) -> Sequence[Packet] | None:
        """``None`` where they are not left out. Of HEVC none are: where a reference is missing its decoder shows
        grey."""
        here = slice(group.first, group.last)
        others = np.flatnonzero(~self._index.bidirectional[here])
        between = np.diff(others, append=group.last - group.first) - 1
        if self._all.codec.canonical_name != "h264" or between.max() > MOST_BETWEEN:
            return None
        wanted = set(self._index.timestamps[here][others].tolist())
        return [packet for packet in group.packets if packet.pts in wanted]

    def info(self, group: Group) -> VideoInfo:
        """What the video is, by its header and a group's key frame."""
        frame = self.key_frame(group)
        return describe(self._decoder, Decoded(frame.time, frame.duration, frame.picture))

    def _decode(self, packets: Iterable[Packet], context: VideoCodecContext | None = None) -> Iterator[Frame]:
        """Frames of packets; what the context decoded before is forgotten. ``None``: the one that decodes all."""
        context = context or self._all
        context.flush_buffers()
        try:
            for packet in packets:
                yield from map(self._frame, context.decode(packet))
            yield from map(self._frame, context.decode(None))
        except (av.FFmpegError, EOFError, MemoryError) as error:
            raise IndexMismatch(f"{self._decoder.source.name}: a group does not decode: {error}") from error

    def _frame(self, picture: VideoFrame) -> Frame:
        position = self._position = self._position_of(picture.pts)
        if picture.is_corrupt:
            raise IndexMismatch(f"{self._decoder.source.name}: a frame is damaged")
        if self._shape is None:
            self._shape, self._orientation = (picture.height, picture.width), Orientation.of(picture)
        self.decoded += 1
        decoded = Decoded(float(self._index.times[position]), None, picture)
        return Frame(position, decoded, self._shape, self._orientation)

    def _position_of(self, timestamp: int | None) -> int:
        """Of a frame: most follow the one before."""
        timestamps, following = self._index.timestamps, self._position + 1
        if following < len(timestamps) and timestamps[following] == timestamp:
            return following
        position = int(np.searchsorted(timestamps, timestamp if timestamp is not None else -1))
        if position == len(timestamps) or timestamps[position] != timestamp:
            raise IndexMismatch(f"{self._decoder.source.name}: a frame has a timestamp that no packet had")
        return position


def _like(context: VideoCodecContext, extradata: bytes | None = None) -> VideoCodecContext:
    """Another decoder of one stream, of the frames to which others refer."""
    other = CodecContext.create(context.codec.name, "r")
    assert isinstance(other, VideoCodecContext)
    other.extradata = extradata or context.extradata
    other.skip_frame = "NONREF"
    other.thread_count, other.thread_type, other.options = context.thread_count, context.thread_type, context.options
    return other


def _group(span: tuple[int, int], packets: list[Packet], after: list[Packet]) -> Group:
    """A group, and of the packets after it those shown before the next key frame, that key packet ahead of them."""
    leading = [packet for packet in after[1:] if packet.pts is not None and packet.pts < (after[0].pts or 0)]
    return Group(*span, tuple(packets), (after[0], *leading) if leading else ())


def _next(spans: Iterator[tuple[int, int]]) -> tuple[int, int]:
    span = next(spans, None)
    if span is None:
        raise IndexMismatch("the file has more groups than were indexed")
    return span
