"""What the commands that build a corpus print at their end."""

from __future__ import annotations

import typer

from panda_hf.corpora.build import CorpusSummary


def print_summary(summary: CorpusSummary) -> None:
    """Tell what was written, in what it is unusual, and how to load it."""
    for config, splits in summary.splits.items():
        for split, part in splits.items():
            missing = f", {part.without_file:,} without a file" if summary.has_files and part.without_file else ""
            typer.echo(f"  {config}/{split}: {part.videos:,} videos, {part.captions:,} captions{missing}")
    for note in summary.notes:
        typer.secho(f"  note: {note}", fg=typer.colors.YELLOW, err=True)
    config, splits = next(iter(summary.splits.items()))
    split = "test" if "test" in splits else next(iter(splits))
    typer.echo(f'Load it:\n  load_dataset("{summary.out.as_posix()}", "{config}", split="{split}")')
