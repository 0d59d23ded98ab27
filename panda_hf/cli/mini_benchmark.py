"""`panda-hf mini benchmark`: a miniature MSR-VTT to evaluate captioners on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def benchmark(
    out: Annotated[Path, typer.Argument(help="The folder to write to; it is made.", show_default=False)],
    films: Annotated[int, typer.Option(min=1, help="How many films to cut into clips.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first film; the others follow.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier benchmark.")] = False,
) -> None:
    """Write clips of films that no training saw, with 20 reference captions each, in the form of MSR-VTT."""
    from panda_hf.corpora.printing import print_summary
    from panda_hf.mini.benchmark import write_benchmark

    print_summary(write_benchmark(out, films, seed, overwrite=overwrite))
