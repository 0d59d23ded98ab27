"""`retry` and `extend`: do failed rows of a dataset again; new teachers, other selectors, for all rows or some."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Features

from panda_hf.errors import OutputError, SourceError
from panda_hf.publishing.card import write_card
from panda_hf.running import folder, manifest
from panda_hf.running.again import AgainPlan, halves, to_run, with_changes
from panda_hf.running.inputs import Source, list_videos
from panda_hf.running.local import Executor, executor_for
from panda_hf.running.manifest import Manifest
from panda_hf.running.plan import Plan, Step
from panda_hf.running.recorded import recorded_steps
from panda_hf.running.rework import Rework, ReworkSummary
from panda_hf.running.staged import OneModelAtATime
from panda_hf.running.swap import finish_swap
from panda_hf.stage import Row, Stage


def retry(
    out: str | os.PathLike[str],
    *,
    source: Source | None = None,
    steps: Sequence[Step] | None = None,
    num_workers: int | None = None,
    one_model_at_a_time: bool = False,
    time_limit_seconds: float | None = 600.0,
    progress: bool = True,
) -> ReworkSummary:
    """Do the rows of a finished dataset that have an error once more, and leave all others as they are.

    Of a video that could be split only the clips that failed are done, one that failed as a whole from its beginning.
    What fails again keeps its place among the failed rows, with the new error.

    Args:
        out: the folder of a finished run.
        source: where the videos are, when it is not where the run had them; needed for videos that failed as a whole
            when the run was given a dataset object. Videos are told by their ids.
        steps: those of the run; ``None``: as the manifest has them, where all are stages of this package.
        num_workers: see :func:`panda_hf.curate`, also for what follows.
        one_model_at_a_time: one step after the other in this process.
        time_limit_seconds: for a video.
        progress: show a bar and warnings.

    Raises:
        OutputError: ``out`` is no finished run, is in use, or its steps cannot be made again from the manifest.
        SourceError: the videos cannot be found again.
    """
    with _finished_run(Path(out)) as books:
        chosen_steps = list(steps) if steps is not None else recorded_steps(books.head["steps"])
        failed = [row for row in _rows(books, "clips/failed/") if row["clip_id"] is None]
        from_start = _entries(books, source, {row["video_id"] for row in failed})
        plan = _plan(books, chosen_steps, source) if from_start else _again(books, chosen_steps, chosen_steps, ())
        work = Rework(
            out=Path(out),
            books=books,
            plan=plan,
            what={"kind": "retry"},
            chosen=lambda row: row["error"] is not None and row["clip_id"] is not None,
            stages=halves(chosen_steps)[1] if not from_start else plan.clip_stages,
            from_start=from_start,
        )
        return _go(work, num_workers, one_model_at_a_time, time_limit_seconds, progress)


def extend(
    out: str | os.PathLike[str],
    changes: Sequence[Stage],
    *,
    where: Callable[[Row], bool] | None = None,
    where_in_words: str | None = None,
    steps: Sequence[Step] | None = None,
    num_workers: int | None = None,
    one_model_at_a_time: bool = False,
    time_limit_seconds: float | None = 600.0,
    progress: bool = True,
) -> ReworkSummary:
    """Run new or changed stages on the clips of a finished dataset, and those that work on what they write.

    Another ``Select`` chooses anew among the captions that are there; another ``Caption`` of a teacher that was asked
    writes its captions anew; one of a new teacher, with a ``Select`` that knows it, adds its captions. The other
    teachers are not asked. A row that fails now stays what it was.

    Example::

        extend("clips", [Select(teachers=("a", "b"), selector="my/umt")])
        extend("clips", [Caption(teacher="c"), Select(teachers=("a", "b", "c"))], where=lambda row: row["end"] > 60)

    Args:
        out: the folder of a finished run.
        changes: stages for clip rows; each takes the place of that of its name, or stands behind the last of its kind.
        where: says of a clip row, frames aside, whether the stages run on it; ``None``: on all. Failed rows are left
            to :func:`retry`, save those that failed in one of the stages that run.
        where_in_words: for the manifest; a rework that was interrupted goes on only with the same words.
        steps: see :func:`retry`, also for what follows.
        num_workers: worker processes.
        one_model_at_a_time: one step after the other in this process.
        time_limit_seconds: for the clips of a video.
        progress: show a bar and warnings.

    Raises:
        OutputError: see :func:`retry`.
        ValueError: a stage is of a kind that the dataset was made without.
    """
    if not changes:
        raise ValueError("no stage was given: there is nothing to change")
    with _finished_run(Path(out)) as books:
        old = list(steps) if steps is not None else recorded_steps(books.head["steps"])
        new = with_changes(old, changes)
        stages = to_run(halves(new)[1], changes)
        plan = _again(books, old, new, stages)
        plan.check_models()
        names = {stage.name for stage in stages}
        work = Rework(
            out=Path(out),
            books=books,
            plan=plan,
            what={"kind": "extend", "changes": [stage.name for stage in changes], "where": where_in_words},
            chosen=lambda row: _may(row, names) and (where is None or where(row)),
            stages=stages,
            every_shard=plan.clip_features != plan.clips_now,
        )
        return _go(work, num_workers, one_model_at_a_time, time_limit_seconds, progress)


def _may(row: Row, stages: set[str]) -> bool:
    return row["clip_id"] is not None and (row["error"] is None or row["error"]["stage"] in stages)


@contextmanager
def _finished_run(out: Path) -> Iterator[Manifest]:
    """The manifest of a finished run, while nobody else writes to its folder."""
    if not (out / manifest.NAME).exists():
        raise OutputError(f"{out} is not the folder of a run (no {manifest.NAME}); merge the parts of one first")
    with folder.locked(out):
        finish_swap(out)
        books = Manifest.load(out / manifest.NAME)
        if not books.ended:
            raise OutputError(f"the run in {out} is not finished; run its command again first")
        yield books


def _go(work: Rework, workers: int | None, one_model: bool, limit: float | None, progress: bool) -> ReworkSummary:
    shards = work.books.shards.values()
    executor: Executor = OneModelAtATime(work.plan, int(work.books.head["settings"]["videos_per_shard"]))
    if not one_model:
        work.place.mkdir(parents=True, exist_ok=True)
        videos = sum(len(record["video_ids"]) for record in shards)
        executor = executor_for(work.plan, workers, videos, limit, work.place)
    summary = work.go(executor, progress)
    write_card(work.out)
    return summary


def _rows(books: Manifest, kind: str) -> Iterator[Row]:
    for record in books.shards.values():
        for name in record["files"]:
            if name.startswith(kind):
                columns = ["clip_id", "video_id"]
                yield from pq.read_table(books.path.parent / name, columns=columns).to_pylist()


def _source(books: Manifest, source: Source | None) -> Any:
    options: Any = {"split": books.head.get("split"), "streaming": bool(books.head.get("streaming"))}
    limit = books.head["settings"].get("limit") if source is None else None
    chosen: Any = books.head["source"] if source is None else source
    try:
        return list_videos(chosen, limit=limit, without=books.path.parent, **options)
    except SourceError as error:
        raise SourceError(f"{error}. Say where the videos are now, with source= or --videos") from error


def _entries(books: Manifest, source: Source | None, wanted: set[str]) -> dict[str, Any]:
    """How to get the rows of videos from the source, by id."""
    if not wanted:
        return {}
    found = {entry.video_id: entry.load for entry in _source(books, source) if entry.video_id in wanted}
    if missing := sorted(wanted - set(found)):
        raise SourceError(
            f"{len(missing)} of the videos that failed are not in the source any more, such as {missing[:5]}; "
            f"say where they are now, with source= or --videos"
        )
    return found


def _plan(books: Manifest, steps: Sequence[Step], source: Source | None) -> Plan:
    settings = books.head["settings"]
    options = {name: settings[name] for name in ("batch_size", "export_clips", "thumbnails")}
    options["export_codec"] = settings.get("export_codec", "h264")  # older runs knew no other
    own = [step for step in steps if getattr(step, "name", None) != "Cut"] if settings["export_clips"] else steps
    plan = Plan.of(own, _source(books, source).features, **options)
    plan.check_models()
    return plan


def _again(books: Manifest, old: Sequence[Step], new: Sequence[Step], stages: tuple[Stage, ...]) -> AgainPlan:
    """The plan of stages on clips that are there; of all of them and with pictures when ``stages`` is empty."""
    settings = books.head["settings"]
    video_stages, clip_stages = halves(new)
    return AgainPlan(
        video_stages,
        clip_stages,
        Features(),
        {},
        batch_size=settings["batch_size"],
        thumbnails=settings["thumbnails"] and not stages,
        redone=stages or clip_stages,
        clips_now=_features(books, "clips/"),
        videos_now=_features(books, "videos/"),
        before=halves(old)[1],
    )


def _features(books: Manifest, kind: str) -> Features:
    names = (name for record in books.shards.values() for name in record["files"] if name.startswith(kind))
    return Features.from_arrow_schema(pq.read_schema(books.path.parent / next(names)))
