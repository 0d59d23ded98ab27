"""A picture of scores: one panel per metric, one point per model, its interval as a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from panda_hf.evaluation.results import Benchmark, Evaluation, Score
from panda_hf.evaluation.tables import label, metrics_of
from panda_hf.publishing import wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOT = "scores.png"
_INK, _ACCENT, _LINE = "#1f2228", "#2a62b8", "#e4e0d7"


def write_plot(
    evaluations: Sequence[Evaluation], out: str | os.PathLike[str], metrics: Sequence[str] | None = None
) -> Path:
    """Write ``scores.png`` into the folder ``out``; values as papers print them, lines for the intervals over videos.

    Args:
        evaluations: the models, in the order of the rows.
        out: an existing folder.
        metrics: which to show; ``None`` for all.
    """
    path = Path(out) / PLOT
    unfinished = path.with_name(f".{PLOT}.{os.getpid()}")
    figure_of(evaluations, metrics).savefig(unfinished, format="png", dpi=144, facecolor="white")
    os.replace(unfinished, path)
    return path


def figure_of(evaluations: Sequence[Evaluation], metrics: Sequence[str] | None = None) -> Figure:
    """The picture itself; arguments as :func:`write_plot` has them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    metrics = list(metrics or metrics_of(evaluations))
    models = [_plain(one.model) for one in evaluations]
    columns = min(2 if len(metrics) == 4 else 3, len(metrics))
    rows = -(-len(metrics) // columns)
    layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
    figure = Figure(figsize=(3.4 * columns + 1.2, 0.7 + rows * (0.9 + 0.32 * len(models))), layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for axis, metric in zip(axes, metrics, strict=False):
        _panel(axis, metric, [one.scores.get(metric) for one in evaluations])
    for axis in axes[len(metrics) :]:
        axis.set_visible(False)
    axes[0].set_yticks(range(len(models)), models)
    shown = [one.scores[metric] for one in evaluations for metric in metrics if metric in one.scores]
    figure.suptitle(_plain(_title(evaluations[0].benchmark), 60), x=0.02, ha="left", fontsize=10, color=_INK)
    figure.supxlabel(_legend(shown), x=0.02, ha="left", fontsize=9, color=_INK)
    return figure


def _title(on: Benchmark) -> str:
    part = on.split if on.config is None else f"{on.config}/{on.split}"
    return f"{wording.clean(on.name, 30)}, {part}: {on.videos:,} videos"


def _legend(scores: Sequence[Score]) -> str:
    """What the numbers and lines are. Every line is an interval over videos, of a model with seeds too."""
    said = "Times 100" if all(score.printed == 100 for score in scores) else "As papers print them"
    return f"{said}; lines: 95 % intervals over the videos" if any(score.low is not None for score in scores) else said


def _panel(axis: Axes, metric: str, scores: Sequence[Score | None]) -> None:
    for y, score in enumerate(scores):
        if score is None:
            continue
        if score.low is not None and score.high is not None:
            ends = [score.low * score.printed, score.high * score.printed]
            axis.plot(ends, [y, y], color=_ACCENT, linewidth=2, alpha=0.45)
        axis.plot([score.value * score.printed], [y], "o", color=_ACCENT, markersize=5)
    axis.set_title(_plain(label(metric)), fontsize=11, color=_INK, loc="left")
    axis.margins(x=0.12)
    axis.locator_params(axis="x", nbins=5)
    axis.tick_params(labelsize=10, colors=_INK, length=0)
    axis.grid(axis="x", color=_LINE)
    axis.set_ylim(len(scores) - 0.5, -0.5)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _plain(text: str, limit: int = 40) -> str:
    """Words that matplotlib takes as they are: a dollar sign would begin a formula."""
    return wording.clean(text, limit).replace("$", r"\$")
