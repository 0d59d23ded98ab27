"""`panda-hf student`: put a student together, of an official file or fresh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

student = typer.Typer(no_args_is_help=True, help="The captioner that needs no teachers: put one together.")

Blip2 = Annotated[str, typer.Option(metavar="MODEL", help="The BLIP-2 whose vision tower and Q-Former it gets.")]
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the student goes.", show_default=False)
]


@student.callback()
def _group() -> None:
    """The captioner that needs no teachers: put one together."""


@student.command()
def convert(
    official: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="checkpoint_best.pth of Panda-70M.", exists=True, dir_okay=False, show_default=False
        ),
    ],
    language_model: Annotated[
        str,
        typer.Option(metavar="MODEL", help="The Vicuna-7B v0 it learned with, by id or path.", show_default=False),
    ],
    out: Out,
    blip2: Blip2 = "Salesforce/blip2-flan-t5-xxl",
    ask: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What it is asked of a video without text; else own words."),
    ] = None,
) -> None:
    """Convert the official student; every tensor must find its place.

    The official file holds only what was trained: eyes and words come from BLIP-2 and Vicuna. Not tried here with the
    official file itself, which could not be downloaded: with its names and shapes, and at toy size with its code.
    """
    from panda_hf.models.student.convert_student import convert as write
    from panda_hf.models.student.words_student import ASK

    write(official, blip2, language_model, out, ask=ASK if ask is None else ask)
    typer.echo(f"wrote {out}")


@student.command()
def new(
    language_model: Annotated[
        str, typer.Option(metavar="MODEL", help="Any causal language model, by id or path.", show_default=False)
    ],
    out: Out,
    blip2: Blip2 = "Salesforce/blip2-opt-2.7b",
    seed: Annotated[int, typer.Option(min=0, help="Of the random weights.")] = 0,
    video_tokens: Annotated[int, typer.Option(min=1, help="That a video takes, and its text as many.")] = 32,
    prompt_tokens: Annotated[int, typer.Option(min=1, help="Of a text, at most.")] = 200,
) -> None:
    """Make a student that has learned nothing yet, of a BLIP-2's eyes and a language model's words.

    `panda-hf train student` teaches it.
    """
    from panda_hf.models.student.convert_student import new as write

    write(blip2, language_model, out, seed=seed, num_video_tokens=video_tokens, max_prompt_tokens=prompt_tokens)
    typer.echo(f"wrote {out}")
