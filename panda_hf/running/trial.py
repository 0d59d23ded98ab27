"""A few videos through all steps, with a clock: what `panda-hf plan` predicts from."""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset

from panda_hf.clips import explode_batch, video_id_of
from panda_hf.models.release import release_models
from panda_hf.running.plan import Plan
from panda_hf.running.shard import Work, batches, write_thumbnails
from panda_hf.stage import Batch, Row, Stage

THUMBNAILS = "thumbnails"
"""What the time of writing pictures is called beside the names of the stages."""


@dataclass(frozen=True)
class VideoTrial:
    """What one video took. Seconds are those of one process, without the loading of models."""

    video_id: str
    minutes: float | None
    """Length of the video; ``None`` where it could not be read."""
    clips: int
    """Clips it was split into."""
    tried: int
    """How many of them went through the rest of the steps."""
    failed: int
    """How many of those have an error; 1 where the video itself has one."""
    seconds: dict[str, float]
    """By stage."""
    output_bytes: int
    """What the clips that were tried take in the output."""


@dataclass(frozen=True)
class Trial:
    """What a few videos took."""

    videos: tuple[VideoTrial, ...]
    video_stages: tuple[str, ...]
    """Stages whose time grows with the length of the videos, in order."""
    clip_stages: tuple[str, ...]
    """Stages whose time grows with the number of clips, in order."""
    load_seconds: dict[str, float]
    """By how much the first call of a stage took longer than the second: loading models, importing."""
    peak_bytes: int
    """Most memory that this process held."""
    gpu_bytes: int | None
    """Most memory that was taken of a GPU; ``None`` without one."""
    gpu_total_bytes: int | None = None
    """Memory of a GPU."""
    gpus: int = 0


def run_trial(
    plan: Plan,
    rows: Sequence[Row],
    *,
    clips_per_video: int | None = 16,
    rank: int | None = 0,
    one_model_at_a_time: bool = False,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Trial:
    """Run videos through the plan in this process and measure it; nothing of the output is kept.

    The stages are called as :func:`panda_hf.curate` calls them, one after the other. Each is first called twice on one
    row: what the first call takes longer is needed only once in a process, such as the loading of models.

    Args:
        plan: the steps.
        rows: video rows, the shortest video first: that one is split once more.
        clips_per_video: so many of a video's clips, spread over it, go through all steps; ``None``: all.
        rank: handed to the stages; ``None`` for a run in one process, 0 for the first of several workers.
        one_model_at_a_time: give models back after each stage, as such a run does.
        on_stage: told the name of a stage before it begins.

    Raises:
        PandaError: what every other video would meet, too, such as a missing checkpoint.
    """
    _reset_gpu()
    after = release_models if one_model_at_a_time else lambda: None
    with tempfile.TemporaryDirectory(prefix="panda_hf_plan_") as folder:
        runner = _Runner(plan, Path(folder), rank)
        tried = [runner.begin(row) for row in rows]
        for stage in plan.video_stages:
            on_stage(stage.name)
            runner.split(stage, tried)
            after()
        for one in tried:
            runner.explode(one, clips_per_video)
        for stage in plan.clip_stages:
            on_stage(stage.name)
            runner.clips(stage, tried)
            after()
        videos = tuple(runner.finish(one) for one in tried)
    return Trial(
        videos=videos,
        video_stages=tuple(stage.name for stage in plan.video_stages),
        clip_stages=(*(stage.name for stage in plan.clip_stages), *([THUMBNAILS] if plan.thumbnails else [])),
        load_seconds=runner.load_seconds,
        peak_bytes=_peak_bytes(),
        **_gpu_memory(),  # type: ignore[arg-type]
    )


def run_together(plan: Plan, rows: Sequence[Row], processes: int, *, clips_per_video: int | None = 16) -> Trial:
    """The same trial in several processes at once, as workers of a run: they slow each other down as much.

    Every process loads all models, as every worker does.

    Args:
        plan: the steps.
        rows: see :func:`run_trial`.
        processes: how many.
        clips_per_video: see :func:`run_trial`.

    Returns:
        Means of the seconds, the largest of the memory.
    """
    # A fork of a process whose libraries have started threads may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [
            pool.submit(run_trial, plan, rows, clips_per_video=clips_per_video, rank=rank) for rank in range(processes)
        ]
        trials = [trial.result() for trial in running]
    first = trials[0]
    videos = [
        replace(video, seconds=_mean([trial.videos[i].seconds for trial in trials]))
        for i, video in enumerate(first.videos)
    ]
    return replace(
        first,
        videos=tuple(videos),
        load_seconds=_mean([trial.load_seconds for trial in trials]),
        peak_bytes=max(trial.peak_bytes for trial in trials),
        gpu_bytes=max((trial.gpu_bytes for trial in trials if trial.gpu_bytes is not None), default=None),
    )


def _mean(seconds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {stage: sum(one[stage] for one in seconds) / len(seconds) for stage in seconds[0]}


@dataclass
class _Tried:
    """One video on its way."""

    work: Work
    split: Batch
    named: int = 0
    batches: list[Batch] = field(default_factory=list)


@dataclass
class _Runner:
    plan: Plan
    folder: Path
    rank: int | None
    load_seconds: dict[str, float] = field(default_factory=dict)

    def begin(self, row: Row) -> _Tried:
        """A video before its first stage."""
        columns = [*self.plan.input_features, "filtered", "error"]
        return _Tried(self._work(), {name: [row.get(name)] for name in columns})

    def split(self, stage: Stage, tried: Sequence[_Tried]) -> None:
        """Run a stage for video rows; on the first video once more, beforehand."""
        cold = self._work()
        cold.run(stage, tried[0].split)
        for one in tried:
            one.split = one.work.run(stage, one.split)
        self._note(stage, cold, tried[0].work)

    def explode(self, one: _Tried, most: int | None) -> None:
        """Choose the clips that are tried."""
        clips = explode_batch(one.split)
        named = [i for i, clip_id in enumerate(clips["clip_id"]) if clip_id is not None]
        one.named = len(named)
        one.batches = list(batches(_rows(clips, _spread(named, most)), self.plan.batch_size))

    def clips(self, stage: Stage, tried: Sequence[_Tried]) -> None:
        """Run a stage for clip rows; on the first clip twice more, beforehand."""
        first = next((_rows(one.batches[0], [0]) for one in tried if one.batches), None)
        if first is None:
            return
        cold, again = self._work(), self._work()
        cold.run(stage, first)
        again.run(stage, first)
        self._note(stage, cold, again)
        for one in tried:
            one.batches = [one.work.run(stage, batch) for batch in one.batches]

    def finish(self, one: _Tried) -> VideoTrial:
        """What is known of a video."""
        if self.plan.thumbnails:
            started = time.perf_counter()
            for batch in one.batches:
                write_thumbnails(one.work.part / THUMBNAILS, batch)
            one.work.seconds[THUMBNAILS] = time.perf_counter() - started
        errors = [error for batch in one.batches or [one.split] for error in batch["error"]]
        duration = one.split["duration"][0] if "duration" in one.split else None
        return VideoTrial(
            video_id=video_id_of({name: values[0] for name, values in one.split.items()}),
            minutes=duration / 60 if duration else None,
            clips=one.named,
            tried=sum(len(batch["clip_id"]) for batch in one.batches),
            failed=sum(error is not None for error in errors),
            seconds=one.work.seconds,
            output_bytes=_bytes_of(self.plan, one.batches, one.work.part) if one.batches else 0,
        )

    def _work(self) -> Work:
        part = Path(tempfile.mkdtemp(dir=self.folder))
        return Work(self.plan, part, "media", self.rank, lambda stage: None)

    def _note(self, stage: Stage, cold: Work, again: Work) -> None:
        self.load_seconds[stage.name] = max(0.0, cold.seconds[stage.name] - again.seconds[stage.name])


def _spread(places: Sequence[int], most: int | None) -> list[int]:
    """At most so many of the places, evenly."""
    if most is None or len(places) <= most:
        return list(places)
    return [places[int((i + 0.5) * len(places) / most)] for i in range(most)]


def _rows(batch: Batch, places: Sequence[int]) -> Batch:
    return {name: [values[i] for i in places] for name, values in batch.items()}


def _bytes_of(plan: Plan, done: Sequence[Batch], folder: Path) -> int:
    """Of the columns in Parquet, and of the files that were written."""
    features = plan.clip_features
    columns = {name: [value for batch in done for value in batch[name]] for name in features}
    buffer = io.BytesIO()
    pq.write_table(Dataset.from_dict(columns, features=features).data.table, buffer)
    groups = pq.read_metadata(buffer)
    table = sum(
        groups.row_group(i).column(j).total_compressed_size
        for i in range(groups.num_row_groups)
        for j in range(groups.num_columns)
    )
    return table + sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_bytes() -> int:
    """Most memory this process ever held; without what a process that started it had held, where that can be told."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _reset_gpu() -> None:
    import torch

    for device in range(torch.cuda.device_count()):
        torch.cuda.reset_peak_memory_stats(device)


def _gpu_memory() -> dict[str, int | None]:
    import torch

    gpus = range(torch.cuda.device_count())
    return {
        "gpus": len(gpus),
        "gpu_bytes": max((torch.cuda.max_memory_reserved(gpu) for gpu in gpus), default=None),
        "gpu_total_bytes": min((torch.cuda.get_device_properties(gpu).total_memory for gpu in gpus), default=None),
    }
