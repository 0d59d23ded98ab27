"""`panda-hf shortlist`: from many models to few, by which captions were judged good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def shortlist(
    judgements: Annotated[
        Path,
        typer.Argument(
            metavar="JUDGEMENTS",
            help="A table (.csv, .json, .jsonl, .parquet) with the columns clip_id, model, good (true or false), or "
            "clip_id, good (a list of models).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the result goes.", show_default=False)
    ],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many models to choose at most.")] = 8,
    max_nodes: Annotated[
        int, typer.Option(min=0, metavar="N", help="How far to look for the best possible choice; 0: not at all.")
    ] = 200_000,
) -> None:
    """Choose the models that together are good on the most clips, as the paper chose 8 of 31.

    Starts with the best single model and repeatedly adds the one that is good on most of the clips still uncovered.
    Prints a table and writes shortlist.json and coverage.svg to FOLDER.
    """
    from panda_hf.captioning.coverage import as_table, write_shortlist
    from panda_hf.captioning.judgements import read_judgements
    from panda_hf.captioning.shortlist import TIE_RULE
    from panda_hf.captioning.shortlist import shortlist as choose

    read = read_judgements(judgements)
    chosen = choose(read, count, max_nodes=max_nodes)
    typer.echo(as_table(chosen))
    if len(chosen.places) < min(count, chosen.models):
        typer.echo(f"No further model adds a clip: {len(chosen.places)} of {chosen.models} models cover what all do.")
    if read.unjudged:
        typer.echo(f"{read.unjudged:,} pairs of clip and model were not judged; they count as not good.")
    typer.echo(TIE_RULE)
    title = f"{len(chosen.places)} of {chosen.models} models, {chosen.clips:,} judged clips"
    for path in write_shortlist(chosen, out, title=title, more={"judgements": judgements.name}):
        typer.echo(f"wrote {path}")
