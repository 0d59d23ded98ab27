"""CPU seconds of splitting a long video, beside a bare decode and PySceneDetect.

    python benchmarks/split.py FILE     a long video of yours
    python benchmarks/split.py FOLDER   a film of 570 s, 640x360 at 25 frames a second, of the videos in a folder
    python benchmarks/split.py          such a film of drawn shots; real footage takes longer to decode

Each measurement runs in a process of its own; ours and the bare decode with one decoding thread. User and system time
are added up by the operating system. Run it while nothing else runs: a busy machine inflates CPU seconds too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Literal

SECONDS, FPS, HEIGHT, WIDTH = 570, 25, 360, 640
BITS_PER_SECOND = 740_000  # the mean of the official sample clips, which are 640x360 too
WORK = ("bare decode", "ContentDetector", "AdaptiveDetector", "Split, every frame", "Split")


def bare_decode(path: str) -> int:
    """Every frame decoded by PyAV, none looked at."""
    import av

    with av.open(path) as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def content_detector(path: str) -> int:
    """PySceneDetect's ContentDetector as its users call it: own defaults, own reading of the file (OpenCV)."""
    import scenedetect

    return len(scenedetect.detect(path, scenedetect.ContentDetector()))


def adaptive_detector(path: str) -> int:
    """PySceneDetect's AdaptiveDetector, likewise."""
    import scenedetect

    return len(scenedetect.detect(path, scenedetect.AdaptiveDetector()))


def split_every_frame(path: str) -> int:
    """Our stage, told to decode everything."""
    return split(path, effort="all")


def split(path: str, effort: Literal["doubtful", "all"] = "doubtful") -> int:
    """Our stage with the embedded default: shots, probe frames, descriptors, stitching."""
    from panda_hf import Split, SplitSettings

    out = Split(settings=SplitSettings(effort=effort))({"video": [{"path": path, "bytes": None}]})
    if out["error"][0]:
        raise SystemExit(out["error"][0]["message"])
    return len(out["clips"][0])


def measure(work: str, path: str) -> dict[str, float]:
    """CPU and wall seconds of one run in a fresh process, imports left out."""
    command = [sys.executable, __file__, path, "--work", work]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def run(work: str, path: str) -> dict[str, float]:
    """CPU and wall seconds of one piece of work in this process."""
    import av
    import scenedetect

    from panda_hf.splitting import Split

    del av, scenedetect, Split  # imported before the clock starts
    functions = (bare_decode, content_detector, adaptive_detector, split_every_frame, split)
    function = dict(zip(WORK, functions, strict=True))[work]
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = function(path)
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall, "result": result}


def long_film(footage: str | None) -> Path:
    """A film of 570 s as H.264, made once and kept in the folder for temporary files.

    Args:
        footage: folder of videos to put in a row, again and again; ``None``: drawn shots.
    """
    name = "drawn" if footage is None else "of_" + "_".join(Path(footage).resolve().parts[-2:])
    path = Path(tempfile.gettempdir()) / "panda_hf_benchmark" / f"{name}.mp4"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        print(f"making a film of {SECONDS} s (once) ...", flush=True)
        partial = path.with_suffix(".partial.mp4")
        write_film(partial, drawn_pictures() if footage is None else pictures_of(Path(footage)))
        partial.rename(path)
    return path


def write_film(path: Path, pictures) -> None:
    """Encode RGB pictures by x264, its defaults but for the bit rate: that of the released samples of Panda-70M."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "medium"})
        stream.bit_rate = BITS_PER_SECOND
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in islice(pictures, SECONDS * FPS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def pictures_of(folder: Path):
    """The frames of all videos of a folder, in order of name, over and over."""
    from panda_hf.errors import VideoError
    from panda_hf.video import FrameReader

    while True:
        for path in sorted(folder.iterdir()):
            try:
                with FrameReader(str(path)) as reader:
                    yield from (frame.rgb((HEIGHT, WIDTH)) for frame in reader)
            except VideoError:
                continue


def drawn_pictures():
    """Shots of 4 s: a window that drifts over a large picture, a disc that crosses it, the noise of a camera."""
    import numpy as np

    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, (8, HEIGHT, WIDTH, 3)).astype(np.int16)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    while True:
        picture, colour, drift = large_picture(rng), rng.integers(0, 256, 3), rng.uniform(-0.9, 0.9, 2)
        for k in range(4 * FPS):
            top, left = (int(100 + k * step) for step in drift)
            frame = picture[top : top + HEIGHT, left : left + WIDTH] + noise[k % 8]
            frame[(rows - HEIGHT / 2) ** 2 + (columns - k * WIDTH / (4 * FPS)) ** 2 < 60**2] = colour
            yield np.clip(frame, 0, 255).astype(np.uint8)


def large_picture(rng):
    """Clouds of colour with fine texture on them, int16 [HEIGHT + 200, WIDTH + 200, 3]."""
    import cv2
    import numpy as np

    shape = (HEIGHT + 200, WIDTH + 200)
    layers = [
        cv2.resize(rng.normal(0, strength, (*grid, 3)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
        for strength, grid in ((60, (4, 6)), (30, (30, 45)), (15, (140, 210)))
    ]
    return (rng.uniform(60, 190, 3) + sum(layers)).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="a long video, or a folder of short ones")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the median is printed")
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        print(json.dumps(run(arguments.work, arguments.file)))
        return
    path = arguments.file
    if path is None or Path(path).is_dir():
        path = str(long_film(path))
    rounds = [{work: measure(work, path) for work in WORK} for _ in range(arguments.repeats)]
    print(f"{path}\nmedian of {arguments.repeats} runs    CPU s   wall s   CPU / bare decode")
    middle = {work: {key: statistics.median(r[work][key] for r in rounds) for key in rounds[0][work]} for work in WORK}
    for work, m in middle.items():
        ratio = m["cpu"] / middle["bare decode"]["cpu"]
        print(f"{work:20} {m['cpu']:7.2f}  {m['wall']:7.2f}   {ratio:17.2f}")


if __name__ == "__main__":
    main()
