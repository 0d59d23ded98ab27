"""What is done to every video of a run, checked before the run starts, and the columns that come of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Features, Value

from panda_hf import schema
from panda_hf.clips import clip_features, explode_clips
from panda_hf.running.cut import Cut
from panda_hf.stage import Row, Stage
from panda_hf.video.cut import Way
from panda_hf.video.encode import Codec

Step = Stage | Callable[[Any], Any]
"""A stage, or ``explode_clips``."""

STATUSES = ("kept", "filtered", "failed")
VIDEO_RESULT = Features(
    {
        "video_id": Value("string"),
        "video": schema.VIDEO,
        "title": Value("string"),
        "description": Value("string"),
        "status": Value("string"),  # kept: at least one clip is; failed: else, if something failed; filtered: else
        "clips": Value("int32"),  # clip rows that name a clip
        "clips_kept": Value("int32"),
    }
)
"""First columns of the configuration ``videos``: one row per input video."""


@dataclass(frozen=True)
class Plan:
    """Stages for video rows, then ``explode_clips``, then stages for clip rows."""

    video_stages: tuple[Stage, ...]
    clip_stages: tuple[Stage, ...]
    input_features: Features
    """Columns of the incoming video rows, under the names they have in the run."""
    renamed: dict[str, str]
    """Columns of the source that bear the name of a result: source name to name in the run."""
    batch_size: int = 32
    export_clips: bool | Way = False
    """Whether to write clips as files, and how; ``True`` says ``encode``."""
    export_codec: Codec = "h264"
    """What the pictures of clips that are encoded become."""
    thumbnails: bool = True
    redone: tuple[Stage, ...] | None = None
    """The clip stages that run on clips which are there already; ``None``: all."""

    @classmethod
    def of(cls, steps: Sequence[Step], features: Features, **options: Any) -> Plan:
        """Arrange the steps.

        Args:
            steps: stages with one ``explode_clips`` among them.
            features: columns of the incoming video rows.
            options: ``batch_size``, ``export_clips``, ``export_codec``, ``thumbnails``.

        Raises:
            ValueError: when a step is neither, or ``explode_clips`` is not there exactly once.
            MissingColumnError: when a stage reads a column that no step before it makes.
        """
        video_stages, clip_stages = _halves(steps)
        if export := options.get("export_clips"):
            codec = options.get("export_codec", "h264")
            clip_stages += (Cut(folder="media", way="encode" if export is True else export, codec=codec),)
        renamed = _clashes(features, [*video_stages, *clip_stages])
        features = Features({renamed.get(name, name): kind for name, kind in features.items()})
        plan = cls(video_stages, clip_stages, features, renamed, **options)
        plan._check()
        return plan

    @property
    def split_features(self) -> Features:
        """Columns of the video rows after the last stage before ``explode_clips``."""
        return after(self.video_stages, Features({**self.input_features, "error": schema.ERROR}))

    @property
    def clip_features(self) -> Features:
        """Columns of the clip rows in the output: all but the frames."""
        return clip_columns(after(self.clip_stages, clip_features(self.split_features)))

    @property
    def video_features(self) -> Features:
        """Columns of the configuration ``videos``."""
        gone = {*VIDEO_RESULT, "subtitles", "error"}
        others = {name: kind for name, kind in self.split_features.items() if name not in gone}
        return Features({**VIDEO_RESULT, **others, "filtered": Value("string"), "error": schema.ERROR})

    def row(self, row: Row) -> Row:
        """A row of the source under the column names of the run."""
        return {self.renamed.get(name, name): value for name, value in row.items()}

    def check_models(self) -> None:
        """Raise what every video would meet, such as a missing checkpoint, before any work; see ``Stage.check``."""
        for stage in (*self.video_stages, *self.clip_stages):
            stage.check()

    def describe(self) -> list[Row]:
        """The steps as JSON values: ``{"name", "settings", "provenance"}`` each."""
        steps: list[Step] = [*self.video_stages, explode_clips, *self.clip_stages]
        return [description(step) for step in steps]

    def _check(self) -> None:
        features = Features({**self.input_features, "error": schema.ERROR})
        for stage in self.video_stages:
            stage.check_columns(list(features))
            features = Features({**features, **stage.appends})
        features = clip_features(features)
        for stage in self.clip_stages:
            stage.check_columns(list(features))
            features = Features({**features, **stage.appends})


def _halves(steps: Sequence[Step]) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    places = [i for i, step in enumerate(steps) if step is explode_clips]
    stages = [step for step in steps if isinstance(step, Stage)]
    if len(places) != 1 or len(stages) != len(steps) - 1:
        raise ValueError(
            f"steps must be stages and, once, explode_clips, as panda_70m() makes them; got {list(steps)}"
        )
    return tuple(stages[: places[0]]), tuple(stages[places[0] :])


def after(stages: Sequence[Stage], features: Features) -> Features:
    """The columns after some stages."""
    for stage in stages:
        features = Features({**features, **stage.appends})
    return features


def gives_frames(stage: Stage) -> bool:
    """Whether a stage writes the frames of clips."""
    return not schema.FRAMES_COLUMNS.keys().isdisjoint(stage.appends)


def looks_at_frames(stage: Stage) -> bool:
    """Whether a stage reads the frames of clips, where they are there."""
    return not schema.FRAMES_COLUMNS.keys().isdisjoint((*stage.reads, *stage.uses))


def clip_columns(features: Features) -> Features:
    """The columns of the clip rows in the output, from those after the last stage."""
    last = {name: features[name] for name in ("warning", "filtered", "error")}
    gone = {*last, *schema.FRAMES_COLUMNS}
    return Features({**{name: kind for name, kind in features.items() if name not in gone}, **last})


def _clashes(features: Features, stages: Sequence[Stage]) -> dict[str, str]:
    made = {*schema.CLIP_ROW, *VIDEO_RESULT, *schema.SPLIT_COLUMNS, *(c for stage in stages for c in stage.appends)}
    return {name: f"source_{name}" for name in features if name in made and name not in schema.VIDEO_ROW}


def description(step: Step) -> Row:
    """A step as JSON values: ``{"name", "settings", "provenance"}``."""
    if not isinstance(step, Stage):
        return {"name": "explode_clips", "settings": {}, "provenance": {}}
    described = {"name": step.name, "settings": _recorded(step), "provenance": step.provenance()}
    return json.loads(json.dumps(described, default=_as_json))


def _recorded(settings: Any) -> Row:
    """The fields of a dataclass, without those whose metadata says ``recorded=False``: they change no row."""
    fields = [field for field in dataclasses.fields(settings) if field.metadata.get("recorded", True)]
    return {field.name: getattr(settings, field.name) for field in fields}


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _recorded(value)
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
