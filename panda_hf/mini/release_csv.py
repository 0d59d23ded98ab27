"""CSV files of the shape of the release, made up: any number of videos, the same for the same seed."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from panda_hf.release.source import COLUMNS, LATE_COLUMNS

CHUNK = 2_000
"""Videos made from one stream of random numbers."""
MEAN_CLIPS = 18.7
"""Clips a video in the full release (paper, section 3)."""
LONG = 2_000
"""One video in so many has about a hundred times as many clips: its cells exceed the field limit of Python's csv."""

_LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
_LABELS = (
    "desirable", "0_low_desirable_score", "1_still_foreground_image", "2_tiny_camera_movement", "3_screen_in_screen",
    "4_computer_screen_recording",
)  # fmt: skip
_LABEL_SHARES = (0.8054, 0.0528, 0.0682, 0.012, 0.0503, 0.0113)
_SLOTS = tuple(
    tuple(words.split("|"))
    for words in (
        "A|The|One|Another|A young|An old|A tall|A smiling",
        " man| woman| person| chef| child| player| speaker| farmer| dancer| teacher| mechanic| reporter",
        " wearing a| in a| with a",
        " blue| red| black| white| green| striped| grey| yellow| brown| pink",
        " shirt| jacket| hat| dress| coat| apron| suit| sweater",
        " is talking to| is standing next to| is walking towards| is pointing at| is sitting behind| is looking at",
        " the camera| a table| a whiteboard| a bicycle| a window| a microphone| a car engine| a cutting board| a dog",
        " in a kitchen| on a stage| in a studio| on a beach| in front of a wall| in a garage| at night| outdoors||",
        "| and appears to be explaining something|, while other people are watching| with text on the screen",
    )
)
_CAPTIONS = 20_000
"""Different captions in a chunk, more or less."""
_ODD = (
    *["He is wearing a chef's hat", "It is someone's kitchen", 'with the words "watch this video" on it'] * 10,
    *["a café in São Paulo", "パンダが歩いている"] * 2,
    "the sign says 'open' and \"closed\"",
    "a path C:\\temp on a screen",
)
_ODD_SHARE = 0.04
"""Of 900 real captions 23 hold an apostrophe; one in some thousand needs a backslash."""


def write_release_csv(
    path: str | os.PathLike[str],
    videos: int,
    *,
    seed: int = 0,
    late_columns: bool = False,
    mean_clips: float = MEAN_CLIPS,
    workers: int = 1,
) -> Path:
    """Write a CSV file of ``videos`` rows; in a zip archive where ``path`` ends with ``.zip``.

    Captions are made of phrases; one in fifty holds an apostrophe, quotes, a backslash or other scripts. Scores are
    half-precision numbers, clips ascend and do not overlap, ids are all different and may begin with a dash.

    Args:
        path: the file to write.
        videos: how many rows.
        seed: another seed, other rows.
        late_columns: with the two columns of October 2024.
        mean_clips: clips a video.
        workers: processes.
    """
    jobs = [(seed, first, min(CHUNK, videos - first), late_columns, mean_clips) for first in range(0, videos, CHUNK)]
    header = ",".join((*COLUMNS, *LATE_COLUMNS) if late_columns else COLUMNS) + "\n"
    with ExitStack() as stack:
        file = _opened(Path(path), stack)
        file.write(header.encode())
        for text in _made(jobs, workers, stack):
            file.write(text)
    return Path(path)


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    if path.suffix != ".zip":
        return cast(BinaryIO, stack.enter_context(open(path, "wb")))
    archive = stack.enter_context(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1))
    return cast(BinaryIO, stack.enter_context(archive.open(path.stem + ".csv", "w", force_zip64=True)))


def _made(jobs: list[tuple[int, int, int, bool, float]], workers: int, stack: ExitStack) -> Iterator[bytes]:
    if workers <= 1 or len(jobs) <= 1:
        return map(_chunk, jobs)
    pool = stack.enter_context(get_context("spawn").Pool(min(workers, len(jobs))))
    return pool.imap(_chunk, jobs)


def _chunk(job: tuple[int, int, int, bool, float]) -> bytes:
    """The rows of some videos as CSV text."""
    seed, first, count, late, mean = job
    rng = np.random.default_rng([seed, first])
    captions = _phrases(rng)
    scores = [repr(float(score)) for score in np.linspace(0.2, 0.55, 1000, dtype=np.float16)]
    clips = 1 + rng.poisson(mean - 1, count)
    long = rng.random(count) < 1 / LONG
    clips[long] = clips[long] * 100
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number in range(count):
        video_id = _video_id(rng, first + number)
        writer.writerow(
            [
                video_id,
                f"https://www.youtube.com/watch?v={video_id}",
                *_cells(rng, int(clips[number]), captions, scores, late),
            ]
        )
    return buffer.getvalue().encode()


def _cells(rng: np.random.Generator, clips: int, captions: list[str], scores: list[str], late: bool) -> list[str]:
    edges = np.cumsum(rng.integers(2_000, 20_000, 2 * clips)).tolist()
    starts, ends = edges[0::2], edges[1::2]
    said = [captions[i] for i in rng.integers(0, len(captions), clips).tolist()]
    cells = [
        "[" + ", ".join(f"['{_clock(s)}', '{_clock(e)}']" for s, e in zip(starts, ends, strict=True)) + "]",
        "[" + ", ".join(said) + "]",
        "[" + ", ".join([scores[i] for i in rng.integers(0, len(scores), clips).tolist()]) + "]",
    ]
    if late:
        labels = rng.choice(len(_LABELS), clips, p=np.array(_LABEL_SHARES) / sum(_LABEL_SHARES)).tolist()
        several = (rng.random(clips) < 0.2).tolist()
        shots = [_shots(e - s, two) for s, e, two in zip(starts, ends, several, strict=True)]
        cells += ["[" + ", ".join(repr(_LABELS[i]) for i in labels) + "]", "[" + ", ".join(shots) + "]"]
    return cells


def _shots(length: int, two: bool) -> str:
    if not two:
        return f"[['{_clock(0)}', '{_clock(length)}']]"
    return f"[['{_clock(0)}', '{_clock(length // 2)}'], ['{_clock(length // 2 + 34)}', '{_clock(length)}']]"


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}.{thousandths:03d}"


def _phrases(rng: np.random.Generator) -> list[str]:
    """Captions as ``repr`` writes them."""
    picks = [rng.integers(0, len(words), _CAPTIONS).tolist() for words in _SLOTS]
    plain = [
        "".join([words[i] for words, i in zip(_SLOTS, chosen, strict=True)]) for chosen in zip(*picks, strict=True)
    ]
    odd = (rng.random(_CAPTIONS) < _ODD_SHARE).tolist()
    which = rng.integers(0, len(_ODD), _CAPTIONS).tolist()
    return [repr(f"{said}. {_ODD[w]}." if o else f"{said}.") for said, o, w in zip(plain, odd, which, strict=True)]


def _video_id(rng: np.random.Generator, number: int) -> str:
    """Eleven characters; the number in five of them makes all different."""
    digits = []
    for _ in range(5):
        number, digit = divmod(number, 64)
        digits.append(digit)
    return "".join(_LETTERS[[*rng.integers(0, 64, 6), *digits]].tolist())
