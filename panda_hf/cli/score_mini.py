"""`panda-hf mini score`: score the miniature's teachers and selector against the truth of held-aside films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score(
    films: Annotated[int, typer.Option(min=1, help="How many test films to make and caption.")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first film; the others follow.")] = 0,
    selector: Annotated[str, typer.Option(help="Checkpoint of the selector; an empty text leaves it out.")] = (
        "mini/selector"
    ),
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A teacher or a set of them; repeat it for several. Else the eight of the default.",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Caption films that no training saw, and print how true each teacher's and the selected captions are."""
    import json
    import tempfile

    from panda_hf.captioning.registry import DEFAULT_SET, card_of, expanded
    from panda_hf.mini.films import write_films
    from panda_hf.mini.score import as_dict, as_table, caption_films, score_captions
    from panda_hf.schema import caption_column

    teachers = expanded(teacher or [DEFAULT_SET])
    try:
        for name in teachers:
            card_of(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--teacher") from error
    with tempfile.TemporaryDirectory() as folder:
        paths = write_films(folder, "test", films, first_seed)
        clips, scenes = caption_films(paths, teachers, selector or None)
    captions = {name: list(clips[caption_column(name)]) for name in teachers}
    lines = score_captions(captions, scenes, list(clips["caption"]) if selector else None)
    typer.echo(as_table(lines, len(scenes)))
    if json_file:
        json_file.write_text(json.dumps(as_dict(lines), indent=2) + "\n", encoding="utf-8")
