"""Geometry of the report's drawings: the timeline of a video and the histogram of the scores. Numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from panda_hf.publishing import wording
from panda_hf.publishing.tally import NO_REASON
from panda_hf.stage import Row

TIMELINE_STEPS = 800
"""A timeline is at most this fine: shorter neighbours of one kind are drawn as one bar."""
NICE_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


@dataclass(frozen=True)
class Bar:
    """A bar of a timeline: position and width in per cent of the video, and what a reader is told about it."""

    x: float
    width: float
    tip: str
    kind: str = ""
    """For a dropped part its reason."""
    target: str = ""
    """For a clip the id of its place on the page; empty when it is not shown there."""


@dataclass(frozen=True)
class Tick:
    """A mark on the time axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """What is drawn for one video."""

    shots: list[Bar]
    clips: list[Bar]
    dropped: list[Bar]
    ticks: list[Tick]


@dataclass(frozen=True)
class Column:
    """A column of a histogram: ``height`` in per cent of the tallest, ``count`` values in ``[low, high)``."""

    x: float
    width: float
    height: float
    count: int
    low: float
    high: float


def timeline(video: Row, clips: Sequence[Row], targets: dict[str, str]) -> Timeline:
    """Lay out shots, clips and dropped parts of a video along its duration.

    Args:
        video: a row of the ``videos`` configuration.
        clips: its clip rows.
        targets: ``clip_id`` to the id of the clip's place on the page.
    """
    shots, dropped = video.get("shots") or [], video.get("dropped") or []
    whole = max([video.get("duration") or 0.0, *(s["end"] for s in [*shots, *dropped, *clips])])
    if whole <= 0:
        return Timeline([], [], [], [])
    left_out = [(part, part["reason"] or NO_REASON) for part in dropped]
    return Timeline(
        shots=_merged([_bar(s, whole, f"shot {i + 1}") for i, s in enumerate(shots)], "shots"),
        clips=_merged(
            [_bar(c, whole, f"clip {index_of(c)}", target=targets.get(c["clip_id"], "")) for c in clips], "clips"
        ),
        dropped=_merged([_bar(p, whole, f"left out, {wording.reason(r)}", kind=r) for p, r in left_out], "parts"),
        ticks=ticks(whole),
    )


def index_of(clip: Row) -> str:
    """The clip's number in its video: what follows the last dot of ``clip_id``."""
    return wording.clean(clip["clip_id"].rpartition(".")[2], 12)


def ticks(whole: float, most: int = 6) -> list[Tick]:
    """Marks at round times, at most ``most`` of them, the first at zero."""
    step = next((s for s in NICE_SECONDS if whole / s <= most - 1), 3600 * math.ceil(whole / 3600 / (most - 1)))
    times = [step * i for i in range(int(whole / step) + 1)]
    return [Tick(_percent(t, whole), wording.clock(t)[:-2]) for t in times if t <= 0.94 * whole]


def histogram(values: Sequence[float], most: int = 24) -> list[Column]:
    """Columns of equal, round width over all values; empty without values.

    The number of columns grows with the root of the number of values, up to ``most``.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    wanted = max(1, min(most, math.ceil(2 * math.sqrt(len(values)))))
    step = nice_step((high - low) / wanted or max(abs(high), 1.0) / 20)
    first = math.floor(low / step)
    counts = [0] * (math.floor(high / step) - first + 1)
    for value in values:
        counts[math.floor(value / step) - first] += 1
    width, tallest = 100 / len(counts), max(counts)
    return [
        Column(i * width, width, 100 * count / tallest, count, (first + i) * step, (first + i + 1) * step)
        for i, count in enumerate(counts)
    ]


def nice_step(at_least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``at_least`` (> 0)."""
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least * (1 - 1e-9))


def _bar(span: Row, whole: float, name: str, *, kind: str = "", target: str = "") -> Bar:
    start, end = span["start"], span["end"]
    tip = f"{name}, {wording.clock(start)} to {wording.clock(end)} ({wording.length(end - start)})"
    return Bar(_percent(start, whole), _percent(end - start, whole), tip, kind, target)


def _merged(bars: list[Bar], noun: str) -> list[Bar]:
    """The bars, those of one kind that are too close to draw apart as one; bars with a target stay."""
    out: list[Bar] = []
    last: dict[str, tuple[int, int]] = {}  # kind -> place of its last bar in out, bars it stands for
    for bar in bars:
        place, held = last.get(bar.kind, (-1, 0))
        if held and not bar.target and not out[place].target:
            width = bar.x + bar.width - out[place].x
            if 0 <= width < 100 / TIMELINE_STEPS:
                out[place] = Bar(out[place].x, width, f"{held + 1} {noun} too short to draw apart", bar.kind)
                last[bar.kind] = (place, held + 1)
                continue
        last[bar.kind] = (len(out), 1)
        out.append(bar)
    return out


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 3)
