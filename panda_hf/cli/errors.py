"""What the command line says when something goes wrong."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from panda_hf.errors import PandaError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


class Commands(TyperGroup):
    """A group of commands that tells a ``PandaError`` in one line, and how to go on after Ctrl-C.

    Any other exception is a mistake of ours and keeps its traceback, as does every one with ``--debug``.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except PandaError as error:
            if ctx.params.get("debug"):
                raise
            typer.secho(f"Error: {one_line(error)}", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("\nInterrupted. Run the same command again to resume.", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt


def one_line(error: Exception) -> str:
    """The message of an error on one line; its class where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
