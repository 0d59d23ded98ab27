"""Decoding one video in presentation order, from its start or from any time: the one place that knows libav's ways."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from panda_hf.errors import VideoError
from panda_hf.video.declared import declared_length
from panda_hf.video.source import MAX_PIXELS, OpenVideo, Source, VideoLike, open_video
from panda_hf.video.streams import best_video_stream, read_packets, steady_key_timestamps
from panda_hf.video.timeline import Timeline

# Containers that store every frame's presentation timestamp in one steady count: only there does a frame found by
# seeking have for certain the time that it has in a sequential pass.
_INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# These do too, unless they were spliced: a pass over the packets, without decoding, tells. Everything else is decoded
# from its start.
_SCANNED = ("mpegts", "flv")
_WORTH_A_SCAN_SECONDS = 20.0
_PATIENCE_SECONDS = 2.0
# Containers that number packets in decoding order: the n-th frame shown takes the place of the n-th packet.
_NUMBERED = ("avi",)
_MAX_PACKETS_WITHOUT_FRAME = 5000
_MAX_LANDINGS = 4
_LEAD_SECONDS = 0.5  # more than B-frames ever wait between decoding and showing
_FALLBACK_FPS = 25
_FAR_SECONDS = 1e8


class Decoded(NamedTuple):
    """A decoded frame on the player's timeline."""

    time: float  # seconds
    duration: float | None  # seconds, as the container has it
    frame: VideoFrame


class Decoder:
    """The best video stream of one file, decoded. Close it, or use it in a ``with`` statement.

    The stream is the one ffmpeg would play (``av_find_best_stream``: the default one, then the one with most data and
    pixels), never a cover picture.

    Args:
        video: what to decode.
        threads: decoding threads; ``None`` lets libav use every core.

    Raises:
        VideoError: the file cannot be opened or has no video stream that can be decoded.
    """

    def __init__(self, video: VideoLike | Source, threads: int | None = None) -> None:
        self.source = Source.of(video)
        self.threads = threads
        self.errors = 0  # packets that did not decode, packets and frames flagged as damaged
        self.first_error: float | None = None  # seconds, about
        self.stopped: str | None = None  # why reading ended before the end of the file
        self.exhausted = False
        self.seen_end = 0.0  # seconds, latest end of any packet of any stream; kept only while watches_all
        self._open: OpenVideo | None = None
        self._key_timestamps: frozenset[int] | None = None
        self._slots: deque[int] = deque()
        self._start_over()
        self.may_seek = self.container.format.name in _INDEXED + _SCANNED
        self.patience = _WORTH_A_SCAN_SECONDS if self.container.format.name in _SCANNED else _PATIENCE_SECONDS
        """Seconds that are rather decoded than jumped over."""

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._open is not None:
            self._open.close()

    @property
    def container(self) -> av.container.InputContainer:
        """The open libav container."""
        assert self._open is not None
        return self._open.container

    @property
    def fps(self) -> Fraction | None:
        """The mean frame rate the file declares or libav estimates; ``None`` when unknown."""
        return self.stream.average_rate or self.stream.guessed_rate or None

    def frames(self) -> Iterator[Decoded]:
        """Every frame from the start of the file, in presentation order; damaged packets are skipped and counted."""
        self._start_over()
        return self._decode(self.packets())

    def frames_from(self, time: float) -> Iterator[Decoded]:
        """Frames in presentation order, starting at or before the frame shown at ``time``, exactly as in ``frames``.

        Seeks where the container's timestamps can be trusted, and checks each landing: the first frame must be the
        decodable key frame that was sought and lie at or before ``time``. Otherwise decodes from the start.
        """
        if self.may_seek and self.container.format.name in _SCANNED:
            if time < _WORTH_A_SCAN_SECONDS:
                return self.frames()
            self._key_timestamps = self._key_timestamps or steady_key_timestamps(self.source, self.stream.index)
            self.may_seek = self._key_timestamps is not None
        if self.may_seek:
            landed = self._land(min(time, _FAR_SECONDS))
            if landed is not None:
                return landed
            self.may_seek = False
        return self.frames()

    def key_frame_before(self, time: float) -> float | None:
        """About when the last key frame before ``time`` is decoded, by the container's index; ``None``: no index."""
        entries = getattr(self.stream, "index_entries", None)
        if not entries or self.container.format.name != _INDEXED[0]:  # Matroska's index grows as it is read
            return None
        found = entries.search_timestamp(self.timeline.timestamp(min(time, _FAR_SECONDS)))
        return None if found < 0 else self.timeline.seconds(entries[found].timestamp)

    def _land(self, time: float) -> Iterator[Decoded] | None:
        target = self._landing_target(time)
        for _ in range(_MAX_LANDINGS):
            try:
                self.container.seek(target, stream=self.stream)
            except (av.FFmpegError, OSError):
                return None
            packets = self.packets()
            first = next((packet for packet in packets if packet.is_keyframe or not packet.size), None)
            if first is None or first.pts is None:
                return None
            known = not self._key_timestamps or first.pts in self._key_timestamps
            if known and self.timeline.seconds(first.pts) <= time:
                frames = self._from_key_frame(first, packets)
                if frames is not None:
                    return frames
            target = min(target, first.pts if first.dts is None else first.dts) - 1
        return None

    def _landing_target(self, time: float) -> int:
        """Where to seek for the key frame before ``time``; transport streams land anywhere, so a little before it."""
        target = self.timeline.timestamp(time)
        if not self._key_timestamps:
            return target
        key = max((key for key in self._key_timestamps if key <= target), default=target)
        return key - int(_LEAD_SECONDS / self.timeline.tick)

    def _from_key_frame(self, key: Packet, packets: Iterator[Packet]) -> Iterator[Decoded] | None:
        """Frames from a key packet on, without those before it that refer to what was not decoded (open GOP)."""
        assert key.pts is not None
        self.timeline.last = None
        frames = self._decode(chain([key], packets))
        for decoded in frames:
            if decoded.frame.pts is not None and decoded.frame.pts >= key.pts:
                sound = decoded.frame.pts == key.pts and decoded.frame.key_frame and not decoded.frame.is_corrupt
                return chain([decoded], frames) if sound else None
        return None

    def _start_over(self) -> None:
        self.close()
        self._open = open_video(self.source)
        try:
            self.stream = best_video_stream(self.source, self.container)
        except BaseException:
            self.close()
            raise
        context = self.stream.codec_context
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
        context.thread_count = self.threads or 0
        context.thread_type = "AUTO"
        step = float(1 / (self.stream.guessed_rate or self.fps or _FALLBACK_FPS))
        self.timeline = Timeline(self.stream.time_base or Fraction(1, 90000), self._origin(), step)
        self.declared = declared_length(self.container, self.stream, float(self.timeline.origin or 0))
        self.watches_all = self.declared.of_all_streams

    def _origin(self) -> Fraction | None:
        if self.container.format.name in _NUMBERED or self.container.start_time is None:
            return None
        start = Fraction(self.container.start_time, av.time_base)
        if self.stream.start_time is not None and self.stream.time_base:
            own = self.stream.start_time * self.stream.time_base
            if abs(own - start) <= Fraction(1, av.time_base):  # the container's is the same, rounded to microseconds
                return own
        return start

    def packets(self) -> Iterator[Packet]:
        """Packets of the video stream, then one empty packet that flushes the decoder."""
        wanted = () if self.watches_all else (self.stream,)
        demux = read_packets(self.container, *wanted)
        while True:
            packet: Packet | None
            try:
                packet = next(demux, None)
            except av.FFmpegError as error:
                self.stopped = str(getattr(error, "strerror", None) or error)
                packet = None
            except OSError as error:  # of the file object under it: the network, not the video
                raise VideoError(f"{self.source.name}: reading failed ({error}). Try again.") from error
            if packet is None:
                break
            if self.watches_all:
                self._note_end(packet)
            if packet.size and (not self.watches_all or packet.stream.index == self.stream.index):
                yield packet
        yield _flush_packet(self.stream)

    def _note_end(self, packet: Packet) -> None:
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None and packet.time_base:
            seconds = float((start + (packet.duration or 0)) * packet.time_base - (self.timeline.origin or 0))
            self.seen_end = max(self.seen_end, seconds)

    def _decode(self, packets: Iterator[Packet]) -> Iterator[Decoded]:
        self.exhausted = False
        without_frame = 0
        tick = float(self.timeline.tick)
        numbered = self.container.format.name in _NUMBERED
        self._slots.clear()
        for packet in packets:
            if numbered and packet.size and packet.dts is not None:
                self._slots.append(packet.dts)
            frames = self._decode_packet(packet)
            without_frame = 0 if frames else without_frame + 1
            if without_frame > _MAX_PACKETS_WITHOUT_FRAME:
                self.stopped = f"{_MAX_PACKETS_WITHOUT_FRAME} packets in a row gave no frame"
                break
            for frame in frames:
                if frame.is_corrupt:
                    self._note_damage()
                time = self.timeline.place(self._slots.popleft() if self._slots else frame.pts)
                yield Decoded(time, frame.duration * tick if frame.duration else None, frame)
        self.exhausted = True

    def _decode_packet(self, packet: Packet) -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except EOFError:
            return []
        except (av.FFmpegError, MemoryError):
            self._note_damage()
            if self._slots:
                self._slots.pop()
            return []
        if packet.is_corrupt:
            self._note_damage()
        return frames

    def _note_damage(self) -> None:
        self.errors += 1
        if self.first_error is None:
            self.first_error = max(0.0, self.timeline.last or 0.0)


def _flush_packet(stream: VideoStream) -> Packet:
    packet = Packet()
    packet.stream = stream
    return packet
