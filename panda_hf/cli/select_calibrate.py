"""`panda-hf selector calibrate`: the score below which the best candidate is bad too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.cli import select_options as options


def calibrate(
    answers: options.Answers,
    precision: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Wanted share of kept clips whose chosen caption an annotator picked."),
    ],
    selector: options.Selector = "mini/selector",
    clips: options.Clips = None,
    split: options.Split = "train",
    rerank: options.Rerank = False,
    safely: Annotated[
        bool, typer.Option("--safely", help="Ask it of the lower end of the 95 % interval, not of the share itself.")
    ] = False,
    skip_sanity: options.SkipSanity = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Also write it as JSON.", show_default=False)
    ] = None,
) -> None:
    """Find min_score from annotated answers: the lowest threshold that keeps captions of the wanted precision.

    The chosen caption of a clip is good when any of its annotators picked it, bad where all said "all bad". Give the
    result to Select(min_score=...), with the same selector, the same frames and the same --rerank.
    """
    from panda_hf.evaluation.names import called
    from panda_hf.selection.scorer import load_scorer
    from panda_hf.selection.scoring import decisions, scored_clips
    from panda_hf.selection.threshold import calibrated

    found, frames = options.read(answers, clips, split)
    scorer = load_scorer(selector, None, None, None, head=rerank, sanity=not skip_sanity)
    choices = [one.choice for one in decisions(scored_clips(scorer, found, frames, head=rerank))]
    good = [choice.index in clip.wanted for choice, clip in zip(choices, found, strict=True)]
    chosen = calibrated([choice.score for choice in choices], good, precision, safely=safely)
    typer.echo(
        f"min_score {chosen.min_score:.6g}: of {chosen.clips:,} clips {chosen.kept:.1%} are kept, "
        f"{chosen.precision:.1%} of them with a good caption (95 % interval from {chosen.low:.1%}); "
        f"{chosen.recall:.1%} of the good captions stay"
    )
    typer.echo("Found and measured on the same clips: on others the precision will be a little lower.")
    if out is not None:
        record = {"selector": called(selector), "rerank": rerank, "asked": precision, "safely": safely, **vars(chosen)}
        out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        typer.echo(f"wrote {out}")
