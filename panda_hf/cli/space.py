"""`panda-hf space`: the page on which people try the method, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from panda_hf.cli.space_module import space_module

MODELS: dict[str, Any] = {"rich_help_panel": "Models"}


def space(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET]...", help="Folders that curate made, or Hub ids, to explore."),
    ] = None,
    student: Annotated[
        str | None, typer.Option(metavar="CHECKPOINT", help="Folder, Hub id, mini/NAME, or none.", **MODELS)
    ] = None,
    teacher: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A teacher or a set of them; repeat it.", **MODELS)
    ] = None,
    selector: Annotated[
        str | None, typer.Option(metavar="CHECKPOINT", help="Folder, Hub id, or mini/NAME.", **MODELS)
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0.0.0.0 lets other machines in, to what is offered only.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="Else the first free one from 7860.")
    ] = None,
    make_examples: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the example films there, and leave.")
    ] = None,
) -> None:
    """Try the method in a browser: caption a clip, split a long video, explore a dataset.

    Without options it runs the models shipped in the package; no GPU, no network. Stop with Ctrl-C.

    `panda-hf space`, or `panda-hf space panda-out --teacher laptop --selector me/selector`.
    """
    if make_examples is not None:
        from panda_hf.showing.films import write_examples

        write_examples(make_examples)
        typer.echo(f"wrote {make_examples}")
        return
    page = space_module("panda-captioner")
    from panda_hf.showing.cast import Choices
    from panda_hf.showing.desk import Desk
    from panda_hf.showing.limits import Limits

    named = {"PANDA_STUDENT": student, "PANDA_TEACHERS": ",".join(teacher or ()), "PANDA_SELECTOR": selector}
    free = host in ("127.0.0.1", "localhost", "::1")
    desk = Desk.open(
        Choices.from_environment({name: value for name, value in named.items() if value}, free=free),
        Limits.from_environment(),
        datasets=datasets or (),
        examples=Path(str(page.__file__)).parent / "examples",
    )
    page.serve(desk, server_name=host, server_port=port)
