"""Pictures of choices: whose captions are chosen (the paper's Figure 3), and recall over the number of labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from panda_hf.selection.learning_curve import Point

_INK, _ACCENT, _LINE, _PALE = "#1f2228", "#2a62b8", "#e4e0d7", "#6d7280"
_COLOURS = ("#2a62b8", "#c2571a", "#4f8a4b", "#8a5a9e", "#b08a1e", "#4a9aa8")


def plot_rates(rates: Mapping[str, Mapping[str, float]], path: str | os.PathLike[str]) -> Path:
    """Bars of selective rates, one group per teacher and one colour per chooser.

    Args:
        rates: by chooser and teacher, from ``measures.selective_rates``; at least one. The first six are drawn, so
            that single annotators are left out before all of them together are.
        path: of the PNG file.
    """
    shown = list(rates.items())[: len(_COLOURS)]
    teachers = list(shown[0][1])
    figure = _figure((max(5.0, 1.3 * len(teachers)) + 2, 3.8))
    axis = figure.subplots()
    width = 0.8 / len(shown)
    for number, (chooser, shares) in enumerate(shown):
        places = [i + (number - (len(shown) - 1) / 2) * width for i in range(len(teachers))]
        heights = [100 * shares[teacher] for teacher in teachers]
        axis.bar(places, heights, width * 0.92, color=_COLOURS[number], label=_plain(chooser))
    axis.set_xticks(range(len(teachers)), [_plain(name) for name in teachers], rotation=25, ha="right")
    axis.set_title("share of clips whose chosen caption is this teacher's, %", fontsize=10, color=_INK, loc="left")
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return _saved(figure, axis, path)


def plot_learning_curve(points: Sequence[Point], path: str | os.PathLike[str], human: float | None = None) -> Path:
    """Recall at 1 over labels: each seed as a dot, the mean as a line, the spread over seeds as a band.

    Args:
        points: from ``learning_curve``, at least one.
        path: of the PNG file.
        human: agreement of annotators, as a line, in [0, 1].
    """
    figure = _figure((6.4, 3.8))
    axis = figure.subplots()
    labels = [point.labels for point in points]
    means = [100 * point.mean for point in points]
    spreads = [100 * (point.spread or 0.0) for point in points]
    low, high = ([m + sign * s for m, s in zip(means, spreads, strict=True)] for sign in (-1, 1))
    axis.fill_between(labels, low, high, color=_ACCENT, alpha=0.15, linewidth=0)
    axis.plot(labels, means, "-", color=_ACCENT, linewidth=2)
    for point in points:
        axis.plot([point.labels] * len(point.recalls), [100 * r for r in point.recalls], ".", color=_PALE, ms=4)
    if human is not None:
        axis.axhline(
            100 * human, color=_COLOURS[1], linestyle="--", linewidth=1.2, label="annotators among themselves"
        )
        axis.legend(fontsize=8, frameon=False)
    axis.set_xscale("symlog", base=2, linthresh=max(1, min((n for n in labels if n), default=1)))
    axis.set_xticks(labels, [f"{n:,}" for n in labels])
    axis.minorticks_off()
    axis.set_xlabel("labelled clips", fontsize=9, color=_INK)
    axis.set_title("recall at 1 on held-out clips, %", fontsize=10, color=_INK, loc="left")
    return _saved(figure, axis, path)


def plot_recalls(
    recalls: Mapping[str, Sequence[float]], path: str | os.PathLike[str], human: float, chance: float
) -> Path:
    """Recall at 1 of several models: a bar for the mean over seeds, a dot for each seed.

    Args:
        recalls: by model, one value per seed, in [0, 1].
        path: of the PNG file.
        human, chance: what an annotator and a random choice reach, as lines.
    """
    figure = _figure((1.7 * len(recalls) + 1.6, 3.8))
    axis = figure.subplots()
    for place, values in enumerate(recalls.values()):
        axis.bar(place, 100 * sum(values) / len(values), 0.6, color=_COLOURS[0], alpha=0.85)
        axis.plot([place] * len(values), [100 * value for value in values], ".", color=_INK, ms=5)
    for value, label, colour in ((human, "one annotator", _COLOURS[1]), (chance, "chance", _PALE)):
        axis.axhline(100 * value, color=colour, linestyle="--", linewidth=1.2, label=label)
    axis.set_xticks(range(len(recalls)), ["\n".join(map(_plain, wrap(name, 20))) for name in recalls])
    axis.set_title("recall at 1 against one annotator, %", fontsize=10, color=_INK, loc="left")
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return _saved(figure, axis, path)


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _saved(figure: Any, axis: Any, path: str | os.PathLike[str]) -> Path:
    axis.tick_params(labelsize=8, colors=_INK, length=0)
    axis.grid(axis="y", color=_LINE)
    axis.set_axisbelow(True)
    for spine in axis.spines.values():
        spine.set_visible(False)
    out = Path(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    figure.savefig(unfinished, format="png", dpi=144, facecolor="white")
    os.replace(unfinished, out)
    return out


def _plain(text: str) -> str:
    """Words that matplotlib takes as they are: names are untrusted, and a dollar sign would begin a formula."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    short = printable if len(printable) <= 32 else printable[:31] + "…"
    return short.replace("$", r"\$")
