"""`panda-hf calibrate`: thresholds of the splitter for a frame embedder, from hand-labelled videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    videos: Annotated[Path, typer.Argument(help="Folder of the labelled videos.", exists=True, file_okay=False)],
    labels: Annotated[
        Path | None, typer.Option(help="Labels of their shot boundaries; labels.json in the folder by default.")
    ] = None,
    embedder: Annotated[
        str, typer.Option(help="'descriptor', or a transformers vision model by Hub id or path.")
    ] = "descriptor",
) -> None:
    """Print the thresholds that suit a frame embedder, and how well they separate what they should.

    Distances between frames of one shot, across true cuts, across forced cuts, of still scenes and of repeated ones
    are measured on videos whose shot boundaries are known. The preset `default` holds what this prints for the
    descriptor.
    """
    import numpy as np

    from panda_hf.splitting.calibration import Distances, measure, thresholds
    from panda_hf.splitting.scoring import read_labels

    distances = Distances()
    for name, label in read_labels(labels or videos / "labels.json").items():
        typer.echo(f"measuring {name}")
        distances += measure(str(videos / name), label, embedder)
    typer.echo("\ndistances     pairs   min    5 %  median  95 %   max")
    for kind, values in vars(distances).items():
        low, five, middle, most, high = np.percentile(values, (0, 5, 50, 95, 100))
        typer.echo(f"{kind:12} {len(values):6}  {low:5.3f}  {five:5.3f}  {middle:5.3f}  {most:5.3f}  {high:5.3f}")
    typer.echo(f"\nthresholds for embedder={embedder!r}")
    for found in thresholds(distances):
        typer.echo(
            f"{found.field:24} {found.value:5.2f}   {found.near_right:4.0%} of {found.near!r} are below, "
            f"{found.far_right:4.0%} of {found.far!r} are above"
        )
