"""`panda-hf curate`: from videos to a dataset of captioned clips."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from panda_hf.running import RunSummary

NOTHING_KEPT = 3
"""Exit code of a run that went through and kept no clip."""
METHOD: dict[str, Any] = {"rich_help_panel": "Method"}
RUNNING: dict[str, Any] = {"rich_help_panel": "Running"}


def curate(
    videos: Annotated[
        str,
        typer.Argument(
            metavar="VIDEOS",
            help="A folder, a list file (.txt), a table (.csv, .jsonl, .parquet), one video, or whatever load_dataset "
            "takes. Put -- before a name that begins with a dash.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="Where the dataset goes: a new folder.", show_default=False),
    ],
    export_clips: Annotated[bool, typer.Option("--export-clips", help="Also write each kept clip as mp4.")] = False,
    license: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Licence of the footage, for the card, as the Hub spells it: cc-by-4.0."),
    ] = None,
    opt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Videos and channels that are left out: ids, addresses.")
    ] = None,
    redact: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Replace names of people by `person`, found by this model for names."),
    ] = None,
    mark_harmful: Annotated[bool, typer.Option("--mark-harmful", help="Mark insults and obscenities.")] = False,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Which split, where VIDEOS is a dataset.")] = None,
    streaming: Annotated[bool, typer.Option("--streaming", help="Stream what load_dataset loads.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only so many videos, from the start.")] = None,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="The set of checkpoints: mini is shipped, needs no GPU.", **METHOD)
    ] = "mini",
    split_preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Thresholds of the splitting: default, panda70m, official-code, paper. Else what suits the embedder.",
            **METHOD,
        ),
    ] = None,
    embedder: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="What stitches shots: descriptor, or a vision model by id or path.", **METHOD
        ),
    ] = "descriptor",
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A teacher or a set of them (`panda-hf teachers`); repeat it for several. Else those of the preset.",
            **METHOD,
        ),
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What chooses the caption. Else that of the preset.", **METHOD),
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="Decoder of sampled frames: pyav, decord, torchcodec.", **METHOD)
    ] = "pyav",
    workers: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Worker processes. Else all cores; 0: only this process.", **RUNNING),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="A video that takes longer fails.", **RUNNING)
    ] = 600.0,
    videos_per_shard: Annotated[
        int, typer.Option(min=1, metavar="N", help="Videos whose clips share a Parquet file.", **RUNNING)
    ] = 32,
    batch_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Clips handed to a stage at once.", **RUNNING)
    ] = 32,
) -> None:
    """Cut VIDEOS into clips, caption each with every teacher, keep the best caption, write a dataset to OUT.

    Interrupted at any moment, the same command goes on where it was. Videos that fail stay in the dataset, with their
    error. Exit codes: 0 clips were kept, 1 error, 2 wrong usage, 3 nothing was kept (or everything failed).
    """
    from panda_hf.rights import OptOut

    steps = chosen_steps(
        preset,
        split_preset,
        embedder=embedder,
        backend=backend,
        **({"teachers": tuple(teacher)} if teacher else {}),
        **({"selector": selector} if selector else {}),
    )
    steps += rights_steps(steps, redact, mark_harmful)
    typer.echo(f"curate {videos} into {out}")
    typer.echo("\n".join(f"  {described(step)}" for step in steps))
    summary, report = run(
        videos,
        out,
        steps=steps,
        split=split,
        streaming=streaming,
        limit=limit,
        num_workers=workers,
        videos_per_shard=videos_per_shard,
        batch_size=batch_size,
        time_limit_seconds=time_limit,
        export_clips=export_clips,
        license=license,
        opt_out=OptOut.read(opt_out),
    )
    typer.echo("\n".join(closing(summary, report)))


def chosen_steps(preset: str, split_preset: str | None, *, embedder: str, **options: Any) -> list[Any]:
    """The steps of a preset, thresholds spelt out; what the library refuses becomes a message about the usage."""
    from panda_hf.pipeline import panda_70m
    from panda_hf.splitting import Split, SplitSettings

    try:
        chosen: Any = split_preset
        rules = Split(embedder=embedder).rules if split_preset is None else SplitSettings.preset(chosen)
        known: Any = preset
        return list(panda_70m(known, split=rules, embedder=embedder, **options))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def rights_steps(steps: list[Any], redact: str | None, mark_harmful: bool) -> list[Any]:
    """The stages that go over all text of the clips, after everything else has used it."""
    from panda_hf.captioning import Caption
    from panda_hf.rights import MarkHarmful, Redact
    from panda_hf.schema import caption_column

    made = tuple(caption_column(step.teacher) for step in steps if isinstance(step, Caption))
    columns = ("caption", *made, "candidates", "title", "description", "subtitle")
    return [
        *([Redact(columns=columns, model=redact)] if redact else []),
        *([MarkHarmful(columns=columns)] if mark_harmful else []),
    ]


def described(step: Any) -> str:
    """A step, or settings, with what is not as by default: ``Caption(teacher='mini_image')``."""
    if not dataclasses.is_dataclass(step):
        return getattr(step, "__name__", repr(step))
    changed = [
        f"{field.name}={described(value)}"
        for field in dataclasses.fields(step)
        if (value := getattr(step, field.name)) != _default(field)
    ]
    return f"{type(step).__name__}({', '.join(changed)})"


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def run(videos: str | Path, out: Path, **options: Any) -> tuple[RunSummary, Path]:
    """Curate and write the report; when nothing was kept, say so and leave with ``NOTHING_KEPT``.

    Returns:
        What came of it, and where the report is.
    """
    from panda_hf.publishing import write_report
    from panda_hf.running import curate as run_all

    summary = run_all(videos, out, **options)
    report = write_report(out)
    if not summary.ok:
        typer.echo("\n".join(closing(summary, report)))
        raise typer.Exit(NOTHING_KEPT)
    return summary, report


def closing(summary: RunSummary, report: Path) -> list[str]:
    """The lines that end a run."""
    from panda_hf.publishing.wording import length

    lines = [
        *str(summary).splitlines(),
        f"{summary.clips.kept:,} clips kept, {length(summary.kept_seconds)} of footage",
    ]
    if summary.ok:
        load = f'clips = load_dataset("{summary.out.as_posix()}", split="train")'
        lines += ["Load it:", "  from datasets import load_dataset", f"  {load}"]
    return [*lines, f"Dataset: {summary.out}", f"Report:  {report}"]
