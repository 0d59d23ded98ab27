"""`panda-hf mini films`: write films of the miniature world, with the truth beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def films(
    out: Annotated[Path, typer.Argument(help="The folder to write to; it is made.", show_default=False)],
    split: Annotated[str, typer.Option(help="Which films: train, validation or test.")] = "test",
    count: Annotated[int, typer.Option(min=1, help="How many films.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first film; the others follow.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that work side by side; all cores when left out.")
    ] = None,
) -> None:
    """Write real video files with subtitles, titles and descriptions, and the ground truth of each."""
    from panda_hf.mini.films import write_films
    from panda_hf.mini.world import SPLITS

    chosen = next((known for known in SPLITS if known == split), None)
    if chosen is None:
        raise typer.BadParameter(f"{split!r} is none of {', '.join(SPLITS)}", param_hint="--split")
    paths = write_films(out, chosen, count, seed, workers or os.cpu_count() or 1)
    typer.echo(f"{len(paths)} films in {out}")
