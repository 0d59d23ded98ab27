"""How many jump cuts are found: within one scene, from a view to a nearer one, maybe a little later.

    python benchmarks/jump_cuts.py FOLDER [--films 24] [--first 0]

FOLDER holds videos and `labels.json`, as `panda-hf score-shots` reads it. Each film is one of their shots, forth and
back, seen whole and from 1.05 to 1.3 times as near in turns, so that an encoder hardly puts key frames on the cuts;
x264 as it comes, and in every third film with `scenecut` 20, as for a quick encoding. Films are kept in the folder for
temporary files. Printed are cuts found and false alarms of PySceneDetect's detectors, and of ours with every frame
decoded and with doubtful ones.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import encoders
import numpy as np
import split

SECONDS = 30
LEAST = 60  # frames of the shot that a film is made of
SHORTEST, LONGEST = 50, 110  # frames of a view
NEAREST = 1.3
LEFT_OUT = 12, 50  # frames between two views, in one of three cuts


def film(folder: Path, number: int) -> Path:
    """The film of that number, with its truth beside it."""
    rng = random.Random(number)
    told = {"scenecut": 20} if number % 3 == 1 else {}
    encoder = encoders.x264(rng.choice(["veryfast", "medium"]), crf=rng.randint(20, 28), **told)
    path = Path(f"jump_cuts_{number}.mp4")
    return encoders.kept(path, lambda out: split.write_film(out, views(folder, rng), SECONDS * split.FPS, encoder))


@cache
def material(folder: Path) -> list[list[np.ndarray]]:
    """The shots films are made of, without fades in and out of black, in which ways differ where a shot ends."""
    lit = (shot[encoders.faded(shot) : len(shot) - encoders.faded(shot[::-1])] for shot in encoders.shots(folder))
    return [shot for shot in lit if len(shot) >= LEAST]


def views(folder: Path, rng: random.Random) -> Iterator[tuple[list[np.ndarray], dict[str, list]]]:
    """Views of one shot, each in frames of its own."""
    shot = rng.choice(material(folder))
    take = [*shot, *shot[::-1]]
    at, is_near = 0, False
    while True:
        count = rng.randint(SHORTEST, LONGEST)
        times = rng.uniform(1.05, NEAREST) if is_near else 1.0
        x, y = rng.random(), rng.random()
        frames = [nearer(take[(at + i) % len(take)], times, x, y) for i in range(count)]
        yield frames, {"cuts": [], "gradual": [], "ignore": []}
        at += count + (rng.randint(*LEFT_OUT) if rng.random() < 1 / 3 else 0)
        is_near = not is_near


def nearer(picture: np.ndarray, times: float, x: float, y: float) -> np.ndarray:
    """A part of a picture as big as all of it; ``x`` and ``y``: where it lies, 0 to 1."""
    width, height = round(split.WIDTH / times), round(split.HEIGHT / times)
    left, top = round(x * (split.WIDTH - width)), round(y * (split.HEIGHT - height))
    part = picture[top : top + height, left : left + width]
    return cv2.resize(part, (split.WIDTH, split.HEIGHT), interpolation=cv2.INTER_CUBIC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled videos")
    parser.add_argument("--films", type=int, default=24, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first; each has another shot and cuts")
    arguments = parser.parse_args()
    sums: dict[str, Counter] = {way: Counter() for way in encoders.WAYS}
    for number in range(arguments.first, arguments.first + arguments.films):
        path = film(arguments.folder, number)
        for way in encoders.WAYS:
            found = split.score(split.measure(way, str(path))["found"], path)
            sums[way].update(found=found.cuts_found, cuts=found.cuts, false=found.false_alarms)
    for way, total in sums.items():
        f1 = 2 * total["found"] / (total["cuts"] + total["found"] + total["false"])
        print(f"{way:20} {total['found']}/{total['cuts']} found, {total['false']} false alarms, F1 {f1:.3f}")


if __name__ == "__main__":
    main()
