"""`panda-hf score-shots`: how well shot detection agrees with hand-labelled boundaries, beside PySceneDetect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from panda_hf.splitting.scoring import Agreement


def score_shots(
    videos: Annotated[Path, typer.Argument(help="Folder of the labelled videos.", exists=True, file_okay=False)],
    labels: Annotated[
        Path | None, typer.Option(help="Labels of their shot boundaries; labels.json in the folder by default.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Seconds that a boundary may be off.", min=0)] = 0.2,
) -> None:
    """Compare shot boundaries with labelled ones: ours, and PySceneDetect's two detectors with their own defaults.

    Hard cuts and gradual transitions are counted apart; a gradual one is found when a boundary lies inside it. The
    detectors of PySceneDetect look at whole frames, in its own way, through its own video reading.
    """
    from panda_hf.splitting.comparison import METHODS, compare
    from panda_hf.splitting.scoring import Agreement, read_labels

    totals = {method: Agreement() for method in METHODS}
    for name, label in read_labels(labels or videos / "labels.json").items():
        found = compare(videos / name, label, tolerance)
        _print_table(name, found)
        totals = {method: totals[method] + found[method] for method in METHODS}
    _print_table("all videos", totals)


def _print_table(title: str, agreements: Mapping[str, Agreement]) -> None:
    typer.echo(f"\n{title}\n{'':30} cuts found  gradual found  false alarms  F1 cuts  gradual recall  F1 both")
    for method, a in agreements.items():
        typer.echo(
            f"{method:30} {a.cuts_found:>5}/{a.cuts:<4} {a.gradual_found:>8}/{a.gradual:<5} {a.false_alarms:>12} "
            f"{_share(a.f1_cuts):>8} {_share(a.recall_gradual):>15} {_share(a.f1):>8}"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
