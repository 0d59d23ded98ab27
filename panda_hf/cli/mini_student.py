"""`panda-hf mini train-student` and `mini table4`: distil the miniature's student, and judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from panda_hf.mini.selector_teachers import Judged

TABLE, RECORD, PLOT = "table4.md", "table4.json", "table4.png"
REFERENCES = 5
"""True captions of each clip that caption metrics compare with."""

Work = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The teachers' captions and unfinished training.", show_default=False),
]
FromScratch = Annotated[
    bool,
    typer.Option("--from-scratch", help="Let the student's eyes learn anew, 40 minutes more; else the shipped ones."),
]
Resume = Annotated[bool, typer.Option(help="Go on where an interrupted run stopped, and keep what is finished.")]
Scale = Annotated[float, typer.Option(min=0.0, max=1000.0, help="Multiplies training steps, for a trial.")]
Clips = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the clips to take, for a trial.")]


def train_student(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the checkpoint; left out: this package's own, made anew.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of new weights, order and chance.")] = 0,
    work: Work = None,
    only_prepare: Annotated[
        bool,
        typer.Option("--only-prepare", help="Let teachers caption and the selector score, then stop."),
    ] = False,
    from_scratch: FromScratch = False,
    resume: Resume = True,
    steps_scale: Scale = 1.0,
    clips_scale: Clips = 1.0,
) -> None:
    """Distil the miniature's student from the captions that its selector prefers among its teachers'.

    4,500 clips to learn from and 900 to measure with are drawn and captioned first, where that has not been done.

    The paper's student looks through a tower trained before, which stays as it is; so does this one, through the
    shipped student's. All else learns.
    """
    from panda_hf.cli.select_options import no_bars
    from panda_hf.mini.student_course import Course, prepare
    from panda_hf.mini.train_student import train_student_mini
    from panda_hf.mini.train_teachers import work_folder
    from panda_hf.models.checkpoints import mini_folder

    no_bars()
    course = Course(
        work=work or work_folder(),
        scale=clips_scale,
        from_scratch=from_scratch,
        resume=resume,
        steps_scale=steps_scale,
    )
    picks = prepare(course)
    if only_prepare:
        typer.echo(f"{len(picks.train.clips)} clips to learn from and {len(picks.held_aside.clips)} held aside")
        return
    out = out or mini_folder() / "student"
    losses = train_student_mini(out, picks, seed=seed, resume=resume, steps_scale=steps_scale)
    told = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
    typer.echo(f"wrote {out}: {told}")


def table4(
    seeds: Annotated[int, typer.Option(min=1, help="Students to train and to measure.")] = 3,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Table, record, plot, students.")] = Path(
        "mini-table4"
    ),
    work: Work = None,
    processes: Annotated[int, typer.Option(min=1, help="Of one thread each; so many students learn at once.")] = 3,
    train: Annotated[
        bool, typer.Option("--train/--measure", help="Or measure the students in OUT, whatever they learned from.")
    ] = True,
    from_scratch: FromScratch = False,
    resume: Resume = True,
    steps_scale: Scale = 1.0,
    clips_scale: Clips = 1.0,
) -> None:
    """Train the miniature's student with several seeds and hold it against its teachers, on clips held aside.

    The truth judges: f1 and the share of good captions; where the text helps and where it misleads; which caption of
    ten simulated annotators like best (the paper's Table 4); caption metrics against true captions.
    """
    import json

    from panda_hf.cli.select_options import no_bars
    from panda_hf.mini.student_course import Course, captions, learn, prepare
    from panda_hf.mini.student_plot import plot_study
    from panda_hf.mini.student_study import as_text, study
    from panda_hf.mini.train_teachers import work_folder

    no_bars()
    course = Course(
        work=work or work_folder(),
        scale=clips_scale,
        from_scratch=from_scratch,
        resume=resume,
        steps_scale=steps_scale,
        processes=processes,
    )
    picks = prepare(course)
    folders = [out / f"seed-{seed}" for seed in range(seeds)]
    if train:
        learn(course, folders)
    found = study(captions(course, folders), picks.held_aside.clips, _metrics)
    out.mkdir(parents=True, exist_ok=True)
    (out / TABLE).write_text(as_text(found) + "\n", encoding="utf-8")
    figures = {name: {key: list(values) for key, values in line.figures.items()} for name, line in found.lines.items()}
    record = {"clips": found.clips, "figures": figures}
    (out / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    drawn = plot_study(found, out / PLOT)
    typer.echo(as_text(found))
    typer.echo(f"wrote {out / TABLE}, {out / RECORD}" + (f", {drawn}" if drawn else ""))


def _metrics(said: Sequence[str], clips: Sequence[Judged]) -> Mapping[str, float]:
    """Caption metrics against true captions in several wordings, drawn by the clip alone; from 0 to 1, CIDEr to 10."""
    import numpy as np

    from panda_hf.evaluation.predictions import Matched
    from panda_hf.evaluation.scoring import MetricChoice, Scorer
    from panda_hf.mini.truth import paraphrases

    references = tuple(
        tuple(paraphrases(clip.scene, np.random.default_rng([11, i]), REFERENCES)) for i, clip in enumerate(clips)
    )
    names = tuple(clip.clip_id for clip in clips)
    measured = Scorer(references, MetricChoice(("bleu", "rouge_l", "cider"))).measure(
        Matched(names, tuple(said), references, (), 0)
    )
    return {name: measured[name].value for name in ("bleu_4", "rouge_l", "cider")}
