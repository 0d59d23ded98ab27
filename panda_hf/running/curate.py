"""`curate`: from many videos to a dataset of captioned clips, in shards, resumable at any moment."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args

from panda_hf.errors import PandaError, SourceError
from panda_hf.rights import OptOut
from panda_hf.running import manifest
from panda_hf.running.accounts import RunSummary
from panda_hf.running.events import EventLog
from panda_hf.running.files import is_url
from panda_hf.running.inputs import Source, list_videos
from panda_hf.running.local import Executor, executor_for
from panda_hf.running.part import Part
from panda_hf.running.places import OwnFolder, Place, SharedPlace
from panda_hf.running.plan import Plan, Step
from panda_hf.running.progress import RunProgress
from panda_hf.running.run import Run
from panda_hf.running.seats import Asked
from panda_hf.running.staged import OneModelAtATime
from panda_hf.running.videos import Videos
from panda_hf.video.cut import Way
from panda_hf.video.encode import Codec

log = logging.getLogger(__name__)

ExecutorName = Literal["local", "ray"]


def curate(
    source: Source,
    out: str | os.PathLike[str],
    *,
    steps: Sequence[Step] | None = None,
    split: str | None = None,
    streaming: bool = False,
    limit: int | None = None,
    num_workers: int | None = None,
    one_model_at_a_time: bool = False,
    executor: ExecutorName = "local",
    address: str | None = None,
    resources: Asked | None = None,
    videos_per_shard: int = 32,
    batch_size: int = 32,
    time_limit_seconds: float | None = 600.0,
    export_clips: bool | Way = False,
    export_codec: Codec = "h264",
    thumbnails: bool = True,
    license: str | None = None,
    opt_out: OptOut | None = None,
    resume: bool = True,
    shard: Part | str | None = None,
    scratch: str | os.PathLike[str] | None = None,
    log_file: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> RunSummary:
    """Run the steps over all videos and write the clips as a dataset repository.

    ``out`` afterwards holds ``clips/{train,filtered,failed}/*.parquet`` (every clip row once: kept, set aside with its
    reason, or failed with its error), ``videos/*.parquet`` (one row per input video), ``manifest.jsonl``, a card,
    and ``thumbnails/`` and ``media/`` where asked for. ``load_dataset(out)`` and ``load_dataset(out, "videos")`` work.

    Interrupted at any moment, the same call goes on: committed shards are left alone, finished videos of other
    shards are not done again, and the result is the one of an undisturbed run.

    Args:
        source: see :func:`panda_hf.video_rows`.
        out: a new folder, or that of the run to go on with; or an address such as ``s3://bucket/folder``, where each
            shard is put when it is whole, and all are merged at the end.
        steps: from :func:`panda_hf.panda_70m`, which is the default.
        split: which split, where ``source`` is a dataset.
        streaming: stream what ``load_dataset`` loads.
        limit: only so many videos from the start.
        num_workers: worker processes; ``None`` for all cores; 0 works in this process, without time limit.
        one_model_at_a_time: for models that do not fit on the GPU side by side: the videos of a shard go through one
            step, then through the next, all in this process and without time limit. The result is the same.
        executor: ``ray`` streams the videos through pools of actors on a Ray cluster (``pip install panda_hf[ray]``),
            see :class:`panda_hf.running.on_ray.RayExecutor`. The result is the same, to the last bit.
        address: of the cluster; ``None``: that of ``$RAY_ADDRESS``, else one is started on this machine.
        resources: for ``ray``, by name of a stage, what it needs in place of what it declares (the fields of
            :class:`panda_hf.stage.Resources`), and ``seat``: neighbours with the same one share a pool.
        videos_per_shard: videos whose clips share a Parquet file.
        batch_size: clips handed to a stage at once; a teacher's model sees ``Caption.model_batch_size`` of them.
        time_limit_seconds: a video that takes longer becomes an error row; ``None``: it may take forever. For the
            first video of a worker this includes loading the models.
        export_clips: also write each kept clip as mp4, column ``clip_path``. ``True`` encodes; ``"copy"`` and
            ``"smart"`` copy the video's packets where they can (columns ``clip_way``, ``clip_way_reason``), see
            :class:`panda_hf.running.Cut`.
        export_codec: what the pictures of clips that are encoded become, ``h264`` or ``av1``.
        thumbnails: write small pictures of each clip for the report.
        license: of the footage, for the card, as the Hub spells it; ``None``: not stated.
        opt_out: videos and channels that are left out: nothing of them is opened, and of their rows only the id and
            the reason stay, so that the account adds up (``panda_hf.push`` leaves such rows out too). Another list may
            be given when a run goes on; it is honoured for videos that are not finished yet.
        resume: go on with an unfinished run in ``out``; when false, refuse.
        shard: do only one part of many, such as ``"3/64"``, counted from 0. Every machine gives the same source and
            settings and a part of its own; none needs to know of another. ``out`` becomes a dataset by
            :func:`panda_hf.running.merge`. Two workers with the same part, or one that is started again, do no harm.
        scratch: with an address as ``out``, where videos that are finished wait for their shard; ``None``: a folder of
            this output in the cache of this package.
        log_file: add a line of JSON to this file for each video, each shard and the end; see
            :class:`panda_hf.running.events.EventLog`.
        progress: show a bar and warnings on standard error.

    Raises:
        SourceError: the input cannot be read or holds no video.
        OutputError: ``out`` holds something else, was made with other settings, or is in use.
        PandaError: something every video would meet, such as a missing checkpoint.
        ValueError: an option is out of range.
    """
    _check_options(num_workers, videos_per_shard, batch_size, time_limit_seconds, limit)
    _check_executor(executor, num_workers, one_model_at_a_time, address, resources)
    started = time.perf_counter()
    part = shard if isinstance(shard, Part) else Part.parse(shard) if shard is not None else None
    local = None if is_url(os.fspath(out)) else Path(out)
    videos = list_videos(source, split=split, streaming=streaming, limit=limit, without=local)
    if videos.count == 0:
        raise SourceError(f"{describe_source(source)} holds no video")
    plan = Plan.of(
        _default_steps() if steps is None else steps,
        videos.features,
        batch_size=batch_size,
        export_clips=export_clips,
        export_codec=export_codec,
        thumbnails=thumbnails,
    )
    plan.check_models()
    settings = {"videos_per_shard": videos_per_shard, "limit": limit}
    head = _head(plan, videos, source, settings)
    head |= {"opt_out_digest": opt_out.digest if opt_out else None, "split": split, "streaming": streaming}
    place = _place(out, part, scratch)
    with place.opened(head, resume) as books:
        run = Run(place.work, books, plan, videos, videos_per_shard, opt_out or OptOut(), part or Part())
        own = run.part.videos(videos.count, videos_per_shard)
        if executor == "ray":
            runs = _ray_executor(plan, time_limit_seconds, address, resources)
        elif one_model_at_a_time:
            runs = OneModelAtATime(plan, videos_per_shard)
        else:
            runs = executor_for(plan, num_workers, own, time_limit_seconds, place.work)
        with (
            RunProgress(own, progress) as shown,
            closing(EventLog(Path(log_file) if log_file else None)) as run.events,
        ):
            run.events.write("run", source=describe_source(source), out=str(place.name), part=str(run.part))
            run.go(runs, shown)
            place.check(books)
            summary = run.finish(place.name, time.perf_counter() - started)
            place.close(license)
    log.info("%s", summary)
    return summary


def _place(out: str | os.PathLike[str], part: Part | None, scratch: str | os.PathLike[str] | None) -> Place:
    if part is None and not is_url(os.fspath(out)):
        return OwnFolder(Path(out))
    return SharedPlace.of(out, part, scratch)


def _ray_executor(plan: Plan, limit: float | None, address: str | None, resources: Asked | None) -> Executor:
    try:
        from panda_hf.running.on_ray import RayExecutor
    except ImportError as error:
        raise PandaError(f"executor='ray' needs Ray ({error}): pip install 'panda_hf[ray]'") from error
    return RayExecutor(plan, limit, address, resources or {})


def _default_steps() -> Sequence[Step]:
    from panda_hf.pipeline import panda_70m  # loads torch

    return panda_70m()


def describe_source(source: Any) -> str:
    """What messages and the manifest call a source."""
    return os.path.abspath(source) if isinstance(source, str | os.PathLike) and os.path.exists(source) else (
        source if isinstance(source, str) else type(source).__name__
    )  # fmt: skip


def _check_executor(
    executor: str, workers: int | None, one_model_at_a_time: bool, address: str | None, resources: Asked | None
) -> None:
    if executor not in get_args(ExecutorName):
        raise ValueError(f"executor={executor!r}: expected one of {get_args(ExecutorName)}")
    if one_model_at_a_time and workers:
        raise ValueError(f"num_workers={workers} with one_model_at_a_time: it runs in this process; leave it out")
    if executor == "ray" and (workers is not None or one_model_at_a_time):
        raise ValueError("executor='ray' with num_workers or one_model_at_a_time: give resources instead")
    if executor != "ray" and (address is not None or resources is not None):
        raise ValueError(f"address={address!r}, resources={resources!r} are for executor='ray'")


def _check_options(
    num_workers: int | None,
    videos_per_shard: int,
    batch_size: int,
    time_limit_seconds: float | None,
    limit: int | None,
) -> None:
    for name, value, least in (
        ("num_workers", num_workers, 0),
        ("videos_per_shard", videos_per_shard, 1),
        ("batch_size", batch_size, 1),
        ("limit", limit, 1),
    ):
        if value is not None and value < least:
            raise ValueError(f"{name}={value}: expected at least {least}")
    if time_limit_seconds is not None and not time_limit_seconds > 0:
        raise ValueError(f"time_limit_seconds={time_limit_seconds}: expected more than 0, or None for no limit")


def _head(plan: Plan, videos: Videos, source: Source, settings: dict[str, Any]) -> dict[str, Any]:
    options = {name: getattr(plan, name) for name in ("batch_size", "export_clips", "export_codec", "thumbnails")}
    return manifest.head_record(
        plan.describe(), {**settings, **options}, describe_source(source), videos.count, videos.digest
    )
