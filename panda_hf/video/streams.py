"""A file's streams: which is the video, reading their packets, and whether their timestamps allow seeking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from panda_hf.errors import VideoError
from panda_hf.video.source import MAX_PIXELS, Source, open_video


def best_video_stream(source: Source, container: InputContainer) -> VideoStream:
    """The video stream that ffmpeg would play (``av_find_best_stream``), but never a cover picture.

    Raises:
        VideoError: there is none, or none that can be decoded within the limit of pixels.
    """
    best = container.streams.best("video")
    if best is None:
        raise VideoError(f"{source.name} has no video stream ({_contents(container)}). Give a file with pictures.")
    if _is_cover(best):
        moving = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not moving:
            raise VideoError(f"{source.name} has no video, only a cover picture. Give a file with moving pictures.")
        best = moving[0]
    if best.codec_context is None or not isinstance(best, VideoStream):
        raise VideoError(f"{source.name} has video in a codec that libav cannot decode. Convert it with ffmpeg.")
    if best.width * best.height > MAX_PIXELS:
        raise VideoError(
            f"{source.name} claims pictures of {best.width}x{best.height} pixels; the limit is {MAX_PIXELS} in all. "
            f"Scale it down with ffmpeg if that is true."
        )
    return best


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _contents(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return f"it holds {', '.join(kinds)}" if kinds else "it holds no streams"


def read_packets(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """Packets of these streams, as they are stored; of all that the file declares if none is named.

    A stream that begins midway, as in recordings of broadcasts, is left out: PyAV stops at its packets with an
    ``IndexError``, and goes on after them if asked again.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return


def steady_key_timestamps(source: Source, stream_index: int) -> frozenset[int] | None:
    """The timestamps of a stream's key packets, from a pass without decoding.

    ``None`` when timestamps are missing, repeat or run back somewhere, or packets are damaged: seeking is then unsafe.
    """
    keys = []
    last: int | None = None
    with closing(open_video(source)) as video:
        try:
            for packet in read_packets(video.container, video.container.streams[stream_index]):
                if not packet.size:
                    continue
                if packet.pts is None or packet.dts is None or packet.is_corrupt:
                    return None
                if last is not None and packet.dts <= last:
                    return None
                last = packet.dts
                if packet.is_keyframe:
                    keys.append(packet.pts)
        except (av.FFmpegError, OSError):
            return None
    return frozenset(keys)
