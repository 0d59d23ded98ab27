"""What a rework does to each clip: which stages run again, and the columns that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Features

from panda_hf import schema
from panda_hf.clips import explode_clips
from panda_hf.running.plan import Plan, Step, after, clip_columns
from panda_hf.stage import Row, Stage


@dataclass(frozen=True)
class AgainPlan(Plan):
    """The plan of a rework: stages on clips that are there already, whose columns are those of the files."""

    clips_now: Features = field(default_factory=Features)
    videos_now: Features = field(default_factory=Features)
    before: tuple[Stage, ...] = ()
    """The clip stages that made the files."""

    @property
    def clip_features(self) -> Features:
        """The columns of the files, with those of new stages where a run from the beginning would put them."""
        made = {column for stage in self.before for column in stage.appends} - set(schema.CLIP_ROW)
        return clip_columns(
            after(self.clip_stages, Features({n: k for n, k in self.clips_now.items() if n not in made}))
        )

    @property
    def video_features(self) -> Features:
        """The columns of the files."""
        return self.videos_now


def halves(steps: Sequence[Step]) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The stages before ``explode_clips`` and those after it."""
    place = list(steps).index(explode_clips)
    stages: Any = tuple(steps)
    return stages[:place], stages[place + 1 :]


def with_changes(steps: Sequence[Step], changes: Sequence[Stage]) -> list[Step]:
    """The steps with each of ``changes`` in place of the stage of its name, or behind the last one of its kind.

    A stage of a new kind, such as a measure, stands behind the last stage that writes what it reads.

    Raises:
        ValueError: when no stage writes a column that a stage of a new kind reads.
    """
    new = list(steps)
    first = new.index(explode_clips)
    for change in changes:
        named = [i for i, step in enumerate(new) if i > first and isinstance(step, Stage) and step.name == change.name]
        alike = [i for i, step in enumerate(new) if i > first and type(step) is type(change)]
        if named:
            new[named[0]] = change
        else:
            new.insert(alike[-1] + 1 if alike else _place(change, new, first), change)
    return new


def _place(change: Stage, steps: Sequence[Step], first: int) -> int:
    """Where a stage of a new kind finds all it reads."""
    written = {name: first for name in schema.CLIP_ROW}
    for i, step in enumerate(steps):
        if i > first and isinstance(step, Stage):
            written.update(dict.fromkeys(step.appends, i))
    if missing := [name for name in change.reads if name not in written]:
        names = [step.name for step in steps if isinstance(step, Stage)]
        raise ValueError(
            f"{change.name} reads {missing}, which no stage of the dataset writes; its stages are {names}"
        )
    return 1 + max((written[name] for name in (*change.reads, *change.uses) if name in written), default=first)


def to_run(stages: Sequence[Stage], changes: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages that have to run: the changed ones, those that work on what these write, and whoever gives frames.

    What one teacher notes beside its caption does not concern the others.
    """
    chosen: set[int] = set()
    written: set[str] = set()
    for i, stage in enumerate(stages):
        needs = {*stage.reads, *stage.uses}
        if stage in changes or needs & written:
            chosen.add(i)
            written |= set(stage.appends) - set(schema.CAPTION_NOTES)
    needed = {column for i in chosen for column in (*stages[i].reads, *stages[i].uses)}
    lost = needed & set(schema.FRAMES_COLUMNS)
    return tuple(stage for i, stage in enumerate(stages) if i in chosen or lost & set(stage.appends))


def undone(row: Row, stages: Sequence[Stage], features: Features) -> Row:
    """A clip row as it was before the stages, with all columns."""
    row = {**dict.fromkeys(features), **row, "error": None}
    for stage in reversed(stages):
        row = stage.undone(row)
    return {name: row[name] for name in features}
