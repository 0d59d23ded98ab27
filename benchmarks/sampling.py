"""Which frames each backend of ``sample_frames`` returns, beside sequential decoding, and what that costs.

    python benchmarks/sampling.py                           a drawn film of 8 minutes
    python benchmarks/sampling.py FOLDER                    that film and every video of a folder
    python benchmarks/sampling.py --backends pyav decord torchcodec

The film is H.264 with B-frames and a key frame every 250 frames; every frame shows its own number as a bar code. From
each file about 60 frames are sampled in random order, the first and the last among them. A frame is wrong when its
pixels differ from those of a sequential pass (``FrameReader``) by more than 2 grey levels in the mean: decoders
convert colours slightly differently, and neighbours in still footage pass for each other, which the film rules out.

Every file is sampled in a process of its own, by one decoding thread. CPU and wall seconds leave imports out and are
added up over the files that could be read; peak memory is that of the largest process, sampled frames included.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SECONDS, FPS, HEIGHT, WIDTH, BITS = 480, 25, 90, 160, 16
X264 = {"preset": "veryfast", "x264-params": "bframes=3:b-adapt=0:keyint=250:min-keyint=250:scenecut=0"}
SAMPLES = 60
SAME_MEAN_DIFFERENCE = 2.0
REFERENCE = "sequential"


def film() -> Path:
    """The drawn film, made once and kept in the folder for temporary files."""
    path = Path(tempfile.gettempdir()) / "panda_hf_benchmark" / "numbered.mp4"
    if not path.exists():
        import av

        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial.mp4")
        with av.open(str(partial), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options=X264)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for picture in numbered_pictures():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        partial.rename(path)
    return path


def numbered_pictures() -> Iterator[NDArray[np.uint8]]:
    """A drifting gradient; its upper half holds the number of the frame as black and white bars."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(SECONDS * FPS):
        drifting = [columns + 3 * number, 2 * rows + 5 * number, columns + rows + number]
        picture = np.stack([channel % 256 for channel in drifting], -1).astype(np.uint8)
        bars = [255 * (number >> (BITS - 1 - bit) & 1) for bit in range(BITS)]
        picture[: HEIGHT // 2] = np.repeat(bars, WIDTH // BITS)[None, :, None]
        yield picture


def videos_of(folder: str | None) -> list[Path]:
    """Every file of a folder that can be read as video, in order of name."""
    from panda_hf.errors import VideoError
    from panda_hf.video import probe

    found = []
    for path in sorted(Path(folder).iterdir()) if folder else []:
        try:
            probe(path)
        except VideoError:
            continue
        found.append(path)
    return found


def times_of(path: Path) -> list[float]:
    """Seconds to sample at: the first, the last and random ones between, in random order, the same in every run."""
    from panda_hf.video import probe

    duration = probe(path).duration or 10.0
    rng = random.Random(path.name)
    times = [0.0, duration, *(round(rng.uniform(0, duration), 3) for _ in range(SAMPLES))]
    rng.shuffle(times)
    return times


def sequentially(path: Path, times: Sequence[float]) -> NDArray[np.uint8]:
    """The frames shown at ``times`` by one pass over the file: of each, the last that starts at or before it."""
    from panda_hf.video import FrameReader

    order = sorted(range(len(times)), key=times.__getitem__)
    shown: dict[int, NDArray[np.uint8]] = {}
    with FrameReader(path, threads=1) as reader:
        held = next(reader)
        for frame in reader:
            due = [i for i in order[len(shown) :] if times[i] < frame.time]
            if due:
                shown.update(dict.fromkeys(due, held.rgb()))
            held = frame
    shown.update(dict.fromkeys(order[len(shown) :], held.rgb()))
    return np.stack([shown[i] for i in range(len(times))])


def work(backend: str, path: Path, out: Path) -> dict[str, Any]:
    """Sample one file in this process; the frames go to the file ``out``."""
    from panda_hf.errors import VideoError
    from panda_hf.video import sample_frames

    times = times_of(path)
    if backend == "decord":
        import decord  # noqa: F401  imported before the clock starts
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    try:
        if backend == REFERENCE:
            frames = sequentially(path, times)
        else:
            frames = sample_frames(path, times, backend=backend, threads=1)
    except VideoError as error:
        return {"error": str(error).replace(f"{path.parent}/", "")}
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = peak_megabytes()
    np.save(out, frames)
    return {"error": None, "frames": len(frames), "cpu": cpu, "wall": wall, "peak": peak}


def peak_megabytes() -> float:
    """Peak memory of this process alone; Linux' ``ru_maxrss`` would count the parent's, too."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    own = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
    return own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(backend: str, path: Path, out: Path) -> dict[str, Any]:
    """What :func:`work` returns from a fresh process; a crash counts as an error."""
    command = [sys.executable, __file__, str(path), "--work", backend, str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"error": f"{path.name!r}: {lines[-1] if lines else f'exit status {done.returncode}'}"}
    return json.loads(done.stdout.splitlines()[-1])


def count_wrong(frames: Path, expected: Path) -> int:
    pairs = zip(np.load(frames, mmap_mode="r"), np.load(expected, mmap_mode="r"), strict=True)
    return sum(a.shape != b.shape or np.abs(a - b.astype(np.int16)).mean() > SAME_MEAN_DIFFERENCE for a, b in pairs)


def compare(paths: Sequence[Path], backends: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Of each backend what was measured, a dict per file."""
    results: dict[str, list[dict[str, Any]]] = {backend: [] for backend in (REFERENCE, *backends)}
    with tempfile.TemporaryDirectory() as folder:
        expected, frames = Path(folder, "expected.npy"), Path(folder, "frames.npy")
        for path in paths:
            results[REFERENCE].append({**measure(REFERENCE, path, expected), "name": path.name, "wrong": 0})
            for backend in backends:
                result = measure(backend, path, frames)
                wrong = 0 if result["error"] else count_wrong(frames, expected)
                results[backend].append({**result, "name": path.name, "wrong": wrong})
    return results


def show(results: dict[str, list[dict[str, Any]]]) -> None:
    """One table, then by name the files with wrong frames and the errors."""
    print("backend     files  frames  wrong  errors    CPU s   wall s  peak MB")
    for backend, rows in results.items():
        read = [row for row in rows if not row["error"]]
        frames, wrong, cpu, wall = (sum(row[key] for row in read) for key in ("frames", "wrong", "cpu", "wall"))
        counts = f"{backend:11} {len(rows):5} {frames:7} {wrong:6} {len(rows) - len(read):7}"
        print(f"{counts} {cpu:8.1f} {wall:8.1f} {max((row['peak'] for row in read), default=0):8.0f}")
    for backend, rows in results.items():
        for row in rows:
            if row["error"] or row["wrong"]:
                print(f"{backend}: {row['error'] or '{wrong} of {frames} wrong in {name!r}'.format(**row)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="a folder of videos")
    parser.add_argument("--backends", nargs="+", default=["pyav", "decord"], help="what to compare")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        print(json.dumps(work(arguments.work[0], Path(arguments.folder), Path(arguments.work[1]))))
        return
    show(compare([film(), *videos_of(arguments.folder)], arguments.backends))


if __name__ == "__main__":
    main()
