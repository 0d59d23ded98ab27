"""Scores and comparisons as Markdown tables: for the terminal, and to be pasted anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from panda_hf.evaluation.results import Difference, Evaluation, Score
from panda_hf.publishing import wording

LABELS = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
    "cider": "CIDEr",
    "bert_score": "BERTScore",
    "clip_score": "CLIPScore",
}
"""Metrics in the order and the words of the paper's Table 3."""


def label(metric: str) -> str:
    """A metric in the words of papers.

    Example:
        >>> label("bleu_4"), label("t2v_R@1"), label("v2t_median_rank")
        ('BLEU-4', 'T2V R@1', 'V2T median rank')
    """
    if metric in LABELS:
        return LABELS[metric]
    direction, _, rest = metric.partition("_")
    return f"{direction.upper()} {rest.replace('_', ' ')}" if direction in ("t2v", "v2t") else metric


def metrics_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """The metrics that any of the evaluations has; those of the paper in its order, first."""
    found = dict.fromkeys(metric for one in evaluations for metric in one.scores)
    return sorted(found, key=lambda metric: list(LABELS).index(metric) if metric in LABELS else len(LABELS))


def as_table(evaluations: Sequence[Evaluation], metrics: Sequence[str] | None = None) -> str:
    """Models in rows, metrics in columns, as papers print them (mostly times 100), with intervals or spreads."""
    shown = list(metrics or metrics_of(evaluations))
    rows = [["", *map(label, shown)]]
    for one in evaluations:
        rows.append([named(one.model), *(cell(one.scores.get(metric)) for metric in shown)])
    return markdown_table(rows)


def as_comparison(differences: Sequence[Difference]) -> str:
    """Pairs of models in rows, metrics in columns: difference, interval, p-value."""
    metrics = list(dict.fromkeys(one.metric for one in differences))
    pairs = list(dict.fromkeys((one.model, one.other) for one in differences))
    found = {(one.model, one.other, one.metric): one for one in differences}
    rows = [["difference", *map(label, metrics)]]
    for model, other in pairs:
        cells = [difference_cell(found.get((model, other, metric))) for metric in metrics]
        rows.append([f"{named(model)} − {named(other)}", *cells])
    return markdown_table(rows)


def named(model: str) -> str:
    """The name of a model inside a table and a terminal."""
    return wording.clean(model, 60).replace("|", "¦")


def cell(score: Score | None) -> str:
    """One score: ``40.56 [39.6, 41.6]``, over seeds ``40.56 ± 0.31``."""
    if score is None:
        return ""
    text, scale = f"{score.value * score.printed:.2f}", score.printed
    if score.spread is not None:
        return f"{text} ± {score.spread * scale:.2f}"
    if score.low is not None and score.high is not None:
        return f"{text} [{score.low * scale:.1f}, {score.high * scale:.1f}]"
    return text


def difference_cell(one: Difference | None) -> str:
    """One difference: ``+1.25 [0.3, 2.2] p=0.012``."""
    if one is None:
        return ""
    ends = f"[{one.low * one.printed:.1f}, {one.high * one.printed:.1f}]"
    return f"{one.difference * one.printed:+.2f} {ends} {p_value(one.p_value)}"


def p_value(value: float) -> str:
    """A p-value in three decimals; what is smaller is said to be."""
    return "p<0.001" if value < 0.001 else f"p={value:.3f}"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first the header, as an aligned Markdown table; figures stand right."""
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(n) for cell, n in zip(cells, widths, strict=True)]
        return "| " + " | ".join([cells[0].ljust(widths[0]), *padded[1:]]) + " |"

    rule = ["-" * widths[0], *("-" * (n - 1) + ":" for n in widths[1:])]
    return "\n".join([line(rows[0]), "| " + " | ".join(rule) + " |", *map(line, rows[1:])])
