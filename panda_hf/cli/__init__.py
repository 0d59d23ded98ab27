"""The command line, `panda-hf`: one file per command; what is heavy is imported inside the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from panda_hf import __version__
from panda_hf.cli.errors import Commands
from panda_hf.cli.report import report

app = typer.Typer(
    name="panda-hf",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
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


app.command()(report)


def main() -> None:
    """Run the command line; leaves with the exit code."""
    app()
