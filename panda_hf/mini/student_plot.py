"""A picture of the miniature's Table 4."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from panda_hf.mini.student_study import SELECTION, WITH, WITHOUT, Study

PANELS = (("f1", "f1, %"), ("good", "good captions, %"), ("vote", "preferred by annotators, %"))
_COLOURS = {WITHOUT: "#2a62b8", WITH: "#c2571a", SELECTION: "#4f8a4b"}
_OTHER = "#b9b4a8"


def plot_study(found: Study, path: Path) -> Path | None:
    """Bars for all methods, dots for single seeds; ``None`` where matplotlib is not installed.

    Args:
        found: the figures.
        path: of the PNG file.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (name, title) in zip(figure.subplots(1, len(PANELS), sharey=True), PANELS, strict=True):
        _bars(axis, found, name)
        axis.set_title(title, fontsize=10, loc="left")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    figure.savefig(unfinished, format="png", dpi=110, facecolor="white")
    unfinished.replace(path)
    return path


def _bars(axis: Any, found: Study, name: str) -> None:
    shown = [method for method in reversed(list(found.lines)) if not (name == "vote" and method == SELECTION)]
    places = {method: i for i, method in enumerate(reversed(list(found.lines)))}
    for method in shown:
        values = [100 * value for value in found.lines[method].figures[name]]
        axis.barh(places[method], sum(values) / len(values), color=_COLOURS.get(method, _OTHER))
        if len(values) > 1:
            axis.plot(values, [places[method]] * len(values), ".", color="#1f2228", markersize=4)
    axis.set_yticks(list(places.values()), list(places), fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(axis="x", color="#e4e0d7")
    axis.set_axisbelow(True)
