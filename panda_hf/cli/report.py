"""`panda-hf report`: write the page that shows what a run made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Argument(help="The folder that a run wrote.", show_default=False)],
    max_clips: Annotated[int, typer.Option(min=1, help="Clips to show, spread evenly over the videos.")] = 200,
) -> None:
    """Write OUT/report.html: one page with the clips, their captions and scores, the funnel and the failures."""
    from panda_hf.publishing import write_report

    typer.echo(f"Report: {write_report(out, max_clips=max_clips)}")
