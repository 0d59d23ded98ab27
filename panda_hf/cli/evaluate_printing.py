"""What `panda-hf evaluate` prints: tables for people, and where everything is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from panda_hf.evaluation.captioning import Report
    from panda_hf.evaluation.page import Sample


MANY = 4
"""More models than these are not printed pair by pair."""


def print_captioning(report: Report, written: Sequence[Path]) -> None:
    """Print a report on captions."""
    from panda_hf.evaluation.scoring import COMPARED
    from panda_hf.evaluation.tables import metrics_of

    shown = [metric for metric in metrics_of(report.evaluations) if metric in COMPARED]
    hidden = [metric for metric in metrics_of(report.evaluations) if metric not in COMPARED]
    on = report.evaluations[0].benchmark
    _print_scores(report, f"{_where(report)}: {on.videos:,} videos, {on.references:,} references", shown)
    typer.echo(f"Times 100{_additions(report)}.")
    if hidden:
        typer.echo(f"{', '.join(hidden)}: in {written[0].name}")
    _print_differences(report)
    _print_samples(report)
    _print_end(report, written)


def print_retrieval(report: Report, written: Sequence[Path]) -> None:
    """Print a report on retrieval, with what was asked and how ties are counted."""
    from panda_hf.evaluation.retrieval import METRICS

    first = report.evaluations[0]
    ties = {
        "average": "a tied video takes the mean of the tied places",
        "optimistic": "a tied video takes the first of the tied places",
        "pessimistic": "a tied video takes the last of the tied places",
    }[first.settings["ties"]]
    for direction in ("t2v", "v2t"):
        metrics = [metric for metric in METRICS if metric.startswith(direction)]
        title = f"{_where(report)}: {first.settings['queries']}" if direction == "t2v" else None
        _print_scores(report, title, metrics)
    backward = {
        "captions": "a video's best text is ranked among all texts of other videos",
        "videos": "a video's best text is ranked among the best text of each other video (CLIP4Clip)",
    }[first.settings["video_to_text"]]
    typer.echo(f"Ties: {ties}. V2T: {backward}.")
    typer.echo(f"Recall times 100{_additions(report)}.")
    _print_differences(report)
    _print_end(report, written)


def _where(report: Report) -> str:
    on = report.evaluations[0].benchmark
    return f"{on.name}, {on.split if on.config is None else f'{on.config}/{on.split}'}"


def _additions(report: Report) -> str:
    """What stands beside the figures of a table, where it does: of one video there is no interval."""
    scores = [score for one in report.evaluations for score in one.scores.values()]
    brackets = any(score.low is not None and score.spread is None for score in scores)
    said = ["in brackets 95 % intervals over the videos"] if brackets else []
    said += ["after ± the standard deviation over seeds"] if any(score.spread is not None for score in scores) else []
    return "".join(f"; {part}" for part in said)


def _print_scores(report: Report, title: str | None, metrics: Sequence[str]) -> None:
    from panda_hf.evaluation.tables import as_table
    from panda_hf.publishing.wording import clean

    if title is not None:
        typer.echo(clean(title, 400) + "\n")
    typer.echo(as_table(report.evaluations, metrics) + "\n")


def _print_differences(report: Report) -> None:
    """Every pair of a few models; of many each one with the best."""
    from panda_hf.evaluation.tables import as_comparison

    shown, more = list(report.differences), ""
    if len(report.evaluations) > MANY:
        best = _best(report)
        shown = [one for one in shown if best in (one.model, one.other)]
        more = " All pairs are in results.json."
    if shown:
        typer.echo("\n" + as_comparison(shown) + "\n")
        typer.echo(
            "Paired over the videos; p by approximate randomisation, not corrected for how many are compared." + more
        )


def _best(report: Report) -> str:
    """The model with the highest CIDEr, of retrieval the highest T2V R@1."""
    metric = "cider" if any(one.metric == "cider" for one in report.differences) else report.differences[0].metric
    return max(report.evaluations, key=lambda one: one.scores[metric].value).model


def _print_samples(report: Report) -> None:
    typer.echo("")
    for one in report.samples:
        for word, samples in (("best", one.best), ("worst", one.worst)):
            if samples:
                typer.echo(_line(one.model, word, samples[0]))


def _line(model: str, word: str, sample: Sample) -> str:
    """One sample on one line; captions and ids are untrusted and lose their control characters."""
    from panda_hf.publishing.wording import clean

    said = clean(sample.prediction, 100) or "(no caption)"
    return f"{clean(model, 40)}, {word}: {clean(sample.video_id, 40)}: {said}"


def _print_end(report: Report, written: Sequence[Path]) -> None:
    from panda_hf.publishing.wording import clean

    for note in report.notes:
        typer.secho(f"note: {clean(note)}", fg=typer.colors.YELLOW, err=True)
    typer.echo("Written: " + ", ".join(map(str, written)))
