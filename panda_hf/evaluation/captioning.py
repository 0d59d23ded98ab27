"""Captions of several models against the references of one benchmark: scores, intervals, comparisons, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset

from panda_hf.errors import VideoError
from panda_hf.evaluation.measured import Measured, differences, over_seeds
from panda_hf.evaluation.page import Extremes, extremes
from panda_hf.evaluation.predictions import Matched, Missing, Predictions, match
from panda_hf.evaluation.references import References, Videos
from panda_hf.evaluation.results import Benchmark, Difference, Evaluation
from panda_hf.evaluation.scoring import COMPARED, MetricChoice, Scorer
from panda_hf.video import probe, sample_frames

TASK = "video-captioning"
CLIP_FRAMES = 8
"""Frames of a video that ``clip_score`` looks at."""
ONE_VIDEO = (
    "with one video there are no intervals, and CIDEr is 0 whatever the caption: it weighs words by how few of the "
    "videos have them"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The captions of one model: one set, or one per seed."""

    name: str
    sets: tuple[Predictions, ...]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found about the models on one benchmark."""

    evaluations: tuple[Evaluation, ...]
    differences: tuple[Difference, ...]
    samples: tuple[Extremes, ...]
    notes: tuple[str, ...] = ()
    """What the user should know: metrics left out, predictions missing or unused."""


def evaluate_captions(
    rows: Dataset,
    references: References,
    benchmark: Benchmark,
    sources: Sequence[Source],
    *,
    choice: MetricChoice | None = None,
    missing: Missing = "error",
    samples: int = 6,
) -> Report:
    """Score every source, compare every two of them, and pick the best and the worst captions.

    Args:
        rows: the benchmark (:func:`panda_hf.evaluation.references.load_benchmark`).
        references: its captions by id.
        benchmark: its name for the results.
        sources: models with names that differ.
        choice: the metrics.
        missing: what becomes of a video without a prediction.
        samples: how many best and worst captions of each model are shown.

    Raises:
        SourceError: for a missing prediction, unless ``missing`` is ``"empty"``, or a metric that cannot be computed.
    """
    matched = {one.name: [match(captions, references, missing) for captions in one.sets] for one in sources}
    scorer = Scorer(list(references.values()), choice)
    videos = Videos(rows)
    measured = {name: _measured(scorer, sets, videos) for name, sets in matched.items()}
    evaluations = tuple(_evaluation(one, matched[one.name], benchmark, measured[one.name]) for one in sources)
    return Report(
        evaluations=evaluations,
        differences=tuple(differences(measured, COMPARED)),
        samples=tuple(_samples(name, sets[0], measured[name], videos, samples) for name, sets in matched.items()),
        notes=(*scorer.notes, *_notes(evaluations)),
    )


def _measured(scorer: Scorer, sets: Sequence[Matched], videos: Mapping[str, Any]) -> dict[str, Measured]:
    found = [scorer.measure(matched, lambda name: _frames(videos.get(name))) for matched in sets]
    return {metric: over_seeds([one[metric] for one in found]) for metric in found[0]}


def _evaluation(
    source: Source, sets: Sequence[Matched], benchmark: Benchmark, measured: Mapping[str, Measured]
) -> Evaluation:
    return Evaluation(
        model=source.name,
        task=TASK,
        benchmark=benchmark,
        scores={metric: one.as_score() for metric, one in measured.items()},
        missing=max(len(matched.missing) for matched in sets),
        unused=max(matched.unused for matched in sets),
        settings=source.settings,
    )


def _samples(
    name: str, matched: Matched, measured: Mapping[str, Measured], videos: Mapping[str, Any], count: int
) -> Extremes:
    known = {
        metric: items.tolist()
        for metric in ("cider", "rouge_l", *COMPARED)
        if metric in measured and (items := measured[metric].per_item) is not None
    }
    (metric, scores), *others = known.items() or [("order", [0.0] * len(matched.ids))]
    return extremes(
        name,
        metric,
        matched.ids,
        matched.predictions,
        matched.references,
        scores,
        videos,
        count=count,
        then=others[0] if others else None,
    )


def _notes(evaluations: Sequence[Evaluation]) -> list[str]:
    notes = [ONE_VIDEO] if evaluations[0].benchmark.videos == 1 else []
    for one in evaluations:
        if one.missing:
            notes.append(
                f"{one.model}: {one.missing:,} of {one.benchmark.videos:,} videos have no prediction and are scored "
                f"as empty"
            )
        if one.unused:
            notes.append(f"{one.model}: {one.unused:,} predictions are of videos that are not in the benchmark")
    return notes


def _frames(video: Any) -> list[np.ndarray] | None:
    if video is None:
        return None
    try:
        length = probe(video).duration or 0.0
        return list(sample_frames(video, [(i + 0.5) / CLIP_FRAMES * length for i in range(CLIP_FRAMES)]))
    except VideoError:
        return None
