"""The options that `panda-hf curate` and `panda-hf plan` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

METHOD: dict[str, Any] = {"rich_help_panel": "Method"}
RUNNING: dict[str, Any] = {"rich_help_panel": "Running"}

Videos = Annotated[
    str,
    typer.Argument(
        metavar="VIDEOS",
        help="A folder, a list file (.txt), a table (.csv, .jsonl, .parquet), one video, or whatever load_dataset "
        "takes. Put -- before a name that begins with a dash.",
        show_default=False,
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT",
        help="Where the dataset goes: a new folder, or an address such as s3://bucket/folder.",
        show_default=False,
    ),
]
ExportClips = Annotated[bool, typer.Option("--export-clips", help="Also write each kept clip as mp4.")]
ExportWay = Annotated[
    Literal["encode", "copy", "smart"],
    typer.Option(
        help="With --export-clips: encode pictures again; copy them where the video allows it, which is far cheaper, "
        "but players that ignore edit lists show more than such a clip; or smart: encode only the frames at the ends "
        "that cannot be copied exactly, and check each clip.",
    ),
]
ExportCodec = Annotated[
    Literal["h264", "av1"], typer.Option(help="With --export-clips: what pictures that are encoded become.")
]
License = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Licence of the footage, for the card, as the Hub spells it: cc-by-4.0."),
]
OptOut = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Videos and channels that are left out: ids, addresses.")
]
Redact = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Replace names of people by `person`, found by this model for names."),
]
MarkHarmful = Annotated[bool, typer.Option("--mark-harmful", help="Mark insults and obscenities.")]
Split = Annotated[str | None, typer.Option(metavar="NAME", help="Which split, where VIDEOS is a dataset.")]
Streaming = Annotated[bool, typer.Option("--streaming", help="Stream what load_dataset loads.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only so many videos, from the start.")]
Preset = Annotated[
    str, typer.Option(metavar="NAME", help="The set of checkpoints: mini is shipped, needs no GPU.", **METHOD)
]
SplitPreset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Rules of the splitting: default, panda70m, official-code, paper, learned. Else what suits the embedder.",
        **METHOD,
    ),
]
Embedder = Annotated[
    str,
    typer.Option(metavar="MODEL", help="What stitches shots: descriptor, or a vision model by id or path.", **METHOD),
]
Teacher = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A teacher or a set of them (`panda-hf teachers`); repeat it for several. Else those of the preset.",
        **METHOD,
    ),
]
Checkpoint = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FOLDER",
        help="Where a teacher's checkpoint is, or NAME.ROLE=FOLDER for a part of it; repeat it for several. Else what "
        "`panda-hf teachers` says.",
        **METHOD,
    ),
]
TeacherConfig = Annotated[
    Path | None,
    typer.Option(
        "--teacher-config",
        metavar="FILE",
        help="Teachers of your own, beside those of --teacher: any model, a server, as YAML (docs/teachers.md).",
        **METHOD,
    ),
]
Selector = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="What chooses the caption. Else that of the preset.", **METHOD),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        metavar="N|all",
        help="Let the selector's matching head choose among all captions, or the N of highest matching score.",
        **METHOD,
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        metavar="SCORE",
        help="Set clips aside of which even the best caption scores below it: matching score, or with --rerank the "
        "head's. `panda-hf selector calibrate` finds it.",
        **METHOD,
    ),
]
Backend = Annotated[
    str, typer.Option(metavar="NAME", help="Decoder of sampled frames: pyav, decord, torchcodec.", **METHOD)
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Worker processes. Else all cores; 0: only this process.", **RUNNING),
]
OneModelAtATime = Annotated[
    bool,
    typer.Option(
        "--one-model-at-a-time",
        help="For models that do not fit side by side: the videos of a shard go through one step after the other, in "
        "this process: without --workers, and --time-limit has no effect.",
        **RUNNING,
    ),
]
Executor = Annotated[
    Literal["local", "ray"],
    typer.Option(
        help="Who runs the videos: processes of this machine, or a Ray cluster (docs/cluster.md).", **RUNNING
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="With --executor ray: the cluster, such as auto. Else $RAY_ADDRESS, else one is started here.",
        **RUNNING,
    ),
]
ResourcesFile = Annotated[
    Path | None,
    typer.Option(
        "--resources",
        metavar="FILE",
        help="With --executor ray: num_cpus, num_gpus, batch_size, actors and seat by stage, as YAML.",
        **RUNNING,
    ),
]
TimeLimit = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="A video that takes longer fails.", **RUNNING)
]
VideosPerShard = Annotated[
    int, typer.Option(min=1, metavar="N", help="Videos whose clips share a Parquet file.", **RUNNING)
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Do one part of N, counted from 0, on this machine; `panda-hf merge` puts them together.",
        **RUNNING,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Add a line of JSON for each video, each shard, the end.", **RUNNING),
]
Scratch = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where videos wait for their shard when OUT is an address.", **RUNNING),
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Clips handed to a stage at once.", **RUNNING)]


def selection(selector: str | None, rerank: str | None, min_score: float | None) -> dict[str, Any]:
    """What of the options for the selector is given, as arguments of ``panda_70m``."""
    if rerank is not None and rerank != "all" and not (rerank.isascii() and rerank.isdecimal() and int(rerank)):
        raise typer.BadParameter(f"{rerank!r} is neither all nor a number from 1 on", param_hint="--rerank")
    count = int(rerank) if rerank not in (None, "all") else rerank
    given = {"selector": selector or None, "rerank": count, "min_score": min_score}
    return {name: value for name, value in given.items() if value is not None}


def refuse_workers(workers: int | None, one_model_at_a_time: bool) -> None:
    """One model at a time is the affair of one process."""
    if one_model_at_a_time and workers:
        raise typer.BadParameter(
            f"{workers} with --one-model-at-a-time, which runs in this process; leave one of them out",
            param_hint="--workers",
        )


def on_ray(
    executor: Literal["local", "ray"],
    workers: int | None,
    one_model_at_a_time: bool,
    address: str | None,
    resources: Path | None,
) -> dict[str, Any]:
    """Which executor is asked for, as arguments of ``curate``."""
    if executor != "ray":
        if address is not None or resources is not None:
            raise typer.BadParameter(f"{executor} has neither --address nor --resources", param_hint="--executor")
        return {}
    if workers is not None or one_model_at_a_time:
        raise typer.BadParameter(
            "ray counts its workers itself, or by --resources; leave --workers and --one-model-at-a-time out",
            param_hint="--executor",
        )
    return {"executor": "ray", "address": address, "resources": _read_resources(resources) if resources else None}


def _read_resources(path: Path) -> Any:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}", param_hint="--resources") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(
            f"{path} holds {found!r}; expected a stage's name, then what it needs", param_hint="--resources"
        )
    return found


def export(clips: bool, way: Literal["encode", "copy", "smart"], codec: Literal["h264", "av1"]) -> dict[str, Any]:
    """Whether to write clips as files, and how, as arguments of ``curate`` and ``Plan``."""
    if way != "encode" and not clips:
        raise typer.BadParameter(f"{way} says how to write clips; add --export-clips", param_hint="--export-way")
    if codec != "h264" and not clips:
        raise typer.BadParameter(f"{codec} says how to write clips; add --export-clips", param_hint="--export-codec")
    if codec != "h264" and way != "encode":
        raise typer.BadParameter(
            f"{codec} with --export-way {way}, which keeps the codec of the video; leave one of them out",
            param_hint="--export-codec",
        )
    return {"export_clips": clips if way == "encode" else way, "export_codec": codec}
