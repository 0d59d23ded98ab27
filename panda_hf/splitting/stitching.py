"""From shots to clips: forced cuts, probes, stitching and filters. Pure NumPy: no video, no model.

Positions are integer *ticks*; ``rate`` ticks make a second. For video of constant frame rate a tick is a frame, as in
the official code; for variable frame rate it is a microsecond, so that every length rule means true seconds.
Every stretch is half-open, ``[start, end)``. Source of all rules: ``splitting/event_stitching.py`` and
``splitting/cutscene_detect.py`` of the official repository, appendix A of the paper.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.settings import SplitSettings

Features = npt.NDArray[np.floating]
Stretch = tuple[int, int]
Reason = Literal[
    "black",  # black frames between shots
    "unreadable",  # a probe frame could not be read
    "transition",  # a gradual transition; or the two probe frames of a piece differ too much
    "too_short",
    "still",  # first and last probe of the event are alike
    "redundant",  # an earlier event shows the same
    "over_length",  # what follows the longest length
    "trimmed",  # the ends of a clip
]


@dataclasses.dataclass(frozen=True)
class Dropped:
    """A stretch that became no clip, and why."""

    start: int
    end: int
    reason: Reason


@dataclasses.dataclass(frozen=True)
class Stitched:
    """What became of the pieces: clips and drops together cover each piece exactly once, in order of time."""

    clips: tuple[Stretch, ...]
    dropped: tuple[Dropped, ...]


@dataclasses.dataclass(frozen=True)
class Event:
    """Neighbouring pieces that show one thing. ``features``: float [2 * pieces, d], A and B probe of each piece."""

    start: int
    end: int
    features: Features


def forced_cut_ticks(rate: float, settings: SplitSettings) -> int:
    """Length in ticks of the pieces that an uncut shot is cut into; at least 1, for video slower than that."""
    return max(1, int(settings.forced_cut_seconds * rate))


def must_be_cut(length: int, rate: float, settings: SplitSettings) -> bool:
    """Whether so many ticks without a cut get a forced one."""
    limit = (settings.forced_cut_seconds + settings.forced_cut_slack_seconds) * rate
    return length > limit and length > forced_cut_ticks(rate, settings)


def forced_cuts(start: int, end: int, rate: float, settings: SplitSettings) -> list[Stretch]:
    """The pieces of one shot: of ``forced_cut_seconds`` each while what remains is long enough, then the rest."""
    pieces = []
    while must_be_cut(end - start, rate, settings):
        cut = start + forced_cut_ticks(rate, settings)
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)] if end > start else pieces


def probe_ticks(piece: Stretch, fraction: float) -> Stretch:
    """The ticks of a piece's two probe frames, A near its start and B near its end."""
    start, end = piece
    first = int((1 - fraction) * start + fraction * (end - 1))
    last = int(fraction * start + (1 - fraction) * (end - 1))
    return max(first, start), max(last, start)  # rounding may put the probe of a piece of one tick before it


def stitch(
    pieces: Sequence[Stretch],
    features: Features,
    rate: float,
    settings: SplitSettings,
    readable: Sequence[bool] | None = None,
) -> Stitched:
    """Verify pieces, join neighbours that look alike, drop what is no good, cap and trim the rest.

    Args:
        pieces: in order of time, without overlap.
        features: unit vectors [2 * len(pieces), d]: probes A and B of the first piece, of the second, and so on.
        rate: ticks per second.
        settings: the rules.
        readable: for each probe whether its frame could be read; ``None``: all were.

    Raises:
        ValueError: when the number of features does not fit the number of pieces.
    """
    if len(features) != 2 * len(pieces):
        raise ValueError(f"{len(pieces)} pieces need {2 * len(pieces)} probe features, got {len(features)}")
    status = np.ones(2 * len(pieces), bool) if readable is None else np.asarray(readable, bool)
    kept, dropped = _verify(pieces, features, status, settings)
    clips: list[Stretch] = []
    for event in _filter(_join(pieces, kept, features, settings), rate, settings, dropped):
        clips += _cap_and_trim(event, rate, settings, dropped)
    return Stitched(tuple(clips), tuple(sorted(dropped, key=lambda drop: (drop.start, drop.end))))


def distance(a: Features, b: Features) -> float:
    """Euclidean distance of two features."""
    return float(np.linalg.norm(a - b))


def _verify(
    pieces: Sequence[Stretch], features: Features, readable: npt.NDArray[np.bool_], settings: SplitSettings
) -> tuple[list[int], list[Dropped]]:
    """Indices of the pieces whose probes were read and are alike, and the other pieces."""
    kept, dropped = [], []
    for i, piece in enumerate(pieces):
        if not readable[2 * i : 2 * i + 2].all():
            dropped.append(Dropped(*piece, "unreadable"))
        elif distance(features[2 * i], features[2 * i + 1]) > settings.max_transition_distance:
            dropped.append(Dropped(*piece, "transition"))
        else:
            kept.append(i)
    return kept, dropped


def _join(pieces: Sequence[Stretch], kept: Sequence[int], features: Features, settings: SplitSettings) -> list[Event]:
    """Neighbours become one event where one begins exactly where the other ends and the probes there are alike."""
    groups: list[list[int]] = []
    for i in kept:
        last = groups[-1][-1] if groups else i
        adjacent = pieces[last][1] == pieces[i][0]
        if adjacent and distance(features[2 * last + 1], features[2 * i]) <= settings.max_stitch_distance:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [_event(pieces, group, features) for group in groups]


def _event(pieces: Sequence[Stretch], group: Sequence[int], features: Features) -> Event:
    rows = [row for i in group for row in (2 * i, 2 * i + 1)]
    return Event(pieces[group[0]][0], pieces[group[-1]][1], features[rows])


def _filter(events: Sequence[Event], rate: float, settings: SplitSettings, dropped: list[Dropped]) -> list[Event]:
    """The events that are long enough, move, and show something new; the others are added to ``dropped``."""
    kept: list[Event] = []
    means: list[Features] = []
    for event in events:
        mean = event.features.mean(axis=0)
        reason = _why_not(event, mean, means, rate, settings)
        if reason:
            dropped.append(Dropped(event.start, event.end, reason))
        else:
            kept.append(event)
            means.append(mean)
    return kept


def _why_not(
    event: Event, mean: Features, earlier: Sequence[Features], rate: float, settings: SplitSettings
) -> Reason | None:
    if event.end - event.start < settings.min_seconds * rate:
        return "too_short"
    if distance(event.features[0], event.features[-1]) < settings.still_distance:
        return "still"
    if any(distance(mean, other) < settings.redundancy_distance for other in earlier):
        return "redundant"
    return None


def _cap_and_trim(event: Event, rate: float, settings: SplitSettings, dropped: list[Dropped]) -> list[Stretch]:
    """The clip of an event, if trimming leaves one; what is cut off is added to ``dropped``."""
    end = min(event.end, event.start + int(settings.max_seconds * rate))
    trim = int(settings.trim_fraction * (end - event.start))
    clip = (event.start + trim, end - trim)
    cut_off: list[tuple[int, int, Reason]] = [
        (event.start, clip[0], "trimmed"),
        (clip[1], end, "trimmed"),
        (end, event.end, "over_length"),
    ]
    dropped.extend(Dropped(*part) for part in cut_off if part[1] > part[0])
    return [clip] if clip[1] > clip[0] else []
