"""Score teachers and selector against the truth, on held-aside films of the miniature."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.captioning.registry import DEFAULT_SET, expanded
from panda_hf.clips import spoken_between
from panda_hf.mini.film import Film, Transition
from panda_hf.mini.films import read_truth
from panda_hf.mini.truth import FactScore, score_caption
from panda_hf.mini.world import Modality, Scene
from panda_hf.selection import Select
from panda_hf.stage import Row, apply

SELECTOR = "mini/selector"
GOOD_RECALL = 0.6
"""A good caption states nothing false and at least this share of the key facts (paper: nothing false, and the main
action or all main objects)."""
MARGIN = 0.05
"""Share of a scene left off at each end, as ``Split`` trims clips."""


@dataclasses.dataclass(frozen=True)
class Line:
    """The figures of one way to caption, means over clips, 0 to 1."""

    f1: float
    precision: float
    recall: float
    good: float
    """Share of good captions (``GOOD_RECALL``)."""
    best: float | None
    """Share of clips on which no teacher is better, ties shared; of teachers only."""
    by_need: dict[Modality, float]
    """Mean f1 of the clips that need one frame, the motion, or the text."""


def clip_rows_of(path: str | Path) -> list[tuple[Row, Scene]]:
    """One clip row per scene of a film on disk, free of transitions, and its truth."""
    film = read_truth(path)
    video = {"path": str(path), "bytes": None}
    return [(_clip_row(film, i, scene, video), scene) for i, scene in enumerate(film.scenes)]


def caption_films(
    paths: Sequence[str | Path], teachers: Sequence[str] = (DEFAULT_SET,), selector: str | None = SELECTOR
) -> tuple[Dataset, list[Scene]]:
    """Run ``SampleFrames``, each ``Caption`` and, with a selector, ``Select`` over the scenes of films.

    A teacher may be the name of a set, which stands for its teachers.
    """
    names = expanded(teachers)
    pairs = [pair for path in paths for pair in clip_rows_of(path)]
    rows = [row for row, _ in pairs]
    clips = apply(Dataset.from_list(rows, features=Features(schema.CLIP_ROW)), SampleFrames())
    for teacher in names:
        clips = apply(clips, Caption(teacher=teacher))
    if selector:
        clips = apply(clips, Select(teachers=names, selector=selector))
    return clips, [scene for _, scene in pairs]


def score_captions(
    captions: Mapping[str, Sequence[str | None]], scenes: Sequence[Scene], chosen: Sequence[str | None] | None = None
) -> dict[str, Line]:
    """Figures of captions already made: one line per teacher, then ``random``, ``selector`` if any, ``oracle``.

    ``random`` is the expectation of drawing a teacher, ``oracle`` takes the caption of highest f1 for each clip.
    """
    scores = {
        name: [score_caption(c, s) for c, s in zip(said, scenes, strict=True)] for name, said in captions.items()
    }
    wins = best_shares(np.array([[score.f1 for score in row] for row in scores.values()]))
    lines = {name: _line(row, scenes, float(win)) for (name, row), win in zip(scores.items(), wins, strict=True)}
    lines["random"] = _average(list(lines.values()))
    if chosen is not None:
        lines["selector"] = _line([score_caption(c, s) for c, s in zip(chosen, scenes, strict=True)], scenes, None)
    best = [max(candidates, key=lambda score: score.f1) for candidates in zip(*scores.values(), strict=True)]
    lines["oracle"] = _line(best, scenes, None)
    return lines


def is_good(score: FactScore) -> bool:
    """Whether an annotator would mark the caption as good; see ``GOOD_RECALL``."""
    return not score.wrong and score.recall >= GOOD_RECALL


def best_shares(f1: np.ndarray) -> np.ndarray:
    """How often each teacher (row) is the best on a clip (column); equals share the clip.

    Example:
        >>> best_shares(np.array([[1.0, 0.5], [1.0, 0.2]])).tolist()
        [0.75, 0.25]
    """
    at_top = f1 == f1.max(axis=0)
    return (at_top / at_top.sum(axis=0)).mean(axis=1)


def as_table(lines: Mapping[str, Line], clips: int) -> str:
    """The figures as a Markdown table."""
    head = ["", "f1", "precision", "recall", "good", "best", "f1 image", "f1 video", "f1 text"]
    rows = [head, ["---"] * len(head)]
    for name, line in lines.items():
        needs = [line.by_need.get(need) for need in ("image", "video", "text")]
        figures = [line.f1, line.precision, line.recall, line.good, line.best, *needs]
        rows.append([name, *("" if figure is None else f"{figure:.3f}" for figure in figures)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    text = ["| " + " | ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([f"{clips} clips of held-aside films", *text])


def as_dict(lines: Mapping[str, Line]) -> dict[str, Any]:
    """The figures for a JSON file."""
    return {name: dataclasses.asdict(line) for name, line in lines.items()}


def _clip_row(film: Film, index: int, scene: Scene, video: dict[str, Any]) -> Row:
    start, end = _clear_of(film.transitions, scene)
    cues = [dataclasses.asdict(cue) for cue in film.subtitles]
    return {
        **dict.fromkeys(schema.CLIP_ROW),
        "clip_id": f"{film.film_id}.{index}",
        "video_id": film.film_id,
        "video": video,
        "start": start,
        "end": end,
        "title": film.title,
        "description": film.description,
        "subtitle": spoken_between(cues, start, end),
    }


def _clear_of(transitions: Sequence[Transition], scene: Scene) -> tuple[float, float]:
    trimmed = scene.duration * MARGIN
    starts = [joint.end for joint in transitions if abs(joint.time - scene.start) < 1e-6]
    ends = [joint.start for joint in transitions if abs(joint.time - scene.end) < 1e-6]
    return max([scene.start + trimmed, *starts]), min([scene.end - trimmed, *ends])


def _line(scores: Sequence[FactScore], scenes: Sequence[Scene], best: float | None) -> Line:
    needs: dict[Modality, list[float]] = {}
    for score, scene in zip(scores, scenes, strict=True):
        needs.setdefault(scene.needs, []).append(score.f1)
    return Line(
        f1=mean(score.f1 for score in scores),
        precision=mean(score.precision for score in scores),
        recall=mean(score.recall for score in scores),
        good=mean(float(is_good(score)) for score in scores),
        best=best,
        by_need={need: mean(values) for need, values in needs.items()},
    )


def _average(lines: Sequence[Line]) -> Line:
    return Line(
        f1=mean(line.f1 for line in lines),
        precision=mean(line.precision for line in lines),
        recall=mean(line.recall for line in lines),
        good=mean(line.good for line in lines),
        best=None,
        by_need={need: mean(line.by_need[need] for line in lines) for need in lines[0].by_need},
    )
