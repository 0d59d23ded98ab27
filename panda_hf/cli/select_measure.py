"""`panda-hf selector measure`: does a selector choose as people do, and do people agree?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import select_options as options

if TYPE_CHECKING:
    import numpy as np

    from panda_hf.selection.answers import AnsweredClip

RESULTS, PLOT = "selection.json", "selective_rate.png"


def measure(
    answers: options.Answers,
    selectors: Annotated[
        list[str] | None,
        typer.Option(
            "--selector", metavar="[NAME=]SELECTOR", help="mini/selector, a folder, or a Hub id. Repeatable.",
            show_default=False,
        ),
    ] = None,
    clips: options.Clips = None,
    split: options.Split = "train",
    rerank: options.Rerank = False,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where the results go.")] = Path("selection"),
) -> None:  # fmt: skip
    """Measure selectors against annotators: recall at 1 against one and against any of several, selective rates.

    Also prints how well annotators agree among themselves, and what a random choice would reach. Writes selection.json
    and selective_rate.png, the share of each teacher among what selectors and annotators chose.
    """
    from panda_hf.evaluation.names import check_names, named
    from panda_hf.selection import measures
    from panda_hf.selection.plots import plot_rates

    pairs = [named(one) for one in selectors or ["mini/selector"]]
    check_names([name for name, _ in pairs])
    found, frames = options.read(answers, clips, split)
    chosen = {name: _chosen(checkpoint, found, frames, rerank) for name, checkpoint in pairs}
    figures = _people(found) | {
        f"{name}: {what}": told
        for name, picks in chosen.items()
        for what, told in (
            ("recall at 1 against one annotator", _interval(measures.recall_one(found, picks))),
            ("recall at 1 against any annotator", _interval(measures.recall_any(found, picks))),
        )
    }
    rates = measures.selective_rates(found, chosen)
    out.mkdir(parents=True, exist_ok=True)
    record = {"clips": len(found), "rerank": rerank, "figures": figures, "selective_rate": rates}
    (out / RESULTS).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    typer.echo(f"{len(found):,} clips, {sum(len(clip.picks) for clip in found):,} answers\n")
    for what, told in figures.items():
        typer.echo(_line(what, told))
    typer.echo(f"\nWritten: {out / RESULTS}, {plot_rates(rates, out / PLOT)}")


def _people(clips: list[AnsweredClip]) -> dict[str, Any]:
    from panda_hf.selection import measures

    return {
        "chance": _interval(measures.chance(clips)),
        "annotator against another": _interval(measures.human_one(clips)),
        "annotator against any other": _interval(measures.human_any(clips)),
        "answers that found all bad": _interval(measures.all_bad(clips)),
    }


def _chosen(checkpoint: str, clips: list[AnsweredClip], frames: Any, rerank: bool) -> list[int]:
    from panda_hf.models.release import release_models
    from panda_hf.selection.scorer import load_scorer
    from panda_hf.selection.scoring import decisions, scored_clips

    scorer = load_scorer(checkpoint, None, None, None, head=rerank)
    picks = [one.choice.index for one in decisions(scored_clips(scorer, clips, frames, head=rerank))]
    release_models()
    return picks


def _interval(table: np.ndarray) -> dict[str, float | int] | None:
    """A share with its 95 % interval over clips; ``None`` when nothing was asked."""
    from panda_hf.evaluation.statistics import bootstrap_interval

    asked = table[table[:, 1] > 0]
    if not len(asked):
        return None
    value = float(asked[:, 0].sum() / asked[:, 1].sum())
    if len(asked) < 2:
        return {"value": value, "clips": len(asked)}
    drawn = bootstrap_interval(asked, lambda sums: sums[:, 0] / sums[:, 1])
    return {"value": value, "low": float(drawn.low), "high": float(drawn.high), "clips": len(asked)}


def _line(what: str, told: dict[str, float | int] | None) -> str:
    from panda_hf.publishing.wording import clean

    if told is None:
        return f"{clean(what, 80):<58} not asked: no clip has enough answers"
    around = f" [{100 * told['low']:.1f}, {100 * told['high']:.1f}]" if "low" in told else ""
    return f"{clean(what, 80):<58} {100 * told['value']:5.1f} %{around} on {told['clips']:,} clips"
