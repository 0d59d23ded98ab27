"""What `panda-hf train selector` and `panda-hf train student` share: options, and which folder they refuse."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.errors import OutputError

LEARNING = "Learning"


class PrecisionName(StrEnum):
    """Number format of the computation."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


Precision = Annotated[
    PrecisionName,
    typer.Option(help="auto: bf16 on a GPU that has it, fp16 on others, fp32 on a CPU.", rich_help_panel=LEARNING),
]
Resume = Annotated[bool, typer.Option(help="Go on where an interrupted run of this command stopped.")]


def refuse_finished(out: Path, resume: bool, made: str) -> None:
    """Keep a result from being trained over.

    Args:
        out: where the result shall be.
        resume: whether a run that is there may be gone on with.
        made: what the command makes, for the message.

    Raises:
        OutputError: when it is there already, or ``out`` is a file.
    """
    if resume and (out / "config.json").exists():
        raise OutputError(f"{out} holds a finished {made}; name another folder, or train anew with --no-resume")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder")
