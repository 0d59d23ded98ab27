"""Thresholds for a frame embedder from hand-labelled videos: how far apart are frames that belong together?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.embedders import DESCRIPTOR, load_embedder
from panda_hf.splitting.scores import is_full_range
from panda_hf.splitting.scoring import label_of_stream
from panda_hf.splitting.settings import DEFAULT, PANDA70M, SplitSettings
from panda_hf.splitting.shots import is_black, small_step
from panda_hf.splitting.stitching import Stretch, distance, forced_cuts, probe_ticks
from panda_hf.video import Frame, FrameReader, VideoLike

Image = npt.NDArray[np.uint8]
Features = npt.NDArray[np.floating]

NOISE = 1.0
"""Standard deviation, in levels of 255, of the noise between two pictures of the same still scene; encoders leave
little of what a camera adds."""

SHORTEST_SECONDS = 1.0
"""Pieces shorter than this say little about movement."""

STILL_SHARE = 0.95
"""So many still scenes are recognised; the noisiest pass rather than that slow footage is lost."""

MENDED_SHARE = 0.95
"""So many forced cuts are mended; that a few true cuts between alike shots go with them is what stitching is for."""

SPARE_ABOVE = 1.1
"""The transition check lets pass what changes a tenth more than any labelled shot: footage is kept, not lost."""

REPEATED_SHARE = 0.1
"""So few pairs of pieces of one long take may count as repetitions: the place is the same, what happens is not."""


@dataclasses.dataclass
class Distances:
    """Distances between frames of labelled videos, by what the two frames have to do with each other."""

    still: list[float] = dataclasses.field(default_factory=list)
    """One frame twice, with the noise of a camera."""
    within: list[float] = dataclasses.field(default_factory=list)
    """The two probes of a piece that holds no transition."""
    forced: list[float] = dataclasses.field(default_factory=list)
    """On both sides of a forced cut inside a shot."""
    cut: list[float] = dataclasses.field(default_factory=list)
    """On both sides of a true cut or gradual transition."""
    hidden: list[float] = dataclasses.field(default_factory=list)
    """First probe before and last probe after a true transition: a piece whose transition went unnoticed."""
    repeated: list[float] = dataclasses.field(default_factory=list)
    """Mean features of a piece and of the same piece cropped by a fiftieth and noisy."""
    same_shot: list[float] = dataclasses.field(default_factory=list)
    """Mean features of two pieces of one shot."""
    other_shot: list[float] = dataclasses.field(default_factory=list)
    """Mean features of two different shots of one video."""

    def __add__(self, other: Distances) -> Distances:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Distances(*(one + two for one, two in pairs))


class Threshold(NamedTuple):
    """A threshold and how well it separates: the shares of the near and of the far distances on the right side."""

    field: str
    value: float
    near: str
    near_right: float
    far: str
    far_right: float


def thresholds(distances: Distances) -> list[Threshold]:
    """The thresholds of :class:`SplitSettings` that fit these distances."""
    found = {
        "still_distance": ("still", "within", float(np.quantile(distances.still, STILL_SHARE))),
        "max_stitch_distance": ("forced", "cut", float(np.quantile(distances.forced, MENDED_SHARE))),
        "max_transition_distance": ("within", "hidden", SPARE_ABOVE * max(distances.within)),
        "redundancy_distance": ("repeated", "same_shot", float(np.quantile(distances.same_shot, REPEATED_SHARE))),
    }
    return [_threshold(field, near, far, value, distances) for field, (near, far, value) in found.items()]


def measure(video: VideoLike, label: dict[str, Any], embedder: str = DESCRIPTOR, seed: int = 0) -> Distances:
    """The distances in one labelled video.

    Args:
        video: what was labelled.
        label: its entry of the labels file: ``n_frames``, ``fps``, ``cuts``, ``gradual``, ``ignore``.
        embedder: ``descriptor`` or a vision model.
        seed: of the noise.
    """
    look = _look(embedder)
    with FrameReader(video, threads=1) as reader:
        label = label_of_stream(label, reader.info.width, reader.info.height)
        shots = [_pieces(shot, label["fps"], PANDA70M) for shot in clean_shots(label)]
        wanted = {frame for pieces in shots for piece in pieces for frame in _probes(piece)}
        images = {frame.index: look.image(frame) for frame in reader if frame.index in wanted and not _black(frame)}
    features = dict(zip(images, look.embed(list(images.values())), strict=True)) if images else {}
    shots = [[piece for piece in pieces if features.keys() >= set(_probes(piece))] for pieces in shots]
    rng = np.random.default_rng(seed)
    distances = _distances(shots, features, label)
    for pieces in filter(None, shots):
        first, last = (images[probe] for probe in _probes(pieces[0]))
        distances.still.append(distance(*look.embed([_noisy(first, rng), _noisy(first, rng)])))
        again = look.embed([_copied(first, rng), _copied(last, rng)])
        distances.repeated.append(distance(again.mean(axis=0), _mean(features, pieces[0])))
    return distances


def clean_shots(label: dict[str, Any]) -> list[Stretch]:
    """The labelled shots, in frames, without gradual transitions and ignored stretches."""
    edges = [(0, 0), *((cut, cut) for cut in label["cuts"])]
    edges += [(g["start"], g["end"] + 1) for g in label["gradual"]]
    edges += [(first, last + 1) for first, last in label["ignore"]]
    edges = [*sorted(edges), (label["n_frames"], label["n_frames"])]
    return [(before[1], after[0]) for before, after in pairwise(edges)]


class _Look(NamedTuple):
    """How an embedder sees: what it keeps of a frame, and what it makes of kept frames."""

    image: Callable[[Frame], Image]
    embed: Callable[[list[Image]], Features]


def _look(embedder: str) -> _Look:
    if embedder == DESCRIPTOR:
        return _Look(
            lambda frame: frame.yuv(small_step(frame.picture.width, frame.picture.height)),
            lambda images: np.stack([describe(image) for image in images]),
        )
    model = load_embedder(embedder)
    return _Look(
        lambda frame: frame.rgb((224, 224)),
        lambda images: np.concatenate([model(np.stack(images[i : i + 16])) for i in range(0, len(images), 16)]),
    )


def _pieces(shot: Stretch, fps: float, settings: SplitSettings) -> list[Stretch]:
    pieces = forced_cuts(*shot, fps, settings)
    return [piece for piece in pieces if piece[1] - piece[0] >= SHORTEST_SECONDS * fps]


def _probes(piece: Stretch) -> Stretch:
    return probe_ticks(piece, PANDA70M.probe_fraction)


def _black(frame: Frame) -> bool:
    """Whether the default rules take the frame out of its shot before anything is compared."""
    step = small_step(frame.picture.width, frame.picture.height)
    full_range = is_full_range(frame.picture.format.name)
    return DEFAULT.black_luma is not None and is_black(frame.yuv(step), DEFAULT.black_luma, full_range)


def _noisy(image: Image, rng: np.random.Generator) -> Image:
    return np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8)


def _copied(image: Image, rng: np.random.Generator) -> Image:
    """The image as another copy of the video may show it: cropped by a fiftieth at each side, and noisy."""
    rows, columns = (max(1, size // 50) for size in image.shape[:2])
    return _noisy(image, rng)[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def _mean(features: dict[int, Features], piece: Stretch) -> Features:
    return np.mean([features[probe] for probe in _probes(piece)], axis=0)


def _distances(
    shots: list[list[Stretch]],
    features: dict[int, Features],
    label: dict[str, Any],
) -> Distances:
    def apart(a: int, b: int) -> float:
        return distance(features[a], features[b])

    probes = [[_probes(piece) for piece in pieces] for pieces in shots]
    neighbours = [(a, b) for a, b in _neighbours(shots, label)]
    means = [[_mean(features, piece) for piece in pieces] for pieces in shots]
    return Distances(
        within=[apart(*pair) for pairs in probes for pair in pairs],
        forced=[apart(one[1], two[0]) for pairs in probes for one, two in pairwise(pairs)],
        cut=[apart(probes[a][-1][1], probes[b][0][0]) for a, b in neighbours],
        hidden=[apart(probes[a][-1][0], probes[b][0][1]) for a, b in neighbours],
        same_shot=[distance(*pair) for of_shot in means for pair in combinations(of_shot, 2)],
        other_shot=[
            distance(np.mean(one, axis=0), np.mean(two, axis=0)) for one, two in combinations(filter(None, means), 2)
        ],
    )


def _neighbours(shots: list[list[Stretch]], label: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Indices of consecutive shots with a labelled boundary, not merely an ignored stretch, between them."""
    boundaries = [*label["cuts"], *(g["start"] for g in label["gradual"])]
    for i, j in pairwise(range(len(shots))):
        if shots[i] and shots[j] and any(shots[i][-1][1] <= b <= shots[j][0][0] for b in boundaries):
            yield i, j


def _threshold(field: str, near: str, far: str, value: float, distances: Distances) -> Threshold:
    near_right = float(np.mean(np.less_equal(getattr(distances, near), value)))
    far_right = float(np.mean(np.greater(getattr(distances, far), value)))
    return Threshold(field, value, near, near_right, far, far_right)
