"""`panda-hf curate` where others may write to the same output: `--shard`, and outputs behind an address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from panda_hf.cli.errors import NOTHING_KEPT

if TYPE_CHECKING:
    from panda_hf.running.part import Part


def is_address(out: str) -> bool:
    """Whether the output is in a store rather than a folder."""
    return "://" in out


def part_of(shard: str | None) -> Part | None:
    """The part that ``--shard`` asks for."""
    from panda_hf.running.part import Part

    try:
        return None if shard is None else Part.parse(shard)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from error


def run_shared(videos: str, out: str, **options: Any) -> None:
    """Curate a part, or all of it into a store; a part of which nothing was kept is no failure."""
    from panda_hf.running import curate

    summary = curate(videos, out if is_address(out) else Path(out), **options)
    typer.echo(str(summary))
    if options.get("shard") is not None:
        typer.echo(f"Part {options['shard']} is through. When all are: panda-hf merge {out}")
        return
    typer.echo(f"Dataset: {summary.out}")
    if not summary.ok:
        raise typer.Exit(NOTHING_KEPT)
