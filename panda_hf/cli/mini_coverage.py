"""`panda-hf mini coverage`: on which clips of held-aside films each miniature teacher is good, and all together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def coverage(
    films: Annotated[int, typer.Option(min=1, metavar="N", help="How many test films to make and caption.")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first film; the others follow.")] = 0,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A teacher or a set of them; repeat it for several. Else the eight of the default."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Also write shortlist.json, coverage.svg, judgements.csv."),
    ] = None,
) -> None:
    """Caption films that no training saw, and print how many clips each teacher and all together caption well.

    A good caption says nothing false and most of what there is to say; see `panda-hf mini score`. The second table
    adds teacher by teacher, as `panda-hf shortlist` does.
    """
    import tempfile

    from panda_hf.captioning import coverage as shortlists
    from panda_hf.captioning.registry import DEFAULT_SET, card_of, expanded
    from panda_hf.mini.coverage import as_csv, as_dict, as_table, judge
    from panda_hf.mini.coverage import coverage as count
    from panda_hf.mini.films import write_films
    from panda_hf.mini.score import caption_films
    from panda_hf.schema import caption_column

    names = expanded(teacher or [DEFAULT_SET])
    try:
        for name in names:
            card_of(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--teacher") from error
    with tempfile.TemporaryDirectory() as folder:
        clips, scenes = caption_films(write_films(folder, "test", films, first_seed), names, None)
    ids = list(clips["clip_id"])
    judgements = judge({name: list(clips[caption_column(name)]) for name in names}, scenes, ids)
    found = count(judgements, {clip: scene.needs for clip, scene in zip(ids, scenes, strict=True)})
    typer.echo(f"{len(ids)} clips of {films} held-aside films\n{as_table(found)}\n")
    typer.echo(shortlists.as_table(found.chosen))
    if out:
        title = f"Miniature teachers on {len(ids)} clips of {films} held-aside films"
        more = {"films": films, "first_seed": first_seed, **as_dict(found)}
        for path in shortlists.write_shortlist(found.chosen, out, title=title, more=more):
            typer.echo(f"wrote {path}")
        (out / "judgements.csv").write_text(as_csv(judgements), encoding="utf-8")
        typer.echo(f"wrote {out / 'judgements.csv'}")
