"""Looking at a video to find its shots and pieces: at doubtful stretches where that is enough, else at all of it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import islice

from panda_hf.splitting.collect import Clock, Collector, Scan
from panda_hf.splitting.doubt import is_worth_it
from panda_hf.splitting.groupwise import scan_groups
from panda_hf.splitting.looks import Look
from panda_hf.splitting.scores import is_full_range
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import ShotDetector, small_step
from panda_hf.video import FrameReader, VideoLike
from panda_hf.video.groups import IndexMismatch
from panda_hf.video.packets import index_packets

FRAMES_AT_ONCE = 32
"""Small frames that are decoded before they are looked at: in turns with the decoder, looking costs half as much again
because neither finds its code and data in the processor's cache."""

HELD_BYTES = 2**26
"""A video whose packets take no more is read once, and held meanwhile."""

Watch = Callable[[float], None]


def scan_video(
    video: VideoLike,
    settings: SplitSettings,
    *,
    describe_probes: bool = True,
    threads: int | None = 1,
    watch: Watch | None = None,
) -> Scan:
    """Go over a video once and find its shots, pieces and probe frames.

    Memory holds the small frames of one piece and the packets of two groups of pictures, or of all if they are few,
    whatever the length of the video, beside a few bytes for each frame.

    Args:
        video: what to look at.
        settings: the rules; ``effort`` says which frames are decoded.
        describe_probes: whether to compute descriptors of the probe frames on the way.
        threads: decoding threads; ``None``: every core.
        watch: told the time of the last frame looked at, seconds, now and then; what it raises ends the scan.

    Raises:
        VideoError: when it cannot be read.
    """
    if settings.effort == "doubtful":
        index = index_packets(video, hold=HELD_BYTES)
        if index is not None and is_worth_it(index):
            try:
                return scan_groups(
                    video, index, settings, describe_probes=describe_probes, threads=threads, watch=watch
                )
            except IndexMismatch:
                pass
    return scan_all(video, settings, describe_probes=describe_probes, threads=threads, watch=watch)


def scan_all(
    video: VideoLike,
    settings: SplitSettings,
    *,
    describe_probes: bool = True,
    threads: int | None = 1,
    watch: Watch | None = None,
) -> Scan:
    """The same by decoding every frame; see :func:`scan_video`."""
    times: array[float] = array("d")
    with FrameReader(video, threads=threads) as reader:
        info, clock = reader.info, Clock.of(reader.info)
        detector = ShotDetector(settings, info.fps or 25.0, is_full_range(info.pixel_format))
        collector = Collector(info, clock, settings, lag=detector.lag, describe_probes=describe_probes)
        step = small_step(info.width, info.height)
        looks = ((frame.time, Look(frame.index, frame.yuv(step))) for frame in reader)
        while batch := list(islice(looks, FRAMES_AT_ONCE)):
            for time, look in batch:
                times.append(time)
                tick = clock.tick(look.frame, time)
                collector.take(tick, look, detector.feed(tick, look.yuv))
            if watch is not None:
                watch(batch[-1][0])
        return collector.finish(times, reader.end or 0.0, reader.warning, len(times), detector.finish())
