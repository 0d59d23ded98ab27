"""`panda-hf curate`: from videos to a dataset of captioned clips."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from panda_hf.cli import curate_options as options
from panda_hf.cli.curate_parts import is_address, part_of, run_shared
from panda_hf.cli.curate_teachers import teachers_of
from panda_hf.cli.errors import NOTHING_KEPT

if TYPE_CHECKING:
    from panda_hf.running import RunSummary


def curate(
    videos: options.Videos,
    out: options.Out,
    export_clips: options.ExportClips = False,
    export_way: options.ExportWay = "encode",
    export_codec: options.ExportCodec = "h264",
    license: options.License = None,
    opt_out: options.OptOut = None,
    redact: options.Redact = None,
    mark_harmful: options.MarkHarmful = False,
    split: options.Split = None,
    streaming: options.Streaming = False,
    limit: options.Limit = None,
    preset: options.Preset = "mini",
    split_preset: options.SplitPreset = None,
    embedder: options.Embedder = "descriptor",
    teacher: options.Teacher = None,
    checkpoint: options.Checkpoint = None,
    teacher_config: options.TeacherConfig = None,
    selector: options.Selector = None,
    rerank: options.Rerank = None,
    min_score: options.MinScore = None,
    backend: options.Backend = "pyav",
    workers: options.Workers = None,
    one_model_at_a_time: options.OneModelAtATime = False,
    executor: options.Executor = "local",
    address: options.Address = None,
    resources: options.ResourcesFile = None,
    time_limit: options.TimeLimit = 600.0,
    videos_per_shard: options.VideosPerShard = 32,
    batch_size: options.BatchSize = 32,
    shard: options.Shard = None,
    scratch: options.Scratch = None,
    log_file: options.LogFile = None,
) -> None:
    """Cut VIDEOS into clips, caption each with every teacher, keep the best caption, write a dataset to OUT.

    Interrupted at any moment, the same command goes on where it was. Videos that fail stay in the dataset, with their
    error. Exit codes: 0 clips were kept, 1 error, 2 wrong usage, 3 nothing was kept (or everything failed).
    """
    from panda_hf.rights import OptOut

    export = options.export(export_clips, export_way, export_codec)
    options.refuse_workers(workers, one_model_at_a_time)
    cluster = options.on_ray(executor, workers, one_model_at_a_time, address, resources)
    teachers = teachers_of(teacher, checkpoint, teacher_config)
    selection = options.selection(selector, rerank, min_score)
    steps = steps_of(preset, split_preset, embedder, backend, teachers, selection, redact, mark_harmful)
    typer.echo("\n".join([f"curate {videos} into {out}", *(f"  {described(step)}" for step in steps)]))
    told: dict[str, Any] = dict(
        steps=steps, split=split, streaming=streaming, limit=limit, num_workers=workers,
        one_model_at_a_time=one_model_at_a_time, videos_per_shard=videos_per_shard, batch_size=batch_size,
        time_limit_seconds=time_limit, license=license, opt_out=OptOut.read(opt_out), log_file=log_file,
        **export, **cluster,
    )  # fmt: skip
    if shard is not None or is_address(out):
        run_shared(videos, out, shard=part_of(shard), scratch=scratch, **told)
    else:
        typer.echo("\n".join(closing(*run(videos, Path(out), **told))))


def steps_of(
    preset: str,
    split_preset: str | None,
    embedder: str,
    backend: str,
    teachers: list[Any] | None,
    selection: dict[str, Any],
    redact: str | None,
    mark_harmful: bool,
) -> list[Any]:
    """The steps that the options ask for; ``None`` for the teachers of the preset."""
    steps = chosen_steps(
        preset,
        split_preset,
        embedder=embedder,
        backend=backend,
        **({"teachers": teachers} if teachers else {}),
        **selection,
    )
    return steps + rights_steps(steps, redact, mark_harmful)


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
    from panda_hf.running.folder import named_in_errors

    summary = run_all(videos, out, **options)
    with named_in_errors(out):
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
        *summary.throughput(),
    ]
    if summary.ok:
        place = summary.out.as_posix() if isinstance(summary.out, Path) else summary.out
        load = f'clips = load_dataset("{place}", split="train")'
        lines += ["Load it:", "  from datasets import load_dataset", f"  {load}"]
    return [*lines, f"Dataset: {summary.out}", f"Report:  {report}"]
