"""`panda-hf mini train`: make the miniature's checkpoints anew, teachers first, then the selector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    out: Annotated[
        Path | None, typer.Option(help="The folder of the checkpoints; left out: this package's own, made anew.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Train this alone: selector, or a folder of the checkpoints, such as image; may be repeated."
        ),
    ] = None,
    work: Annotated[Path | None, typer.Option(help="Where drawn scenes (6 GB) and unfinished training lie.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run stopped.")] = True,
    steps_scale: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="Multiplies all training steps, for a trial.")
    ] = 1.0,
) -> None:
    """Train the shipped miniature again, on this machine; two CPU cores are enough.

    The selector learns to choose from what the teachers of this package write, wherever its checkpoint goes.
    """
    from panda_hf.mini.selector_course import Course, hold
    from panda_hf.mini.train_teachers import RECIPES, train_teachers, work_folder
    from panda_hf.models.checkpoints import mini_folder

    known = [recipe.kind for recipe in RECIPES]
    unknown = sorted(set(only or []) - {*known, "selector"})
    if unknown:
        raise typer.BadParameter(f"{unknown} is none of {[*known, 'selector']}", param_hint="--only")
    kinds = [kind for kind in known if not only or kind in only]
    out = out or mini_folder()
    train_teachers(out, work=work, resume=resume, only=kinds, steps_scale=steps_scale)
    if not only or "selector" in only:
        hold(Course(work=work or work_folder(), resume=resume, scale=steps_scale, from_scratch=True), out / "selector")
