"""`panda-hf demo`: films of the miniature world, curated, and held against the truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.cli.curate import chosen_steps, closing, described, run


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="Where films, dataset and report go.")
    ] = Path("demo-out"),
    films: Annotated[int, typer.Option(min=1, metavar="N", help="How many films.")] = 8,
    workers: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Worker processes. Else all cores.", show_default=False)
    ] = None,
) -> None:
    """Write films of a made-up world to OUT/films, curate them with the shipped checkpoints, show what comes of it.

    Nothing is downloaded and no GPU is needed. The truth about every film is known, so what was found is held against
    it at the end.
    """
    from panda_hf.mini.films import write_films

    folder, steps = out / "films", chosen_steps("mini", None, embedder="descriptor")
    typer.echo(f"writing {films} films to {folder}")
    write_films(folder, "test", films, workers=workers or os.cpu_count() or 1)
    typer.echo("\n".join(["curating them", *(f"  {described(step)}" for step in steps)]))
    summary, report = run(folder, out, steps=steps, num_workers=workers, videos_per_shard=8, export_clips=True)
    for line in [*closing(summary, report), *shots_against_truth(out), *captions_against_truth(out)]:
        typer.echo(line)


def shots_against_truth(out: Path) -> list[str]:
    """How many cuts and gradual transitions of the films were found, in words."""
    from panda_hf.mini.films import read_truth
    from panda_hf.publishing.output import OutputFolder
    from panda_hf.splitting.scoring import Agreement, Truth, score_boundaries

    total = Agreement()
    for row in OutputFolder.open(out).videos():
        film = read_truth(out / "films" / f"{row['video_id']}.truth.json")
        gradual = tuple((joint.start, joint.end) for joint in film.transitions if joint.kind != "cut")
        found = [shot["start"] for shot in row["shots"] or [] if shot["start"] > 0]
        total += score_boundaries(found, Truth(cuts=film.cuts, gradual=gradual))
    return [
        f"Shots against the truth: {total.cuts_found} of {total.cuts} cuts and {total.gradual_found} of "
        f"{total.gradual} gradual transitions found, {total.false_alarms} false alarms"
    ]


def captions_against_truth(out: Path) -> list[str]:
    """How true the captions of each teacher and the chosen ones are, in words."""
    from panda_hf.mini.films import read_truth, scene_at
    from panda_hf.mini.score import score_captions
    from panda_hf.publishing.output import OutputFolder

    pairs = []
    for row in OutputFolder.open(out).clips("kept"):
        scene = scene_at(read_truth(out / "films" / f"{row['video_id']}.truth.json"), row["start"], row["end"])
        if scene is not None:
            candidates = {candidate["teacher"]: candidate["caption"] for candidate in row["candidates"]}
            pairs.append((candidates, row["caption"], scene))
    if not pairs:
        return []
    teachers = list(pairs[0][0])
    captions = {teacher: [candidates[teacher] for candidates, _, _ in pairs] for teacher in teachers}
    lines = score_captions(captions, [scene for *_, scene in pairs], [chosen for _, chosen, _ in pairs])
    ranked = sorted(teachers, key=lambda teacher: -lines[teacher].f1)
    return [
        f"Captions against the truth (mean F1 of stated facts, {len(pairs)} clips): the selector's choice "
        f"{lines['selector'].f1:.2f}, the best possible choice {lines['oracle'].f1:.2f}",
        f"  its teachers alone: {', '.join(f'{teacher} {lines[teacher].f1:.2f}' for teacher in ranked)}",
    ]
