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
from panda_hf.cli.plan_printing import elsewhere, report, write_json

if TYPE_CHECKING:
    from panda_hf.running.forecast import Extent, Forecast
    from panda_hf.running.plan import Plan
    from panda_hf.running.trial import Trial

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

    from panda_hf.running.machines import read_machines

    fleet = read_machines(machines) if machines else []
    steps = steps_of(
        preset, split_preset, embedder, backend, teachers_of(teacher, checkpoint, teacher_config),
        options.selection(selector, rerank, min_score), redact, mark_harmful,
    )  # fmt: skip
    trying = Trying(
        sample=sample, clips_per_video=clips or None, together=together, workers=count, as_if=as_if,
        in_process=one_model_at_a_time or workers == 0,
        videos_per_load=videos_per_shard if one_model_at_a_time else None,
    )  # fmt: skip
    found, trial, extent = predict(
        videos, steps, trying, opt_out, {"batch_size": batch_size, **export},
        split=split, streaming=streaming, limit=limit,
    )  # fmt: skip
    tell(found, report(found, trial, extent, together), elsewhere(found, fleet, extent) if fleet else [], json_file)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trying:
    """How a few videos are tried, and what for."""

    sample: int
    clips_per_video: int | None  # None: all
    together: bool  # in as many processes at once as the run will have
    workers: int  # of the run
    as_if: int | None  # videos to predict for; None: those that there are
    in_process: bool  # the run has no other process than this one
    videos_per_load: int | None  # after so many the models are loaded anew; None: once per worker

    def trial(self, run: Plan, rows: list[Any], workers: int) -> Trial:
        """Take the videos through all steps."""
        from panda_hf.running.trial import run_together, run_trial

        if self.together and workers > 1:
            return run_together(run, rows, workers, clips_per_video=self.clips_per_video)
        return run_trial(
            run,
            rows,
            clips_per_video=self.clips_per_video,
            rank=None if self.in_process else 0,
            one_model_at_a_time=self.videos_per_load is not None,
            on_stage=lambda stage: typer.echo(f"trying {stage}", err=True),
        )


def predict(
    videos: str,
    steps: list[Any],
    trying: Trying,
    opt_out: Path | None,
    settings: dict[str, Any],
    *,
    limit: int | None,
    **listing: Any,
) -> tuple[Forecast, Trial, Extent]:
    """Try a few of the videos, and predict what all will take.

    Args:
        videos, limit, listing: see ``list_videos``.
        steps: of the run.
        trying: how.
        opt_out: list of videos that are left out; ``None``: none is.
        settings: of ``Plan``.

    Returns:
        What all will take, what those that were tried took, and how many videos there are.
    """
    from panda_hf.rights import OptOut
    from panda_hf.running.extent import look_over
    from panda_hf.running.forecast import forecast
    from panda_hf.running.inputs import list_videos
    from panda_hf.running.plan import Plan

    listed = list_videos(videos, limit=limit, **listing)
    run = Plan.of(steps, listed.features, **settings)
    run.check_models()
    extent, rows = look_over(listed, trying.sample, limit=limit, opt_out=OptOut.read(opt_out))
    typer.echo("\n".join([f"plan {videos}", *(f"  {described(step)}" for step in steps)]))
    chosen = [run.row(row) for row in rows]
    if trying.as_if is not None:
        extent = dataclasses.replace(extent, videos=trying.as_if)
    workers = min(trying.workers, extent.videos)
    trial = trying.trial(run, chosen, workers)
    loads = -(-extent.videos // trying.videos_per_load) if trying.videos_per_load else 1
    return forecast(trial, extent, workers, loads=loads), trial, extent


def tell(found: Forecast, here: list[str], on_others: list[str], json_file: Path | None) -> None:
    """Print what was found, of this machine and of others, and write the figures where that is asked for."""
    typer.echo("\n" + "\n".join(here))
    if on_others:
        typer.echo("\n" + "\n".join(on_others))
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
