"""How well cuts and gradual transitions are found, and for how much decoding, in one film encoded in many ways.

    python benchmarks/encoders.py FOLDER             # 227 s of the labelled videos, in a row, by eleven encoders
    python benchmarks/encoders.py FOLDER --joined 4  # four films joined of their shots: dissolves, wipes, fades

FOLDER holds videos and `labels.json`, as `panda-hf score-shots` reads it. Films are kept in the folder for temporary
files. For each film: F1 on hard cuts and on gradual transitions of PySceneDetect's two detectors and of ours, with
every frame decoded and with doubtful ones, and the CPU seconds of ours as shares of a bare decode. A busy machine
inflates these, not the F1.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import split

SECONDS = 227
JOINED_SECONDS = 220
LONGEST = 240  # frames taken of a shot, less than x264's longest group; all are held in memory, 3 GB
NO_LIGHT, FULL_LIGHT = 0.1, 0.9  # of a shot's median light: it is black, it has faded in
WAYS = ("ContentDetector", "AdaptiveDetector", "Split, every frame", "Split")


def x264(preset: str, **parameters: Any) -> tuple[str, dict[str, str]]:
    """x264's name and options; parameters of its own with ``_`` for ``-``."""
    rate = {"crf": str(parameters.pop("crf", 23))}
    told = ":".join(f"{name.replace('_', '-')}={value}" for name, value in parameters.items())
    return "libx264", {"preset": preset, **rate, **({"x264-params": told} if told else {})}


ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "x264 medium": x264("medium", crf=20),
    "x264 veryfast": x264("veryfast", crf=28),
    "x264 groups of 2 s": x264("fast", keyint=50, min_keyint=50, scenecut=0),
    "x264 groups of 5 s": x264("fast", crf=26, keyint=125, min_keyint=125, scenecut=0),
    "x264 groups to 2.4 s": x264("faster", keyint=60, min_keyint=30),
    "x264 groups to 5 s": x264("fast", crf=30, keyint=128, min_keyint=12, bframes=2),
    "x264 open groups": x264("fast", open_gop=1),
    "x264 no B-frames": ("libx264", {"preset": "veryfast", "crf": "23", "tune": "zerolatency"}),
    "x265 ultrafast": ("libx265", {"preset": "ultrafast", "crf": "28", "x265-params": "log-level=none"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "36", "b": "0"}),
    "AV1": ("libsvtav1", {"preset": "12", "crf": "40"}),
}


def encoded(folder: Path, name: str) -> Path:
    """The labelled videos in a row by one encoder."""
    kind = "webm" if name == "VP9" else "mp4"
    path = Path(f"{name.replace(' ', '_')}_{SECONDS}.{kind}")
    return kept(path, lambda out: split.write_film(out, split.footage(folder), SECONDS * split.FPS, ENCODERS[name]))


def joined(folder: Path, seed: int) -> Path:
    """A film joined of shots of the labelled videos."""
    path = Path(f"joined_{seed}.mp4")
    frames = JOINED_SECONDS * split.FPS
    return kept(path, lambda out: split.write_film(out, joins(folder, seed), frames, x264("medium", crf=24)))


def kept(name: Path, make: Callable[[Path], dict[str, list]]) -> Path:
    """The film of that name with the truth beside it, made if it is not there."""
    path = Path(tempfile.gettempdir()) / "panda_hf_benchmark" / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        partial = path.with_name(f"partial_{path.name}")
        path.with_suffix(".json").write_text(json.dumps(make(partial)))
        partial.rename(path)
    return path


def shots(folder: Path) -> list[list[np.ndarray]]:
    """The frames of all labelled shots of at least 2.5 s that hold neither gradual transitions nor what is ignored."""
    found = []
    for pictures, label in one_round(folder):
        frames = list(pictures)
        spans = [*label["gradual"], *label["ignore"]]
        edges = sorted({0, len(frames), *label["cuts"], *(edge for span in spans for edge in span)})
        for first, last in pairwise(edges):
            is_clear = not any(first < end and start < last for start, end in spans)
            if is_clear and last - first >= 2.5 * split.FPS:
                found.append(frames[first:last][:LONGEST])
    return found


def one_round(folder: Path) -> Iterator[tuple[Iterator[np.ndarray], dict[str, list]]]:
    """Each labelled video once."""
    count = len(split.read_names(folder))
    return (part for part, _ in zip(split.footage(folder), range(count), strict=False))


def joins(folder: Path, seed: int) -> Iterator[tuple[list[np.ndarray], dict[str, list]]]:
    """Shots in random order; each part ends where the next one may begin: by a cut, a dissolve, a wipe or a fade.

    Where a shot ends in black or begins there, a cut is a gradual transition with its fade, as in the labels.
    """
    rng, material = random.Random(seed), shots(folder)
    cuts = 0.85 if seed % 2 else 0.6
    part: list[np.ndarray] = []
    gradual: list[tuple[int, int]] = []
    ends = 0
    last, may_turn = -1, False  # a shot that began by a transition ends by a cut
    while True:
        last = rng.choice([number for number in range(len(material)) if number != last])
        new = material[last][: rng.randint(75, LONGEST)]
        length = rng.randint(8, 28)
        turns = may_turn and rng.random() >= cuts and len(part) >= length + 20 and len(new) >= length + 40
        begins, ended, ends = faded(new), ends, faded(new[::-1])
        if turns:
            turn = transition(part[-length:], new[:length], rng)
            start = len(part) - length
            gradual.append((start - max(0, ended - length), start + len(turn) + max(0, begins - length)))
            part = [*part[:-length], *turn, *new[length:]]
        elif part and (ended or begins):
            gradual.append((len(part) - ended, len(part) + begins))
            part = [*part, *new]
        else:
            if part:
                yield part, {"cuts": [], "gradual": gradual, "ignore": []}
            part, gradual = new, []
        may_turn = not turns


def faded(frames: list[np.ndarray]) -> int:
    """How long a shot that begins black takes to fade in; 0: it does not begin so."""
    light = np.array([frame[::8, ::8].mean() for frame in frames])
    is_there = light >= FULL_LIGHT * np.median(light)
    return int(np.argmax(is_there)) if light[0] <= NO_LIGHT * np.median(light) else 0


def transition(one: list[np.ndarray], two: list[np.ndarray], rng: random.Random) -> list[np.ndarray]:
    """A dissolve, a wipe from the left, or a fade out and in; of as many frames as either side gives, or more."""
    shares = [(i + 1) / (len(one) + 1) for i in range(len(one))]
    kind = rng.choices(("dissolve", "wipe", "fade"), (50, 25, 25))[0]
    if kind == "dissolve":
        return [(a * (1 - s) + b * s).astype(np.uint8) for a, b, s in zip(one, two, shares, strict=True)]
    if kind == "wipe":
        left = np.arange(split.WIDTH)[None, :, None] / split.WIDTH
        return [np.where(left < s, b, a) for a, b, s in zip(one, two, shares, strict=True)]
    black = [np.zeros_like(one[0])] * rng.randint(2, 12)
    out = [(a * (1 - s)).astype(np.uint8) for a, s in zip(one, shares, strict=True)]
    return [*out, *black, *((b * s).astype(np.uint8) for b, s in zip(two, shares, strict=True))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled videos")
    parser.add_argument("--joined", type=int, default=0, help="films joined of shots, in place of encodings")
    arguments = parser.parse_args()
    names = [f"joined {seed}" for seed in range(arguments.joined)] or list(ENCODERS)
    print(
        f"{'F1 hard, gradual':22}"
        + "".join(f"{way:>20}" for way in WAYS)
        + "   CPU every frame, ours, of a bare decode"
    )
    for number, name in enumerate(names):
        path = joined(arguments.folder, number) if arguments.joined else encoded(arguments.folder, name)
        bare = split.measure("bare decode", str(path))["cpu"]
        found = {way: split.measure(way, str(path)) for way in WAYS}
        told = [" ".join(split.accuracy(found[way]["found"], path).split()[:2]) for way in WAYS]
        costs = "  ".join(f"{found[way]['cpu'] / bare:.2f}" for way in WAYS[2:])
        print(f"{name:22}" + "".join(f"{one:>20}" for one in told) + f"   {costs}", flush=True)


if __name__ == "__main__":
    main()
