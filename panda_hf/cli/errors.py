"""What the command line says when something goes wrong."""

from __future__ import annotations

import errno
from typing import Any

import typer
from typer.core import TyperGroup

from panda_hf.errors import NO_ROOM, PandaError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""

NOTHING_KEPT = 3
"""Exit code of a curation that went through and kept no clip."""

NO_ACCESS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class Commands(TyperGroup):
    """A group of commands that tells a ``PandaError`` in one line, as an error of the disk, and how to go on after
    Ctrl-C.

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
        except OSError as error:
            told = of_the_disk(error)
            if told is None or ctx.params.get("debug"):
                raise
            typer.secho(f"Error: {told}", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("\nInterrupted. Run the same command again to resume.", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt


def of_the_disk(error: OSError) -> str | None:
    """An error about a file, or about room or access, in the system's words, and what to do; ``None`` for others."""
    known = NO_ROOM | NO_ACCESS | {errno.EIO}
    if error.errno is None or (error.filename is None and error.errno not in known):
        return None
    where = f"{error.filename!s}: " if error.filename is not None else ""
    if error.errno in NO_ROOM:
        advice = (
            "Make room there (or raise the limit: ulimit -f, quota), or give another folder; then the same command"
        )
    elif error.errno in NO_ACCESS:
        advice = "Make it writable, or give another folder; then the same command"
    else:
        advice = "Check the path and its disk; then the same command"
    words = error.strerror or type(error).__name__
    return " ".join(f"{where}{words}. {advice} again".split())


def one_line(error: Exception) -> str:
    """The message of an error on one line; its class where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
