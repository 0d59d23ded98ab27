"""The paper's Table 4 in small: the student beside its teachers and beside their selection, judged by the truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from panda_hf.captioning.registry import card_of
from panda_hf.mini.score import is_good
from panda_hf.mini.selector_people import answered
from panda_hf.mini.selector_teachers import Judged
from panda_hf.mini.student_data import PickedClips, best, told_words
from panda_hf.mini.truth import score_caption

SELECTION, WITHOUT, WITH = "all teachers + selection", "student", "student with text"

Captions = Mapping[str, Sequence[Sequence[str]]]
"""By method: for each seed one caption per clip; of teachers and selection one seed."""
Metrics = Callable[[Sequence[str], Sequence[Judged]], Mapping[str, float]]
"""Figures by name for captions of clips."""


@dataclass(frozen=True)
class Line:
    """The figures of a method, one value per seed; all shares and scores in [0, 1], metrics as they are printed.

    Attributes:
        figures: ``f1``, ``precision``, ``recall``, ``good`` over all clips; ``helped``, the f1 where the text helps;
            ``fooled``, the share of captions that repeat something false that is said, where the text misleads;
            ``vote``; and the caption metrics.
    """

    figures: Mapping[str, tuple[float, ...]]

    def told(self, name: str, scale: float = 100) -> str:
        """Mean over the seeds, and their standard deviation where there are several."""
        values = [scale * value for value in self.figures.get(name, ())]
        if not values:
            return ""
        return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


@dataclass(frozen=True)
class Study:
    """What was found.

    Attributes:
        lines: by method.
        clips: judged, and of them those whose text helps and misleads.
        readers: the teachers that read a text.
    """

    lines: Mapping[str, Line]
    clips: tuple[int, int, int]
    readers: tuple[str, ...]


def study(captions: Captions, clips: Sequence[Judged], metrics: Metrics | None = None) -> Study:
    """Judge captions of the same clips.

    Args:
        captions: of teachers, ``SELECTION``, ``WITHOUT`` and ``WITH``.
        clips: in the order of the captions.
        metrics: caption metrics; ``None`` leaves them out.
    """
    helps = [i for i, clip in enumerate(clips) if text_helps(clip)]
    misleads = [i for i, clip in enumerate(clips) if clip.scene.misleads]
    votes = preference(captions, clips)
    lines = {}
    for method, seeds in captions.items():
        rows = [_judged(said, clips, helps, misleads) for said in seeds]
        rows = [{**row, **(metrics(said, clips) if metrics else {})} for row, said in zip(rows, seeds, strict=True)]
        figures = {name: tuple(row[name] for row in rows) for name in rows[0]}
        lines[method] = Line({**figures, "vote": tuple(votes[method])})
    readers = tuple(name for name in captions if name not in (SELECTION, WITHOUT, WITH) and _reads(name))
    return Study(lines, (len(clips), len(helps), len(misleads)), readers)


def text_helps(clip: Judged) -> bool:
    """Whether the text tells name or place, or speaks of what is shown, and nothing in the subtitle is false."""
    scene = clip.scene
    return not scene.misleads and (bool(scene.name or scene.place) or scene.subtitle_kind == "helps")


def fooled(caption: str, clip: Judged) -> bool:
    """Whether the caption states something false that stands in the text around the clip."""
    said = told_words(clip)
    return any(set(fact.value.split()) <= said for fact in score_caption(caption, clip.scene).wrong)


def selected(picks: PickedClips) -> list[str]:
    """The caption that the selector takes of each clip."""
    return [best(clip, scores) for clip, scores in zip(picks.clips, picks.scores, strict=True)]


def preference(captions: Captions, clips: Sequence[Judged]) -> dict[str, list[float]]:
    """How often the simulated annotators like each method's caption best: shares of their picks, by seed.

    They choose among the teachers and the two students, as in the paper; those who wrote the same words share the
    vote. The line of the selection says how often it takes a caption that somebody picks among the teachers' alone.
    """
    teachers = [name for name in captions if name not in (SELECTION, WITHOUT, WITH)]
    shares: dict[str, list[float]] = {name: [] for name in captions}
    for seed in range(len(captions[WITH])):
        said = {name: captions[name][0] for name in teachers}
        said |= {name: captions[name][seed] for name in (WITHOUT, WITH)}
        counted = _votes(said, clips, seed)
        for name in said:
            shares[name].append(counted[name])
    shares[SELECTION] = [_agrees({name: captions[name][0] for name in teachers}, captions[SELECTION][0], clips)]
    return shares


def verdicts(found: Study) -> list[tuple[str, bool]]:
    """What was wanted of the student, and whether its mean over the seeds reaches it."""

    def of(method: str, name: str) -> float:
        return mean(found.lines[method].figures[name])

    teachers = [name for name in found.lines if name not in (SELECTION, WITHOUT, WITH)]
    beaten = {name: of(WITHOUT, name) > max(of(teacher, name) for teacher in teachers) for name in ("f1", "good")}
    least = min((of(teacher, "fooled") for teacher in found.readers), default=0.0)
    most = max((of(teacher, "fooled") for teacher in found.readers), default=0.0)
    return [
        ("without text it beats every single teacher (f1)", beaten["f1"]),
        ("without text it beats every single teacher (good captions)", beaten["good"]),
        ("with text it beats without, where the text helps (f1)", of(WITH, "helped") > of(WITHOUT, "helped")),
        ("with text it is not fooled more often than any teacher that reads", of(WITH, "fooled") <= least),
        ("with text it is not fooled more often than the teacher most fooled", of(WITH, "fooled") <= most),
    ]


def as_text(found: Study) -> str:
    """The figures as a Markdown table, the distance to the selection, and the verdicts."""
    shown = ["f1", "precision", "recall", "good", "helped", "fooled", "vote"]
    more = [name for name in next(iter(found.lines.values())).figures if name not in shown]
    heads = {"helped": "f1, text helps", "fooled": "fooled, text misleads", "vote": "preferred"}
    rows = [["%", *(heads.get(name, name) for name in [*shown, *more])], ["---"] * (1 + len(shown) + len(more))]
    rows += [[method, *(line.told(name) for name in [*shown, *more])] for method, line in found.lines.items()]
    whole, helps, misleads = found.clips
    far = {
        method: mean(found.lines[SELECTION].figures["f1"]) - mean(found.lines[method].figures["f1"])
        for method in (WITHOUT, WITH)
    }
    seeds = len(found.lines[WITH].figures["f1"])
    return "\n".join(
        [
            f"{whole} held-aside clips, on {helps} the text helps, on {misleads} it misleads; {seeds} seed(s)",
            *("| " + " | ".join(row) + " |" for row in rows),
            f"behind {SELECTION}, points of f1: {100 * far[WITHOUT]:.1f} without text, {100 * far[WITH]:.1f} with",
            *(f"{'yes' if reached else 'no '}  {what}" for what, reached in verdicts(found)),
        ]
    )


def _judged(
    said: Sequence[str], clips: Sequence[Judged], helps: Sequence[int], misleads: Sequence[int]
) -> dict[str, float]:
    scores = [score_caption(caption, clip.scene) for caption, clip in zip(said, clips, strict=True)]
    lies = [fooled(said[i], clips[i]) for i in misleads]
    return {
        "f1": mean(score.f1 for score in scores),
        "precision": mean(score.precision for score in scores),
        "recall": mean(score.recall for score in scores),
        "good": mean(float(is_good(score)) for score in scores),
        "helped": mean([scores[i].f1 for i in helps] or [0.0]),
        "fooled": mean([float(lie) for lie in lies] or [0.0]),
    }


def _votes(said: Mapping[str, Sequence[str]], clips: Sequence[Judged], seed: int) -> dict[str, float]:
    names, counts = tuple(said), dict.fromkeys(said, 0.0)
    shown = [_with(clip, [said[name][i] for name in names]) for i, clip in enumerate(clips)]
    for clip in answered(shown, seed, names):
        for picked in clip.picks.values():
            for k in picked:
                counts[clip.teachers[k]] += 1 / len(picked)
    total = sum(counts.values()) or 1.0
    return {name: count / total for name, count in counts.items()}


def _agrees(said: Mapping[str, Sequence[str]], chosen: Sequence[str], clips: Sequence[Judged]) -> float:
    names = tuple(said)
    shown = [_with(clip, [said[name][i] for name in names]) for i, clip in enumerate(clips)]
    taken = {clip.clip_id: caption for clip, caption in zip(clips, chosen, strict=True)}
    hits = [
        taken[clip.clip_id] in {clip.captions[k] for k in picked}
        for clip in answered(shown, 0, names)
        for picked in clip.picks.values()
        if picked
    ]
    return float(np.mean(hits)) if hits else 0.0


def _with(clip: Judged, captions: Sequence[str]) -> Judged:
    return dataclasses.replace(clip, captions=tuple(captions))


def _reads(teacher: str) -> bool:
    return bool({"text", "subtitle", "metadata"} & set(card_of(teacher).sees))
