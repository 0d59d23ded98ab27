"""`panda-hf mini train-umt`: make the miniature's selector anew and print what each part of its training brings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TABLE, PLOT, RECORD = "recall.md", "recall.png", "recall.json"


def train_umt(
    out: Annotated[
        Path | None,
        typer.Option(help="The folder of the checkpoints; left out: this package's own, where it is made anew."),
    ] = None,
    report: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the figures go: recall.md, recall.json, recall.png.")
    ] = Path("umt"),
    seeds: Annotated[int, typer.Option(min=1, help="Fine-tunings with hard negatives, and as many without.")] = 3,
    work: Annotated[Path | None, typer.Option(help="Where drawn scenes (4 GB) and unfinished training lie.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run stopped.")] = True,
    steps_scale: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="Multiplies training steps and numbers of clips, for a trial.")
    ] = 1.0,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Let the vision tower learn anew, an hour more; else the shipped one."),
    ] = False,
    processes: Annotated[int, typer.Option(min=1, help="Of one thread each.")] = 2,
) -> None:
    """Train the selector as the paper does, in miniature, and measure it over clips held aside.

    A UMT learns from clips with one true caption each, then from what simulated annotators picked among the eight
    teachers' captions, a clip's own rejected ones as hard negatives. The first seed's model is kept. Prints recall at
    1 against one annotator and against any, before and after, and after fine-tuning without hard negatives.

    The paper's UMT starts from a vision tower trained before; so does this one, from the shipped selector's. All else
    begins with random weights.
    """
    import json

    from panda_hf.cli.select_options import no_bars
    from panda_hf.mini.selector_course import Course, hold
    from panda_hf.mini.selector_study import as_text, study
    from panda_hf.mini.train_teachers import work_folder
    from panda_hf.models.checkpoints import mini_folder
    from panda_hf.selection.plots import plot_recalls

    no_bars()
    out = out or mini_folder()
    course = Course(
        work=work or work_folder(),
        resume=resume,
        scale=steps_scale,
        from_scratch=from_scratch,
        processes=processes,
    )
    held = hold(course, out / "selector", range(seeds), compared=True)
    found = study(held)
    report.mkdir(parents=True, exist_ok=True)
    (report / TABLE).write_text(as_text(found) + "\n", encoding="utf-8")
    (report / RECORD).write_text(
        json.dumps({**found.as_dict(), "lessons": held.notes}, indent=2) + "\n", encoding="utf-8"
    )
    typer.echo(as_text(found))
    recalls = {name: [recall.one for recall in row] for name, row in found.recalls.items()}
    plotted = plot_recalls(recalls, report / PLOT, human=found.people_one, chance=found.chance)
    typer.echo(f"Written: {out / 'selector'}, {report / TABLE}, {report / RECORD}, {plotted}")
