"""How well found shot boundaries agree with hand-labelled ones. Pure: times in, counts out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

TOLERANCE_SECONDS = 0.2

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Truth:
    """The labelled boundaries of one video, in seconds.

    ``cuts``: first frame after each hard cut. ``gradual``: from the first to the last frame of each gradual
    transition. ``ignore``: stretches where a found boundary counts neither way.
    """

    cuts: tuple[float, ...] = ()
    gradual: tuple[Span, ...] = ()
    ignore: tuple[Span, ...] = ()


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Counts for one video, or their sum over many."""

    cuts: int = 0
    cuts_found: int = 0
    gradual: int = 0
    gradual_found: int = 0
    false_alarms: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    @property
    def f1_cuts(self) -> float | None:
        """F1 on hard cuts, every false alarm counted; ``None`` where there is neither a cut nor a false alarm."""
        return _f1(self.cuts_found, self.cuts, self.false_alarms)

    @property
    def f1(self) -> float | None:
        """F1 on hard cuts and gradual transitions together."""
        return _f1(self.cuts_found + self.gradual_found, self.cuts + self.gradual, self.false_alarms)

    @property
    def recall_gradual(self) -> float | None:
        """Share of the gradual transitions found."""
        return self.gradual_found / self.gradual if self.gradual else None

    @property
    def f1_gradual(self) -> float | None:
        """F1 on gradual transitions. A false alarm cannot be told to be of one kind: every one is counted."""
        return _f1(self.gradual_found, self.gradual, self.false_alarms)


def score_boundaries(found: Sequence[float], truth: Truth, tolerance: float = TOLERANCE_SECONDS) -> Agreement:
    """Match found boundaries to labelled ones.

    A hard cut is found when a boundary lies within ``tolerance`` seconds of it; each cut and each boundary is used
    once, nearest pairs first. A gradual transition is found when a boundary lies inside it, give or take
    ``tolerance``; more boundaries inside it are no false alarms, nor are those in an ignored stretch.
    """
    rest = set(range(len(found)))
    pairs = sorted((abs(found[i] - cut), k, i) for k, cut in enumerate(truth.cuts) for i in rest)
    cuts_found: set[int] = set()
    for error, k, i in pairs:
        if error <= tolerance + 1e-6 and k not in cuts_found and i in rest:
            cuts_found.add(k)
            rest.discard(i)
    hits = [span for span in truth.gradual if any(_inside(found[i], span, tolerance) for i in rest)]
    excused = [*truth.gradual, *truth.ignore]
    false_alarms = [i for i in rest if not any(_inside(found[i], span, tolerance) for span in excused)]
    return Agreement(len(truth.cuts), len(cuts_found), len(truth.gradual), len(hits), len(false_alarms))


def read_labels(path: str | Path) -> dict[str, dict]:
    """The labels of a file such as ``labels.json``: by video name, times in frames at ``fps``.

    A video with several streams has one entry per stream; see :func:`truth_of`.
    """
    return json.loads(Path(path).read_text(encoding="utf-8"))["videos"]


def label_of_stream(label: dict, width: int, height: int) -> dict:
    """The label itself or, for a video with several streams, the entry of the stream of that size."""
    if "fps" in label:
        return label
    return next(entry for name, entry in label.items() if f"_{width}x{height}_" in name)


def truth_of(label: dict, times: Sequence[float]) -> Truth:
    """Labelled frame numbers as seconds; ``times`` are the presentation times of the video's frames."""

    def span(first: int, last: int) -> Span:
        return times[first], times[min(last, len(times) - 1)]

    return Truth(
        cuts=tuple(times[cut] for cut in label["cuts"]),
        gradual=tuple(span(g["start"], g["end"]) for g in label["gradual"]),
        ignore=tuple(span(first, last) for first, last in label["ignore"]),
    )


def _inside(time: float, span: Span, tolerance: float) -> bool:
    return span[0] - tolerance - 1e-6 <= time <= span[1] + tolerance + 1e-6


def _f1(found: int, labelled: int, false_alarms: int) -> float | None:
    total = found + labelled + false_alarms
    return 2 * found / total if total else None
