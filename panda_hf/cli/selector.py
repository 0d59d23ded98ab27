"""`panda-hf selector`: an official UMT file as a selector, and what annotated answers say of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from panda_hf.cli.select_calibrate import calibrate
from panda_hf.cli.select_curve import curve
from panda_hf.cli.select_measure import measure

selector = typer.Typer(no_args_is_help=True, help="The retrieval model that selects captions.")


@selector.callback()
def _group() -> None:
    """The retrieval model that selects captions."""


@selector.command()
def convert(
    official: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Of OpenGVLab/UMT, such as l16_25m.pth.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the selector goes.", show_default=False)
    ],
    size: Annotated[Literal["base", "large"], typer.Option(help="UMT-B/16 or UMT-L/16.")] = "large",
    tokenizer: Annotated[
        str | None, typer.Option(metavar="MODEL", help="By id or path; else bert-SIZE-uncased.", show_default=False)
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="That it looks at: 12 as in the paper, 4 zero-shot.")] = 12,
    tokens: Annotated[int, typer.Option(min=1, help="Of a caption: 32 for MSR-VTT, 64 for MSVD and DiDeMo.")] = 32,
) -> None:
    """Convert an official UMT checkpoint; every tensor must find its place.

    Give the folder to `panda-hf curate --selector FOLDER` or `panda-hf evaluate retrieval --model FOLDER`.
    """
    from panda_hf.models.umt import UMTConfig
    from panda_hf.models.umt.convert_umt import convert as write

    write(official, tokenizer or f"bert-{size}-uncased", out, UMTConfig.of_size(size, frames), frames, tokens)
    typer.echo(f"wrote {out}")


selector.command()(measure)
selector.command()(calibrate)
selector.command()(curve)
