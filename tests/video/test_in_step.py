"""A clap in the film, a white frame and a click at once, is still one after cutting, whichever way."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest

from panda_hf.video import CutClip, cut_clips
from panda_hf.video.copy import copy_clips
from panda_hf.video.smart import smart_clips
from tests.video.films import B_FRAMES, HEIGHT, LONG_GOP, WIDTH

RATE = 48000
CLAPS = (37, 64, 101)  # frames
SPANS = ((0.5, 2.0), (1.2, 3.0), (2.013, 4.4))
FRAME = 1 / 25
WAYS: dict[str, Callable[..., list[Any]]] = {
    "encode": cut_clips,
    "av1": lambda *given, **more: cut_clips(*given, codec="av1", **more),
    "copy": copy_clips,
    "smart": smart_clips,
}
Kind = Literal["plain", "late", "uneven", "opus", "early sound", "ts"]


def clap_film(path: Path, kind: Kind) -> tuple[Path, list[float]]:
    """A film of 125 frames that claps, and when: ``late`` begins at 7.3 s, ``early sound`` has 0.2 s before it."""
    late = Fraction(73, 10) if kind == "late" else Fraction(0)
    lead = Fraction(1, 5) if kind == "early sound" else Fraction(0)
    steps = [Fraction(step, 1000) for step in ((20, 60, 30, 50) if kind == "uneven" else (40,))]
    times = [late + lead + sum(steps) * (i // len(steps)) + sum(steps[: i % len(steps)]) for i in range(125)]
    options = LONG_GOP if kind == "opus" else B_FRAMES
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options=options)
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90000)
        sound = container.add_stream("libopus" if kind == "opus" else "aac", rate=RATE, layout="mono")
        for i, at in enumerate(times):
            level = 235 if i in CLAPS else 40 + i % 3
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), level, np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = round(at * 90000), Fraction(1, 90000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for frame in click_frames([times[i] - late for i in CLAPS], late):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path, [float(times[i] - late) for i in CLAPS]


def click_frames(clicks: list[Fraction], late: Fraction) -> list[av.AudioFrame]:
    samples = np.zeros(RATE * 52 // 10 // 960 * 960, np.float32)
    burst = np.sin(2 * np.pi * 1000 * np.arange(RATE // 50) / RATE) * 0.8
    for at in clicks:
        place = round(at * RATE)
        samples[place : place + len(burst)] = burst
    frames = []
    for place in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[None, place : place + 960], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = RATE, round(late * RATE) + place, Fraction(1, RATE)
        frames.append(frame)
    return frames


def claps_in(path: Path) -> tuple[list[float], list[float]]:
    """When white frames appear and when clicks begin, in seconds on the player's time line."""
    with av.open(str(path)) as container:
        start = (container.start_time or 0) / av.time_base
        frames = [(f.time - start, f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = [(f.time - start, f.to_ndarray()[0]) for f in container.decode(audio=0)]
    seen = [time for time, level in frames if level > 150]
    loud = [at + int(np.argmax(np.abs(s) > 0.25)) / RATE for at, s in heard if (np.abs(s) > 0.25).any()]
    return seen, [at for i, at in enumerate(loud) if not i or at - loud[i - 1] > 0.1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "late", "uneven", "opus", "early sound", "ts"])
def test_a_clap_is_seen_and_heard_at_once_and_when_it_should(tmp_path: Path, way: str, kind: Kind) -> None:
    name = {"opus": "film.mkv", "ts": "film.ts"}.get(kind, "film.mp4")
    path, written = clap_film(tmp_path / name, kind)
    claps, source_heard = claps_in(
        path
    )  # in a transport stream all begins with what AAC needs before its first sample
    assert claps == pytest.approx(written, abs=0.025) and source_heard == pytest.approx(claps, abs=0.005)
    made = WAYS[way](path, [(*span, tmp_path / f"{i}.mp4") for i, span in enumerate(SPANS)], threads=1)
    for (start, end), clip in zip(SPANS, made, strict=True):
        assert isinstance(clip, CutClip) and clip.has_audio, clip
        seen, heard = claps_in(Path(clip.path))
        expected = [at - start for at in claps if start <= at < end]
        assert len(seen) == len(heard) == len(expected) > 0, (start, seen, heard)
        assert seen == pytest.approx(expected, abs=FRAME) and heard == pytest.approx(seen, abs=0.005)
