"""Curves of a training: what ``Trainer`` logs, as a table and as a picture, written while it runs."""

from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

COMMON = ("step", "epoch", "loss", "learning_rate", "grad_norm")
COLUMNS = (*COMMON, "eval_loss", "eval_picked", "eval_recall_at_1")
"""Of a selector's table."""
TABLE, PLOT = "curves.csv", "curves.png"

Panel = tuple[str, Sequence[str]]
"""A part of the picture: its title, and the figures in it that are not always measured."""
PICKED: Panel = ("held out: picked as people do", ["eval_picked"])
FOUND: Panel = ("held out: own caption first among all", ["eval_recall_at_1"])
LOSSES: tuple[Panel, ...] = (("training loss", ["loss"]), ("held-out loss", ["eval_loss"]))
_COLORS = ("#2a62b8", "#c8662a", "#3b8a4d", "#7b4fa3")


class CurveWriter(TrainerCallback):
    """Write ``curves.csv`` at every measurement and ``curves.png`` at the end, from the main process only.

    The table is made from the state that ``Trainer`` saves and resumes, so an interrupted run leaves no gap.
    """

    def __init__(
        self, folder: Path, panels: Sequence[Panel] = (*LOSSES, PICKED), columns: Sequence[str] = COLUMNS
    ) -> None:
        """Take the folder, the parts of the picture, and the columns of the table."""
        self.folder, self.panels, self.columns = folder, panels, columns

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the table."""
        if state.is_world_process_zero:
            write_curves(state.log_history, self.folder, self.columns)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write table and picture."""
        if state.is_world_process_zero:
            write_curves(state.log_history, self.folder, self.columns)
            plot_curves(state.log_history, self.folder, self.panels)


def write_curves(history: Sequence[Mapping[str, Any]], folder: Path, columns: Sequence[str] = COLUMNS) -> Path:
    """Write one line per step that was logged, empty where a figure was not measured there."""
    by_step: dict[int, dict[str, Any]] = {}
    for entry in history:
        by_step.setdefault(int(entry["step"]), {}).update({k: v for k, v in entry.items() if k in columns})
    path = folder / TABLE
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{TABLE}.{os.getpid()}")
    with open(unfinished, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows(by_step[step] for step in sorted(by_step))
    unfinished.replace(path)
    return path


def plot_curves(history: Sequence[Mapping[str, Any]], folder: Path, panels: Sequence[Panel]) -> Path | None:
    """Draw each panel over the steps; ``None`` where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.5 * len(panels), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        _draw(axis, panel, history)
    path = folder / PLOT
    unfinished = path.with_name(f".{PLOT}.{os.getpid()}")
    figure.savefig(unfinished, format="png", dpi=144, facecolor="white")
    unfinished.replace(path)
    return path


def _draw(axis: Any, panel: Panel, history: Sequence[Mapping[str, Any]]) -> None:
    title, names = panel
    lines = {name: [(entry["step"], entry[name]) for entry in history if name in entry] for name in names}
    drawn = {name: points for name, points in lines.items() if points}
    axis.set_visible(bool(drawn))
    for (name, points), color in zip(drawn.items(), _COLORS, strict=False):
        axis.plot(*zip(*points, strict=True), color=color, linewidth=1.5, label=name.removeprefix("eval_"))
    if len(drawn) > 1:
        axis.legend(fontsize=7, frameon=False)
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(color="#e4e0d7")
