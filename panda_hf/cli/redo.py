"""`panda-hf retry` and `panda-hf extend`: do failed rows again; other teachers and selectors for what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import curate_options as options

if TYPE_CHECKING:
    from panda_hf.running.rework import ReworkSummary

WHERE: dict[str, Any] = {"rich_help_panel": "Which rows (all that are asked for must hold; else every row)"}
Folder = Annotated[Path, typer.Argument(metavar="OUT", help="The folder of a finished run.", show_default=False)]


def retry(
    out: Folder,
    errors: Annotated[bool, typer.Option("--errors", help="Do the rows that have an error. ")] = True,
    videos: Annotated[
        str | None, typer.Option(metavar="VIDEOS", help="Where the videos are, if not where the run had them.")
    ] = None,
    workers: options.Workers = None,
    one_model_at_a_time: options.OneModelAtATime = False,
    time_limit: options.TimeLimit = 600.0,
) -> None:
    """Do the failed rows of OUT once more, with the steps of its run, and leave all others as they are.

    Interrupted, the same command goes on; the dataset changes only when everything is there.
    """
    from panda_hf.running import retry as do_again

    options.refuse_workers(workers, one_model_at_a_time)
    _tell(
        do_again(
            out,
            source=videos,
            num_workers=workers,
            one_model_at_a_time=one_model_at_a_time,
            time_limit_seconds=time_limit,
        )
    )


def extend(
    out: Folder,
    teacher: options.Teacher = None,
    checkpoint: options.Checkpoint = None,
    teacher_config: options.TeacherConfig = None,
    selector: options.Selector = None,
    rerank: options.Rerank = None,
    min_score: options.MinScore = None,
    shorter_than: Annotated[
        int | None, typer.Option(min=1, metavar="WORDS", help="Captions of fewer words.", **WHERE)
    ] = None,
    score_below: Annotated[
        float | None, typer.Option(metavar="SCORE", help="A lower matching score.", **WHERE)
    ] = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Captions by this teacher; repeat it for several.", **WHERE),
    ] = None,
    workers: options.Workers = None,
    one_model_at_a_time: options.OneModelAtATime = False,
    time_limit: options.TimeLimit = 600.0,
) -> None:
    """Ask further teachers for captions of OUT, or the same ones anew, and choose again; the rest stays as it is.

    With --selector alone no teacher is asked: the captions that are there are judged anew. Interrupted, the same
    command goes on; the dataset changes only when everything is there.
    """
    from panda_hf.cli.curate_teachers import teachers_of
    from panda_hf.running import extend as do_again

    options.refuse_workers(workers, one_model_at_a_time)
    teachers = teachers_of(teacher, checkpoint, teacher_config) or []
    where, words = condition(shorter_than, score_below, chosen)
    _tell(
        do_again(
            out,
            changes_of(out, teachers, options.selection(selector, rerank, min_score)),
            where=where,
            where_in_words=words,
            num_workers=workers,
            one_model_at_a_time=one_model_at_a_time,
            time_limit_seconds=time_limit,
        )
    )


def changes_of(out: Path, teachers: Sequence[Any], selection: dict[str, Any]) -> list[Any]:
    """The stages to run: those of the teachers, and a selection that knows them all, with other settings if asked."""
    from dataclasses import replace

    from panda_hf.errors import OutputError
    from panda_hf.running.manifest import NAME, Manifest
    from panda_hf.running.recorded import recorded_steps
    from panda_hf.selection import Select

    if not teachers and not selection:
        raise typer.BadParameter("nothing is asked for; give --teacher, --selector, --rerank or --min-score")
    if not (out / NAME).exists():
        raise OutputError(f"{out} is not the folder of a run (no {NAME}); merge the parts of one first")
    steps = recorded_steps(Manifest.load(out / NAME).head["steps"])
    select = next((step for step in steps if isinstance(step, Select)), None)
    if select is None:
        raise OutputError(f"{out} was made without a selection of captions; extend it from Python")
    names = dict.fromkeys([*select.teachers, *(stage.teacher for stage in teachers)])
    new = {**selection, **({"revision": None} if "selector" in selection else {})}
    return [*teachers, replace(select, teachers=tuple(names), **new)]


def condition(
    shorter_than: int | None, score_below: float | None, chosen: Sequence[str] | None
) -> tuple[Callable[[Any], bool] | None, str | None]:
    """Which rows are meant, as a function of a row and in words; ``None`` for all."""
    tests: list[tuple[str, Callable[[Any], bool]]] = []
    if shorter_than is not None:
        tests.append(
            (f"fewer than {shorter_than} words", lambda row: len((row["caption"] or "").split()) < shorter_than)
        )
    if score_below is not None:
        tests.append((f"score below {score_below:g}", lambda row: (row["matching_score"] or 0.0) < score_below))
    if chosen:
        tests.append((f"chosen from {', '.join(chosen)}", lambda row: row["caption_teacher"] in chosen))
    if not tests:
        return None, None
    return lambda row: all(test(row) for _, test in tests), " and ".join(words for words, _ in tests)


def _tell(summary: ReworkSummary) -> None:
    from panda_hf.publishing import write_report

    typer.echo(str(summary))
    if summary.chosen and summary.kept_as_they_were.total() == summary.chosen:
        typer.echo("Nothing new came of it: see the reasons above.")
        raise typer.Exit(1)
    if isinstance(summary.run.out, Path):
        typer.echo(f"Report:  {write_report(summary.run.out)}")
