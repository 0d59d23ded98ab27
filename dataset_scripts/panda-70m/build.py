"""Panda-70M, as released in CSV files, to a dataset repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def build(
    csv: Annotated[list[str], typer.Option("--csv", metavar="FILE", help="A CSV file of the release, plain or zipped.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("panda-70m"),
) -> None:
    """Turn the CSV files of the release into a dataset repository."""
    raise typer.BadParameter("not built yet")
