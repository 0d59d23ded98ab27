"""Curves of a training: what ``Trainer`` logs, as a table and as a picture, written while it runs."""

from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

COLUMNS = ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss", "eval_picked", "eval_recall_at_1")
TABLE, PLOT = "curves.csv", "curves.png"
_LOSSES = (("loss", "training loss"), ("eval_loss", "held-out loss"))
_SHARES = {
    "eval_picked": "held out: picked as people do",
    "eval_recall_at_1": "held out: own caption first among all",
}


class CurveWriter(TrainerCallback):
    """Write ``curves.csv`` at every measurement and ``curves.png`` at the end, from the main process only.

    The table is made from the state that ``Trainer`` saves and resumes, so an interrupted run leaves no gap.
    """

    def __init__(self, folder: Path, share: str = "eval_picked") -> None:
        """Take the folder, and the share that the picture shows: ``eval_picked`` or ``eval_recall_at_1``."""
        self.folder, self.share = folder, share

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the table."""
        if state.is_world_process_zero:
            write_curves(state.log_history, self.folder)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write table and picture."""
        if state.is_world_process_zero:
            write_curves(state.log_history, self.folder)
            plot_curves(state.log_history, self.folder, self.share)


def write_curves(history: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write one line per step that was logged, empty where a figure was not measured there."""
    by_step: dict[int, dict[str, Any]] = {}
    for entry in history:
        by_step.setdefault(int(entry["step"]), {}).update({k: v for k, v in entry.items() if k in COLUMNS})
    path = folder / TABLE
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{TABLE}.{os.getpid()}")
    with open(unfinished, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(by_step[step] for step in sorted(by_step))
    unfinished.replace(path)
    return path


def plot_curves(history: Sequence[Mapping[str, Any]], folder: Path, share: str = "eval_picked") -> Path | None:
    """Draw losses and a held-out share; ``None`` where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = (*_LOSSES, (share, _SHARES[share]))
    for axis, (name, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        points = [(entry["step"], entry[name]) for entry in history if name in entry]
        axis.plot(*zip(*points, strict=True), color="#2a62b8", linewidth=1.5) if points else axis.set_visible(False)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(color="#e4e0d7")
    path = folder / PLOT
    unfinished = path.with_name(f".{PLOT}.{os.getpid()}")
    figure.savefig(unfinished, format="png", dpi=144, facecolor="white")
    unfinished.replace(path)
    return path
