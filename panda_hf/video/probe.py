"""What a video is, without decoding more than its first frame."""

from __future__ import annotations

from dataclasses import dataclass

from panda_hf.errors import VideoError
from panda_hf.video.decoder import Decoded, Decoder
from panda_hf.video.orientation import Orientation
from panda_hf.video.source import VideoLike

_SAME_RATE = 0.01


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about its best video stream. ``None`` means that it does not say."""

    name: str  # what messages call the file
    codec: str  # e.g. "h264"
    width: int  # as shown: rotation applied, pixel aspect ratio not
    height: int
    rotation: int  # degrees clockwise from the decoded picture to the one shown: 0, 90, 180, 270
    fps: float | None  # mean frame rate
    duration: float | None  # seconds from the start of the player's timeline to the end of the last frame
    frames: int | None
    variable_frame_rate: bool  # mean and nominal frame rate differ by more than 1 %
    pixel_format: str  # of the decoded frames, e.g. "yuv420p"
    video_streams: int


def probe(video: VideoLike) -> VideoInfo:
    """Read what a file says about its video and check that its first frame decodes.

    Raises:
        VideoError: when it cannot be read, has no video or no frame that decodes.
    """
    with Decoder(video) as decoder:
        return describe(decoder, first_frame(decoder, decoder.frames()))


def first_frame(decoder: Decoder, frames: object) -> Decoded:
    """The next of ``frames``, which must be there.

    Raises:
        VideoError: when no frame decodes.
    """
    first = next(frames, None)  # type: ignore[call-overload]
    if first is None:
        cause = decoder.stopped or (f"{decoder.errors} packets failed" if decoder.errors else "it holds no pictures")
        raise VideoError(f"{decoder.source.name}: no frame decodes ({cause}). Fetch it again or convert it.")
    return first


def describe(decoder: Decoder, first: Decoded) -> VideoInfo:
    """Put together what an open file says and what its first decoded frame shows."""
    stream, frame = decoder.stream, first.frame
    orientation = Orientation.of(frame)
    height, width = orientation.size(frame.height, frame.width)
    return VideoInfo(
        name=decoder.source.name,
        codec=stream.codec_context.codec.canonical_name,
        width=width,
        height=height,
        rotation=orientation.clockwise_degrees,
        fps=float(decoder.fps) if decoder.fps else None,
        duration=decoder.declared.seconds,
        frames=stream.frames or None,
        variable_frame_rate=_varies(decoder),
        pixel_format=frame.format.name,
        video_streams=len(decoder.container.streams.video),
    )


def _varies(decoder: Decoder) -> bool:
    mean, nominal = decoder.stream.average_rate, decoder.stream.guessed_rate
    return bool(mean and nominal and abs(mean / nominal - 1) > _SAME_RATE)
