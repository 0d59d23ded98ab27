"""The command line, `panda-hf`: one file per command; what is heavy is imported inside the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from panda_hf import __version__
from panda_hf.cli.annotate import annotate
from panda_hf.cli.build import build
from panda_hf.cli.calibrate import calibrate
from panda_hf.cli.caption import caption
from panda_hf.cli.curate import curate
from panda_hf.cli.demo import demo
from panda_hf.cli.download import download
from panda_hf.cli.errors import Commands
from panda_hf.cli.evaluate import evaluate
from panda_hf.cli.evaluate_table3 import table3
from panda_hf.cli.films import films
from panda_hf.cli.measure import measure
from panda_hf.cli.mini_benchmark import benchmark
from panda_hf.cli.mini_coverage import coverage
from panda_hf.cli.mini_student import table4
from panda_hf.cli.mini_student import train_student as train_mini_student
from panda_hf.cli.plan import plan
from panda_hf.cli.push import push
from panda_hf.cli.push_model import push_model
from panda_hf.cli.redo import extend, retry
from panda_hf.cli.report import report
from panda_hf.cli.reproduce import reproduce
from panda_hf.cli.score_mini import score
from panda_hf.cli.score_shots import score_shots
from panda_hf.cli.selector import selector
from panda_hf.cli.shortlist import shortlist
from panda_hf.cli.space import space
from panda_hf.cli.status import merge, status
from panda_hf.cli.student import student
from panda_hf.cli.subset import subset
from panda_hf.cli.teachers import teachers
from panda_hf.cli.train_mini import train
from panda_hf.cli.train_selector import training
from panda_hf.cli.train_student import student as train_student
from panda_hf.cli.train_umt import train_umt

app = typer.Typer(
    name="panda-hf",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        typer.echo(f"panda_hf {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="PANDA_HF_DEBUG", help="Show the traceback of every error.")
    ] = False,
) -> None:
    """Turn long videos into a Hugging Face dataset of captioned clips."""


app.command()(curate)
app.command()(plan)
app.command()(status)
app.command()(merge)
app.command()(retry)
app.command()(extend)
app.command()(demo)
app.command()(caption)
app.command()(download)
app.command()(push)
app.command()(push_model)
app.command()(report)
app.command()(calibrate)
app.command()(score_shots)
app.command()(shortlist)
app.command()(measure)
app.command()(subset)
app.command()(annotate)
app.command()(space)

app.add_typer(build, name="build")
app.add_typer(reproduce, name="reproduce")
app.add_typer(selector, name="selector")
app.add_typer(student, name="student")
training.command("student")(train_student)
app.add_typer(training, name="train")
app.add_typer(evaluate, name="evaluate")
app.add_typer(teachers, name="teachers")
mini = typer.Typer(no_args_is_help=True, help="The miniature: a made-up world of films, and small models of it.")
mini.command()(films)
mini.command()(train)
mini.command(name="train-umt")(train_umt)
mini.command()(score)
mini.command()(coverage)
mini.command()(benchmark)
mini.command()(table3)
mini.command(name="train-student")(train_mini_student)
mini.command()(table4)
app.add_typer(mini, name="mini")


def main() -> None:
    """Run the command line; leaves with the exit code."""
    app(prog_name="panda-hf")
