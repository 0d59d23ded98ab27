"""A picture of scores: one panel per metric, one point per model, its interval as a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from panda_hf.evaluation.results import Evaluation, Score
from panda_hf.evaluation.tables import label, metrics_of
from panda_hf.publishing import wording

PLOT = "scores.png"
_INK, _ACCENT, _LINE = "#1f2228", "#2a62b8", "#e4e0d7"


def write_plot(
    evaluations: Sequence[Evaluation], out: str | os.PathLike[str], metrics: Sequence[str] | None = None
) -> Path:
    """Write ``scores.png`` into the folder ``out``; values as papers print them, with intervals or spreads.

    Args:
        evaluations: the models, in the order of the rows.
        out: an existing folder.
        metrics: which to show; ``None`` for all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    metrics = list(metrics or metrics_of(evaluations))
    models = [_plain(one.model) for one in evaluations]
    columns = min(2 if len(metrics) == 4 else 3, len(metrics))
    rows = -(-len(metrics) // columns)
    layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
    figure = Figure(figsize=(3.4 * columns + 1.2, rows * (0.9 + 0.32 * len(models))), layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for axis, metric in zip(axes, metrics, strict=False):
        _panel(axis, metric, [one.scores.get(metric) for one in evaluations])
    for axis in axes[len(metrics) :]:
        axis.set_visible(False)
    axes[0].set_yticks(range(len(models)), models)
    path = Path(out) / PLOT
    unfinished = path.with_name(f".{PLOT}.{os.getpid()}")
    figure.savefig(unfinished, format="png", dpi=144, facecolor="white")
    os.replace(unfinished, path)
    return path


def _panel(axis: object, metric: str, scores: Sequence[Score | None]) -> None:
    for y, score in enumerate(scores):
        if score is None:
            continue
        low, high = (end * score.printed for end in _ends(score))
        axis.plot([low, high], [y, y], color=_ACCENT, linewidth=2, alpha=0.45)  # type: ignore[attr-defined]
        axis.plot([score.value * score.printed], [y], "o", color=_ACCENT, markersize=5)  # type: ignore[attr-defined]
    axis.set_title(_plain(label(metric)), fontsize=10, color=_INK, loc="left")  # type: ignore[attr-defined]
    axis.locator_params(axis="x", nbins=5)  # type: ignore[attr-defined]
    axis.tick_params(labelsize=8, colors=_INK, length=0)  # type: ignore[attr-defined]
    axis.grid(axis="x", color=_LINE)  # type: ignore[attr-defined]
    axis.set_ylim(len(scores) - 0.5, -0.5)  # type: ignore[attr-defined]
    for spine in axis.spines.values():  # type: ignore[attr-defined]
        spine.set_visible(False)


def _plain(text: str) -> str:
    """Words that matplotlib takes as they are: a dollar sign would begin a formula."""
    return wording.clean(text, 40).replace("$", r"\$")


def _ends(score: Score) -> tuple[float, float]:
    if score.spread is not None:
        return score.value - score.spread, score.value + score.spread
    return (
        score.value if score.low is None else score.low,
        score.value if score.high is None else score.high,
    )
