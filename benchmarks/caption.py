"""Clips per second of our captioning beside a plain loop over the same model.

    python benchmarks/caption.py                                  mini_image and mini_video, films drawn here
    python benchmarks/caption.py --teachers mini                  the eight of the default
    python benchmarks/caption.py --teachers blip2_opt_2_7b        any registered teacher; on a GPU where there is one
    python benchmarks/caption.py --videos FOLDER --seconds 8      pieces of 8 seconds of real videos

The plain loop takes one clip after the other: decode its frames, preprocess them, generate. It uses our decoder and
the teacher's own processor and settings, so that only the order of work differs. Ours is ``SampleFrames`` and
``Caption`` as ``curate`` calls them: videos decoded side by side, batches of like length, the next ones prepared in
threads.

Both sides caption the same clips, in rounds by turns: a machine that slows down slows both. The first clips warm both
up and are not counted. What each side wrote is compared. Times are wall seconds in one process. The last line is a run
of all teachers: the plain loops decode for each of them, as scripts of their own do, ours decodes once for all.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

Row = dict[str, Any]
GOAL = 1.5


@dataclass
class Side:
    """What one side took, in seconds, and what it wrote."""

    decode: float = 0.0
    prepare: float = 0.0
    wait: float = 0.0
    """The model waited for its inputs; in the plain loop all of the preprocessing."""
    write: float = 0.0
    total: float = 0.0
    cpu: float = 0.0
    """Of all threads."""
    decode_cpu: float = 0.0
    captions: list[Any] = field(default_factory=list)
    """Replies as the model wrote them, or what ``Caption`` made of them."""
    rounds: list[float] = field(default_factory=list)
    """Seconds of each round."""


def drawn_rows(folder: Path, films: int) -> list[Row]:
    """One clip per scene of films of the miniature world."""
    from panda_hf.mini.films import write_films
    from panda_hf.mini.score import clip_rows_of

    return [row for path in write_films(folder, "test", films) for row, _ in clip_rows_of(path)]


def rows_of(folder: Path, seconds: float) -> list[Row]:
    """Pieces of the videos in a folder."""
    from panda_hf import schema
    from panda_hf.errors import VideoError
    from panda_hf.video import probe

    rows = []
    for path in sorted(folder.iterdir()):
        try:
            count = int((probe(path).duration or 0.0) // seconds)
        except VideoError:
            continue
        for i in range(count):
            row = {**dict.fromkeys(schema.CLIP_ROW), "clip_id": f"{path.stem}.{i}", "video_id": path.stem}
            rows.append(
                {**row, "video": {"path": str(path), "bytes": None}, "start": i * seconds, "end": (i + 1) * seconds}
            )
    return rows


def plain(rows: Sequence[Row], name: str, device: str, side: Side) -> None:
    """One clip after the other."""
    from panda_hf.captioning import SampleFrames
    from panda_hf.captioning.frames import fit_short_side, middle_times
    from panda_hf.captioning.registry import card_of
    from panda_hf.captioning.teachers.base import ClipInput, load_teacher
    from panda_hf.video import probe, sample_frames

    stage, card = SampleFrames(), card_of(name)
    teacher: Any = load_teacher(card, device)
    for row in rows:
        started = time.perf_counter()
        info = probe(row["video"])
        times = middle_times(row["start"], row["end"], stage.num_frames).tolist()
        frames = sample_frames(row["video"], times, size=fit_short_side(info.height, info.width, stage.size))
        decoded = time.perf_counter()
        words = {column: row[column] for column in ("title", "description", "subtitle")}
        clip = ClipInput(row["clip_id"], frames, tuple(times), **words)
        inputs = teacher.prepare([clip], teacher.processor)
        prepared = time.perf_counter()
        side.captions += teacher.write([clip], inputs, card.decoding)
        written = time.perf_counter()
        side.decode += decoded - started
        side.prepare += prepared - decoded
        side.wait += prepared - decoded
        side.write += written - prepared


def ours(rows: Sequence[Row], name: str, window: int, batch: int, side: Side) -> None:
    """The two stages over windows of rows, as ``curate`` calls them."""
    from panda_hf.captioning import Caption, SampleFrames
    from panda_hf.captioning.ahead import timed

    sample, caption = SampleFrames(), Caption(teacher=name, model_batch_size=batch)
    with timed() as timings:
        for start in range(0, len(rows), window):
            part = rows[start : start + window]
            clips = {column: [row[column] for row in part] for column in part[0]}
            started, cpu = time.perf_counter(), time.process_time()
            clips |= sample(clips)
            side.decode += time.perf_counter() - started
            side.decode_cpu += time.process_time() - cpu
            side.captions += caption(clips)[f"caption_{name}"]
    side.prepare += timings.prepare_seconds
    side.wait += timings.wait_seconds
    side.write += timings.write_seconds


def compare(rows: Sequence[Row], name: str, arguments: argparse.Namespace, device: str) -> dict[str, Side]:
    """Run both sides by turns and print what came of it."""
    warm, rows = rows[: arguments.batch + 1], rows[arguments.batch + 1 :]
    plain(warm, name, device, Side())
    ours(warm, name, arguments.window, arguments.batch, Side())
    sides, busy = {"plain loop": Side(), "ours": Side()}, []
    size = -(-len(rows) // arguments.rounds)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        with clock(sides["plain loop"]):
            plain(part, name, device, sides["plain loop"])
        with clock(sides["ours"]), gpu_use(device) as use:
            ours(part, name, arguments.window, arguments.batch, sides["ours"])
        busy += use
    show(name, len(rows), sides, busy)
    return sides


@contextlib.contextmanager
def clock(side: Side) -> Iterator[None]:
    started, cpu = time.perf_counter(), time.process_time()
    yield
    side.cpu += time.process_time() - cpu
    side.rounds.append(time.perf_counter() - started)
    side.total += side.rounds[-1]


@contextlib.contextmanager
def gpu_use(device: str) -> Iterator[list[float]]:
    """Utilisation of the GPU in per cent, several times a second, where ``nvidia-smi`` tells; complete at the end."""
    found: list[float] = []
    if not device.startswith("cuda") or shutil.which("nvidia-smi") is None:
        yield found
        return
    index = device.partition(":")[2] or "0"
    command = [
        "nvidia-smi",
        f"--id={index}",
        "--query-gpu=utilization.gpu",
        "--format=csv,noheader,nounits",
        "-lms",
        "100",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield found
    finally:
        process.terminate()
        found += [float(line) for line in process.communicate()[0].split() if line.replace(".", "").isdigit()]


def show(name: str, clips: int, sides: dict[str, Side], busy: Sequence[float]) -> None:
    print(f"\n{name}, {clips} clips")
    print(f"{'':12}{'clips/s':>9}{'total s':>9}{'decode':>9}{'prepare':>9}{'waits':>9}{'generate':>9}{'rest':>9}")
    for label, side in sides.items():
        rest = side.total - side.decode - side.wait - side.write
        figures = (clips / side.total, side.total, side.decode, side.prepare, side.wait, side.write, rest)
        print(f"{label:12}" + "".join(f"{figure:9.2f}" for figure in figures))
    slow, fast = sides["plain loop"], sides["ours"]
    ratios = [a / b for a, b in zip(slow.rounds, fast.rounds, strict=True)]
    same = sum(a == b for a, b in zip(cleaned(slow.captions, name), fast.captions, strict=True))
    verdict(slow.total / fast.total, f"rounds {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(f"CPU seconds {slow.cpu:.2f} and {fast.cpu:.2f}: {slow.cpu / fast.cpu:.2f} times, less swayed by other load")
    print(f"the same caption on {same} of {clips} clips")
    stage = fast.total - fast.decode
    print(
        f"the model at work: {fast.write / stage:.0%} of the captioning, {fast.write / fast.total:.0%} with decoding"
    )
    if busy:
        print(f"GPU busy by nvidia-smi: {mean(busy):.0f} % on average of {len(busy)} looks, decoding included")


def cleaned(replies: Sequence[Any], name: str) -> list[str | None]:
    """What ``Caption`` makes of what a teacher wrote; ``None`` where that is no caption."""
    from panda_hf.captioning.registry import card_of
    from panda_hf.captioning.sentences import clean_sentence
    from panda_hf.captioning.teachers.base import Answer
    from panda_hf.errors import CandidateError
    from panda_hf.stage import Failure

    found: list[str | None] = []
    for reply in replies:
        answer = Answer(reply) if isinstance(reply, str) else reply
        if isinstance(answer, Failure):
            found.append(None)
            continue
        try:
            found.append(clean_sentence(answer.text, stop=card_of(name).decoding.stop, cut=answer.cut))
        except CandidateError:
            found.append(None)
    return found


def show_all(results: Sequence[dict[str, Side]]) -> None:
    """A run of all teachers, put together from what was measured of each."""
    slow = sum(sides["plain loop"].total for sides in results)
    fast = sum(sides["ours"].total - sides["ours"].decode for sides in results)
    fast += mean(sides["ours"].decode for sides in results)
    print(f"\nall {len(results)} teachers: plain loops {slow:.2f} s, ours {fast:.2f} s with one decoding for all")
    verdict(slow / fast, "summed up from the above")
    slow = sum(sides["plain loop"].cpu for sides in results)
    fast = sum(sides["ours"].cpu - sides["ours"].decode_cpu for sides in results)
    fast += mean(sides["ours"].decode_cpu for sides in results)
    print(f"CPU seconds {slow:.2f} and {fast:.2f}: {slow / fast:.2f} times, less swayed by other load")


def verdict(ratio: float, how: str) -> None:
    print(f"ratio {ratio:.2f} ({how}); goal {GOAL}: {'met' if ratio >= GOAL else 'missed'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--teachers", nargs="+", default=["mini_image", "mini_video"], help="registered teachers, or sets"
    )
    parser.add_argument("--videos", type=Path, help="a folder of videos instead of drawn films")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the pieces of such videos")
    parser.add_argument("--films", type=int, default=12, help="how many films to draw")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=int, default=32, help="rows of a map batch")
    parser.add_argument("--batch", type=int, default=8, help="clips that the model sees at once")
    arguments = parser.parse_args()

    import datasets
    import torch

    from panda_hf.captioning.registry import expanded
    from panda_hf.models.devices import device_of

    datasets.disable_caching()
    datasets.disable_progress_bars()
    device = device_of(None)
    what = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{what}, {torch.get_num_threads()} compute thread(s), {os.cpu_count()} cores{load}")
    with tempfile.TemporaryDirectory() as folder:
        rows = (
            rows_of(arguments.videos, arguments.seconds)
            if arguments.videos
            else drawn_rows(Path(folder), arguments.films)
        )
        show_all([compare(rows, name, arguments, device) for name in expanded(arguments.teachers)])


if __name__ == "__main__":
    main()
