"""`panda-hf teachers`: which teachers there are; `panda-hf teachers convert`: official files that need converting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

teachers = typer.Typer(invoke_without_command=True, help="List the teachers that have a name.")


@teachers.callback()
def show(
    context: typer.Context,
    which: Annotated[
        Literal["paper", "modern", "laptop", "mini"] | None,
        typer.Option("--set", help="Only this set; else all teachers."),
    ] = None,
) -> None:
    """List the teachers that have a name: checkpoint, input, how near to the paper's, size, licence.

    Each can be given to `panda-hf curate --teacher NAME`; a checkpoint that lies elsewhere, such as what `panda-hf
    teachers convert` wrote, by `--checkpoint NAME=FOLDER`.
    """
    from panda_hf.captioning.registry import cards
    from panda_hf.captioning.registry.printing import as_table

    if context.invoked_subcommand is None:
        chosen = [card for card in cards().values() if which is None or which in card.sets]
        typer.echo(as_table(chosen, sets=which is None))


@teachers.command()
def convert(
    official: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="What was trained: pretrain_vicuna7b-v2.pth or finetune-vicuna7b-v2.pth of Video-LLaMA.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    language_model: Annotated[
        str, typer.Option(metavar="MODEL", help="The Vicuna it was trained with, by id or path.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the whole goes.", show_default=False)
    ],
    blip2: Annotated[
        str, typer.Option(metavar="MODEL", help="The BLIP-2 whose vision tower and Q-Former it uses.")
    ] = "Salesforce/blip2-flan-t5-xxl",
) -> None:
    """Put Video-LLaMA together from the official file, a BLIP-2 and a Vicuna.

    Give the folder to Caption(teacher="video_llama_pretrain", checkpoint=FOLDER).
    """
    from panda_hf.models.video_llama.convert_video_llama import convert as write

    write(official, blip2, language_model, out)
    typer.echo(f"wrote {out}")
