"""CPU seconds from a video file to exported clips: ours, in each way, beside the official way.

    python benchmarks/export.py FILE     a video of yours
    python benchmarks/export.py FOLDER   the film that benchmarks/split.py makes of the videos in a folder, with sound

The official way is written anew from its description: PySceneDetect's ContentDetector (threshold 25), segments of 5 s,
two probe frames of each read through a fresh cv2.VideoCapture, then one ffmpeg per clip with default encoders. Its
model is left out, in its favour, and it exports the very clips that ours found. Each piece of work has a process of
its own, imports left out, those of ffmpeg counted. Afterwards every clip is decoded and held against the film: all its
frames come, the first and the last look like the film's at the start and the end of its row, and clicks in the
film's sound are heard when they should be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from split import long_film, official_reads, official_scenes, official_segments

RATE, CLICK_SECONDS = 48_000, 1.0
OURS = ("copy", "smart", "encode")
Span = tuple[float, float]


def find_ffmpeg() -> str:
    """The ffmpeg on the path, or that of the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        raise SystemExit("the official way needs ffmpeg: install it, or `pip install imageio-ffmpeg`") from None
    return imageio_ffmpeg.get_ffmpeg_exe()


def cpu_seconds() -> float:
    """User and system time of this process and of those it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def official(path: str, out: Path, spans: list[Span]) -> dict[str, float]:
    """The three scripts in a row; CPU seconds of each."""
    import cv2
    import scenedetect

    del cv2, scenedetect  # imported before the clock starts
    ffmpeg, marks = find_ffmpeg(), [cpu_seconds()]
    segments = official_segments(official_scenes(path))
    marks.append(cpu_seconds())
    official_reads(path, segments)
    marks.append(cpu_seconds())
    for i, (start, end) in enumerate(spans):
        times = ["-ss", f"{start:.3f}", "-t", f"{end - start:.3f}"]
        quiet = [ffmpeg, "-nostdin", "-loglevel", "quiet"]
        subprocess.run([*quiet, *times, "-i", path, str(out / f"{i}.mp4")], check=True)
    marks.append(cpu_seconds())
    return {name: b - a for name, a, b in zip(("find", "read", "write"), marks, marks[1:], strict=False)}


def ours(path: str, out: Path, way: str, trim: float) -> dict[str, object]:
    """Split and Cut, as ``curate`` calls them; CPU seconds of each, the clips, and what became of them."""
    from collections import Counter

    from panda_hf import Split, SplitSettings
    from panda_hf.running import Cut

    cut, began = Cut(folder=str(out), way=way), cpu_seconds()  # type: ignore[arg-type]
    row = Split(settings=SplitSettings(trim_fraction=trim))(
        {"video_id": ["film"], "video": [{"path": path, "bytes": None}]}
    )
    if row["error"][0]:
        raise SystemExit(row["error"][0]["message"])
    clips = row["clips"][0]
    found = cpu_seconds()
    batch = {
        "clip_id": [str(i) for i in range(len(clips))],
        "video": [{"path": path, "bytes": None}] * len(clips),
        "start": [clip["start"] for clip in clips],
        "end": [clip["end"] for clip in clips],
        "filtered": [None] * len(clips),
        "error": [None] * len(clips),
    }
    made = cut(batch)
    if failed := [error for error in made["error"] if error]:
        raise SystemExit(f"{len(failed)} clips were not written: {failed[0]['message']}")
    ways = Counter(made.get("clip_way", [way] * len(clips)))
    spans = list(zip(batch["start"], batch["end"], strict=True))
    return {"find": found - began, "write": cpu_seconds() - found, "spans": spans, "ways": ways}


def with_clicks(film: Path, seconds: int) -> Path:
    """The first seconds of the film, up to the next key frame, with a click in each; made once beside it."""
    import av
    import numpy as np

    path = film.with_name(f"{film.stem}_clicks_{seconds}.mp4")
    if path.exists():
        return path
    partial = path.with_suffix(".partial.mp4")
    second = np.zeros((1, RATE), np.float32)
    second[0, : RATE // 50] = np.sin(2 * np.pi * 1000 * np.arange(RATE // 50) / RATE) * 0.8
    with av.open(str(film)) as source, av.open(str(partial), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        sound = target.add_stream("aac", rate=RATE, layout="stereo")
        end = 0.0
        for packet in source.demux(video=0):
            if not packet.size or (packet.is_keyframe and packet.pts * packet.time_base >= seconds):
                break
            end = max(end, float(packet.pts * packet.time_base))
            packet.stream = stream
            target.mux(packet)
        for i in range(math.ceil(end)):
            frame = av.AudioFrame.from_ndarray(np.repeat(second, 2, axis=0), format="fltp", layout="stereo")
            frame.rate, frame.pts, frame.time_base = RATE, i * RATE, Fraction(1, RATE)
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    partial.rename(path)
    return path


def faults(path: str, out: Path, spans: list[Span], clicks: bool) -> list[str]:
    """What is wrong with the exported clips; of each the first thing."""
    import numpy as np

    from panda_hf.video.packets import index_packets

    index = index_packets(path)
    times = None if index is None else index.times
    assert times is not None, "the check needs a film of which packets tell the times"
    found = []
    step = float(np.median(np.diff(times)))
    for i, (start, end) in enumerate(spans):
        first = int(times.searchsorted(start + 0.0006, side="right")) - 1
        count = int(times.searchsorted(end - 0.0006)) - first
        fault = fault_of(path, out / f"{i}.mp4", (float(times[first]), start, end), count, step, clicks)
        found += [f"clip {i}: {fault}"] if fault else []
    return found


def fault_of(
    path: str, clip: Path, at: tuple[float, float, float], count: int, step: float, clicks: bool
) -> str | None:
    import numpy as np

    from panda_hf.video import sample_frames
    from panda_hf.video.decoder import Decoder

    appears, start, end = at
    shown, looks = [], []
    with Decoder(str(clip), 1) as decoder:
        for decoded in decoder.frames():
            if not shown:
                looks.append(decoded.frame.to_ndarray(format="rgb24"))
            last = decoded
            shown.append(decoded.time)
        if decoder.errors or decoder.stopped:
            return "it does not decode completely"
    looks.append(last.frame.to_ndarray(format="rgb24"))
    if abs(len(shown) - count) > 1 or shown[0] > step or abs(shown[-1] + step - (end - start)) > 1.01 * step:
        return f"{len(shown)} frames up to {shown[-1]:.3f} s instead of {count} in {end - start:.3f} s"
    for look, where in ((looks[0], start), (looks[1], end - step)):
        near = sample_frames(path, [max(0.0, where + d * step) for d in (-1, 0, 1)], threads=1)
        if min(np.abs(look.astype(int) - frame).mean() for frame in near) > 10:
            return f"another picture than the film's at {where:.3f} s"
    heard = heard_clicks(clip) if clicks else []
    due = [k - start for k in np.arange(np.ceil(start), end - 0.05, CLICK_SECONDS)]
    if clicks and (len(heard) < len(due) or any(min(abs(h - d) for h in heard) > step for d in due)):
        return f"clicks at {heard} instead of {due}"
    return None


def heard_clicks(clip: Path) -> list[float]:
    """When clicks begin, in seconds."""
    import av
    import numpy as np

    loud: list[float] = []
    with av.open(str(clip)) as container:
        for frame in container.decode(audio=0):
            above = np.abs(frame.to_ndarray()[0]) > 0.25
            at = frame.time + int(np.argmax(above)) / frame.sample_rate
            if above.any() and (not loud or at - loud[-1] > 0.5):
                loud.append(at)
    return loud


def measured(work: str, path: str, out: Path, spans: list[Span] | None, trim: float) -> dict:
    """One piece of work in a fresh process."""
    command = [sys.executable, __file__, path, "--work", work, "--out", str(out), "--trim", str(trim)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    told = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True, input=json.dumps(spans)
    )
    return json.loads(told.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a video, or a folder of short ones")
    parser.add_argument("--ways", nargs="+", choices=(*OURS, "official"), default=(*OURS, "official"))
    parser.add_argument("--trim", type=float, default=0.1, help="share that splitting takes off both ends of a clip")
    parser.add_argument("--seconds", type=int, default=570, help="of the film that is made; about")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        spans = json.load(sys.stdin)
        done = official(arguments.file, arguments.out, spans) if arguments.work == "official" else None
        print(json.dumps(done or ours(arguments.file, arguments.out, arguments.work, arguments.trim)))
        return
    is_file = Path(arguments.file).is_file()
    film = Path(arguments.file) if is_file else with_clicks(long_film(arguments.file), arguments.seconds)
    compare(str(film), list(arguments.ways), arguments.trim, clicks=not is_file)


def compare(film: str, ways: list[str], trim: float, clicks: bool) -> None:
    """Measure and check each way, print a line for each as it is done, then how many times less ours take."""
    print(f"{film}\n{'way':9}{'find':>8}{'read':>8}{'write':>8}{'all':>9}   clips, and what is wrong", flush=True)
    spans: list[Span] | None = None
    totals: dict[str, float] = {}
    for way in ways:
        with tempfile.TemporaryDirectory() as scratch:
            done = measured(way, film, Path(scratch), spans, trim)
            spans = spans or done["spans"]
            wrong = faults(film, Path(scratch), spans, clicks)
        parts = [done.get(part, 0.0) for part in ("find", "read", "write")]
        totals[way] = sum(parts)
        numbers = "".join(f"{part:8.2f}" for part in parts)
        said = f"{len(spans)} clips {done.get('ways', '')}, {len(wrong)} wrong{': ' + wrong[0] if wrong else ''}"
        print(f"{way:9}{numbers}{totals[way]:9.2f}   {said}", flush=True)
    if official_cpu := totals.pop("official", None):
        ratios = ", ".join(f"{way} {official_cpu / cpu:.1f}" for way, cpu in totals.items())
        print(f"times less CPU than the official way: {ratios}")


if __name__ == "__main__":
    main()
