"""Whether a fetched file is all there, and joining picture and sound into one file."""

from __future__ import annotations

import contextlib
import heapq
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av

from panda_hf.download.verdict import NotAVideo, NotWhole
from panda_hf.errors import VideoError
from panda_hf.video.declared import declared_length
from panda_hf.video.probe import probe
from panda_hf.video.source import Source, open_video
from panda_hf.video.streams import read_packets

Track = tuple[int, Any]
"""The number of a file and a stream of it."""

_TOLERANCE_SECONDS = 1.0
_TOLERANCE_SHARE = 0.02
_SITE_TOLERANCE_SHARE = 0.1
_SITE_TOLERANCE_SECONDS = 3.0
_SUFFIXES = {"mov,mp4,m4a,3gp,3g2,mj2": ".mp4", "matroska,webm": ".mkv"}
_SIGNS_OF_A_PART = ("cut short", "is empty", "no frame decodes")
_KEPT = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})


def check_whole(path: Path, *, picture: bool = True, site_seconds: float | None = None) -> float:
    """Read a file to its end, without decoding more than the first picture, and return how long it is, seconds.

    Args:
        path: of the file.
        picture: whether it must hold one; else sound is enough.
        site_seconds: how long the site says that it is; much less is taken for a part of it.

    Raises:
        NotWhole: it ends before the length that it declares.
        NotAVideo: it is something else.
    """
    with _read_as_video(path):
        if picture:
            probe(path)
        declared, found = _lengths(path, picture)
    if found == 0.0:
        raise NotWhole("the file holds no data")
    _check_length(found, declared, _TOLERANCE_SHARE, _TOLERANCE_SECONDS)
    _check_length(found, site_seconds, _SITE_TOLERANCE_SHARE, _SITE_TOLERANCE_SECONDS)
    return found


def join(picture: Path, sound: Path | None, draft: Path, *, keep_sound: bool = True) -> None:
    """Write one file with the streams as they are, nothing encoded again.

    Args:
        picture: file with the picture.
        sound: file with the sound; ``None``: the first file brings it.
        draft: file to write; its suffix is the format.
        keep_sound: ``False`` leaves all sound out.

    Raises:
        NotAVideo: when the format cannot hold these streams.
    """
    options = {"movflags": "+faststart"} if draft.suffix == ".mp4" else {}
    with contextlib.ExitStack() as stack, _read_as_video(picture):
        containers = [stack.enter_context(_opened(path)) for path in (picture, sound) if path is not None]
        output = stack.enter_context(av.open(f"file:{draft}", "w", options=options))
        tracks: list[Track] = [(0, containers[0].streams.best("video"))]
        if keep_sound and (audio := containers[-1].streams.best("audio")) is not None:
            tracks.append((len(containers) - 1, audio))
        targets = {track: output.add_stream_from_template(track[1]) for track in tracks}
        start = min((container.start_time or 0) for container in containers) / av.time_base
        for track, packet in _interleaved(containers, tracks):
            ticks = round(max(start, 0.0) / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
            packet.stream = targets[track]
            output.mux(packet)


def suffix_of(path: Path) -> str | None:
    """The suffix that fits what a file is, by its content; ``None``: a form to be packed into another one."""
    with _read_as_video(path), _opened(path) as container:
        suffix = _SUFFIXES.get(container.format.name)
        codecs = {stream.codec_context.name for stream in container.streams if stream.type in ("video", "audio")}
    if suffix == ".mkv" and codecs <= {"vp8", "vp9", "av1", "libdav1d", "libvpx-vp9", "opus", "vorbis", "libopus"}:
        return ".webm"
    return path.suffix.lower() if path.suffix.lower() in _KEPT and suffix == ".mp4" else suffix


def joined_suffix(*paths: Path) -> str:
    """``.mp4`` where all streams may live in one, else ``.mkv``, which holds everything."""
    fitting = {
        "h264",
        "hevc",
        "av1",
        "libdav1d",
        "mpeg4",
        "aac",
        "mp3",
        "mp3float",
        "ac3",
        "eac3",
        "opus",
        "flac",
        "vp9",
    }
    codecs: set[str] = set()
    for path in paths:
        with _read_as_video(path), _opened(path) as container:
            codecs |= {s.codec_context.name for s in container.streams if s.type in ("video", "audio")}
    return ".mp4" if codecs <= fitting else ".mkv"


def flush(path: Path) -> None:
    """Let the bytes of a file reach the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _read_as_video(path: Path) -> Iterator[None]:
    """Errors of reading as what they say about the file."""
    try:
        yield
    except VideoError as error:
        kind = NotWhole if any(sign in str(error) for sign in _SIGNS_OF_A_PART) else NotAVideo
        raise kind(_without_name(str(error), path)) from error
    except (av.FFmpegError, ValueError) as error:
        raise NotAVideo(f"the file cannot be read: {type(error).__name__}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    opened = open_video(Source.of(path))
    try:
        yield opened.container
    finally:
        opened.close()


def _check_length(found: float, wanted: float | None, share: float, seconds: float) -> None:
    """A short video may lack a tenth at most, however few seconds that is."""
    if wanted is not None and found < wanted - max(share * wanted, min(seconds, 0.1 * wanted)):
        raise NotWhole(f"the file ends after {found:.1f} of {wanted:.1f} s")


def _lengths(path: Path, picture: bool) -> tuple[float | None, float]:
    """The declared length and the latest end of a packet that can be read, seconds."""
    with _opened(path) as container:
        stream = container.streams.best("video" if picture else "audio")
        if stream is None:
            raise NotAVideo("the file holds no picture" if picture else "the file holds no sound")
        origin = container.start_time / av.time_base if container.start_time else 0.0
        length = declared_length(container, stream, origin) if picture else None
        declared = length.seconds if length is not None and length.is_stated else None
        if not picture and stream.duration:
            declared = float(stream.duration * stream.time_base)
        watched = container.streams.get() if length is not None and length.of_all_streams else (stream,)
        found = 0.0
        for packet in read_packets(container, *watched):
            if packet.pts is not None and packet.size and not packet.is_corrupt:
                found = max(found, float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin)
    return declared, found


def _interleaved(containers: Sequence[Any], tracks: Sequence[Track]) -> Iterator[tuple[Track, Any]]:
    """The packets of these streams with times, in order of decoding time over all files."""
    feeds = []
    for number, container in enumerate(containers):
        if own := [track for track in tracks if track[0] == number]:
            feeds.append(_packets(container, own))
    return heapq.merge(*feeds, key=lambda item: float(item[1].dts * item[1].time_base))


def _packets(container: Any, tracks: Sequence[Track]) -> Iterator[tuple[Track, Any]]:
    by_index = {track[1].index: track for track in tracks}
    for packet in read_packets(container, *(stream for _, stream in tracks)):
        if packet.dts is not None and packet.pts is not None and packet.size:
            yield by_index[packet.stream.index], packet


def _without_name(message: str, path: Path) -> str:
    return message.replace(repr(str(path)), "the file").replace(str(path), "the file")
