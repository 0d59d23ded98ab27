"""`panda-hf plan`: try a few videos, predict time, memory and disk of a run over all of them."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import curate_options as options
from panda_hf.cli.curate import described, steps_of
from panda_hf.cli.curate_teachers import teachers_of

if TYPE_CHECKING:
    from panda_hf.running.forecast import Extent, Forecast

TRIAL: dict[str, Any] = {"rich_help_panel": "Trial"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")

Sample = Annotated[int, typer.Option(min=1, metavar="N", help="How many videos to try.", **TRIAL)]
Clips = Annotated[int, typer.Option(min=0, metavar="N", help="How many clips of each to caption; 0: all.", **TRIAL)]
Together = Annotated[
    bool,
    typer.Option(
        "--together",
        help="Try in as many processes at once as the run will have. It needs the memory of the run, and tells how "
        "they slow each other down.",
        **TRIAL,
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to this file.", **TRIAL)
]

MachineList = Annotated[
    Path | None,
    typer.Option(
        "--machines",
        metavar="FILE",
        help="Also predict time and money on these machines: a YAML list of name, count, workers, dollars_per_hour "
        "and speed, how many times as fast as here each stage is.",
        **TRIAL,
    ),
]
AsIf = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Predict as if there were N videos like these.", **TRIAL)
]


def plan(
    videos: options.Videos,
    sample: Sample = 3,
    clips: Clips = 16,
    together: Together = False,
    json_file: JsonFile = None,
    machines: MachineList = None,
    as_if: AsIf = None,
    export_clips: options.ExportClips = False,
    export_way: options.ExportWay = "encode",
    export_codec: options.ExportCodec = "h264",
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
    videos_per_shard: options.VideosPerShard = 32,
    batch_size: options.BatchSize = 32,
) -> None:
    """Try a few of VIDEOS with the options of `panda-hf curate`, and predict what all of them will take.

    Prints the time of each stage, and the memory and disk space of a run. Nothing is written. The prediction holds for
    videos like those that were tried, on this machine with nothing else to do.
    """
    export = options.export(export_clips, export_way, export_codec)
    options.refuse_workers(workers, one_model_at_a_time)
    count = as_a_worker(1 if one_model_at_a_time else workers)

    from panda_hf.rights import OptOut
    from panda_hf.running.extent import look_over
    from panda_hf.running.forecast import forecast
    from panda_hf.running.inputs import list_videos
    from panda_hf.running.machines import read_machines
    from panda_hf.running.plan import Plan
    from panda_hf.running.trial import run_together, run_trial

    fleet = read_machines(machines) if machines else []

    teachers = teachers_of(teacher, checkpoint, teacher_config)
    selection = options.selection(selector, rerank, min_score)
    steps = steps_of(preset, split_preset, embedder, backend, teachers, selection, redact, mark_harmful)
    listed = list_videos(videos, split=split, streaming=streaming, limit=limit)
    run = Plan.of(steps, listed.features, batch_size=batch_size, **export)
    run.check_models()
    extent, rows = look_over(listed, sample, limit=limit, opt_out=OptOut.read(opt_out))
    typer.echo("\n".join([f"plan {videos}", *(f"  {described(step)}" for step in steps)]))
    chosen = [run.row(row) for row in rows]
    if as_if is not None:
        extent = dataclasses.replace(extent, videos=as_if)
    count = min(count, extent.videos)
    if together and count > 1:
        trial = run_together(run, chosen, count, clips_per_video=clips or None)
    else:
        trial = run_trial(
            run,
            chosen,
            clips_per_video=clips or None,
            rank=None if one_model_at_a_time or workers == 0 else 0,
            one_model_at_a_time=one_model_at_a_time,
            on_stage=lambda stage: typer.echo(f"trying {stage}", err=True),
        )
    found = forecast(trial, extent, count, loads=-(-extent.videos // videos_per_shard) if one_model_at_a_time else 1)
    typer.echo("\n" + "\n".join(report(found, trial, extent, together)))
    if fleet:
        typer.echo("\n" + "\n".join(elsewhere(found, fleet, extent)))
    if json_file:
        write_json(json_file, found)


def as_a_worker(workers: int | None) -> int:
    """Give numeric libraries as many threads as a worker of the run has; they look when they are loaded.

    Returns:
        How many processes work at once.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = max(1, cores if workers is None else workers)
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, str(max(1, cores // count)))
    return count


def report(found: Forecast, trial: Any, extent: Any, together: bool) -> list[str]:
    """What is printed: what was tried, a table of the stages, and the sums."""
    from panda_hf.publishing.wording import length, plural, share

    tried = trial.videos
    minutes = sum(video.minutes or 0.0 for video in tried)
    lines = [
        f"tried {plural(len(tried), 'video')} of {extent.videos:,} ({length(60 * minutes)}), "
        f"{sum(video.tried for video in tried)} of their {plural(sum(video.clips for video in tried), 'clip')}",
        *_failures(tried),
    ]
    rows = [["stage", "measured", "loading", "predicted", "range", "share"]]
    rows += [
        [
            stage.name,
            f"{stage.seconds_per_unit:.3g} s per {stage.unit}",
            length(stage.load_seconds),
            length(stage.seconds),
            _range(stage.low, stage.high),
            share(stage.share, 1.0),
        ]
        for stage in found.stages
    ]
    return [*lines, "", *_aligned(rows), "", *_sums(found, extent, together)]


def elsewhere(found: Forecast, fleet: Any, extent: Extent) -> list[str]:
    """What is printed of other machines, and what that assumes."""
    from panda_hf.running.machines import bill, table

    bills = [bill(found, machines, extent.videos) for machines in fleet]
    guessed = sorted({stage for one in bills for stage in one.guessed})
    return [
        *_aligned(table(bills)),
        "assumed: the work is shared out evenly, each worker loads its models once, nothing waits for network or",
        "         disk, and the speeds of the list are right"
        + (f"; as fast as here, since the list says nothing: {', '.join(guessed)}" if guessed else ""),
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]


def _sums(found: Forecast, extent: Any, together: bool) -> list[str]:
    import shutil

    from panda_hf.publishing.wording import length, plural, share
    from panda_hf.running.local import total_memory

    total = extent.total_minutes
    footage = f"{length(60 * total)} of video" if total is not None else "video of unknown length"
    spread = "one video tells nothing of the spread" if found.low is None else _range(found.low, found.high)
    memory, there = found.workers * found.worker_bytes, total_memory()
    lines = [
        f"all      {plural(extent.videos, 'video')}, {footage}, about {found.clips:,.0f} clips",
        f"time     {length(found.seconds)} ({spread}) with {plural(found.workers, 'worker')}"
        f"{', if they do not slow each other down (--together tells)' if found.workers > 1 and not together else ''}",
        f"memory   {size(memory)}: {plural(found.workers, 'worker')} of {size(found.worker_bytes)}; "
        f"this machine has {size(there)}",
    ]
    if memory > 0.9 * there:
        lines.append(f"         too much: take --workers {max(1, int(0.9 * there // found.worker_bytes))}")
    if found.gpu_bytes is not None and found.gpu_total_bytes is not None:
        lines.append(
            f"GPU      {size(found.gpu_bytes)} for the workers that share one of {size(found.gpu_total_bytes)}"
        )
        if found.gpu_bytes > 0.9 * found.gpu_total_bytes:
            lines.append("         too much: take fewer --workers, or --one-model-at-a-time")
    free = shutil.disk_usage(Path.cwd()).free
    lines.append(f"disk     {size(found.output_bytes)} of output beside the report; {size(free)} are free here")
    slowest = found.bottleneck
    lines.append(f"slowest  {slowest.name}: {share(slowest.share, 1.0)} of the work")
    return lines


def _failures(tried: Any) -> list[str]:
    failed = [video.video_id for video in tried if video.failed]
    return [f"with errors: {', '.join(failed)}; run `panda-hf curate` on them to see which"] if failed else []


def _range(low: float | None, high: float | None) -> str:
    from panda_hf.publishing.wording import length

    return "–" if low is None or high is None else f"{length(low)} to {length(high)}"


def size(count: float) -> str:
    """Bytes in the words of a report: ``1.5 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def write_json(path: Path, found: Forecast) -> None:
    """Write all figures: seconds, bytes, shares 0 to 1."""
    import json

    figures = {**dataclasses.asdict(found), "bottleneck": found.bottleneck.name}
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")
