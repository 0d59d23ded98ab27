"""What fine-tuning on picks brings in the miniature: recall at 1 before and after, with and without hard negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np

from panda_hf.mini.train_selector import School
from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.selection import measures
from panda_hf.selection.answers import AnsweredClip
from panda_hf.selection.scorer import Scorer

BEFORE, WITHOUT, WITH = "pre-trained", "fine-tuned without hard negatives", "fine-tuned"


@dataclass(frozen=True)
class Recall:
    """Recall at 1 of a model over held-aside clips: against one annotator, against any; in [0, 1].

    Attributes:
        one, any: the highest matching score chooses.
        head_one, head_any: the matching head chooses among all candidates.
    """

    one: float
    any: float
    head_one: float
    head_any: float


@dataclass(frozen=True)
class Study:
    """What was found.

    Attributes:
        clips: held aside, with an answer that is a caption.
        recalls: by model, one value per seed.
        chance, people_one, people_any: what a random choice, and what an annotator against another one or against any
            other, reaches; means over the seeds.
        all_bad: share of answers that found every caption bad.
    """

    clips: int
    recalls: dict[str, list[Recall]]
    chance: float
    people_one: float
    people_any: float
    all_bad: float

    def figure(self, model: str, what: str) -> tuple[float, float | None]:
        """Mean and standard deviation over the seeds; ``None`` of one seed."""
        values = [getattr(recall, what) for recall in self.recalls[model]]
        return mean(values), stdev(values) if len(values) > 1 else None

    def gain(self, over: str = BEFORE, what: str = "one") -> tuple[float, float | None]:
        """How much higher the fine-tuned model's recall is, seed by seed: mean and standard deviation."""
        pairs = zip(self.recalls[WITH], self.recalls[over], strict=True)
        values = [getattr(tuned, what) - getattr(other, what) for tuned, other in pairs]
        return mean(values), stdev(values) if len(values) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return {**vars(self), "recalls": {name: [vars(one) for one in row] for name, row in self.recalls.items()}}


def study(school: School, seeds: Sequence[int] = (0, 1, 2)) -> Study:
    """Fine-tune the pre-trained model for each seed, with hard negatives and without, and measure all of them.

    Args:
        school: after :meth:`School.pretrain`.
        seeds: each with other moods of the annotators and another order of the clips.
    """
    recalls: dict[str, list[Recall]] = {BEFORE: [], WITHOUT: [], WITH: []}
    people: list[list[float]] = []
    for seed in seeds:
        asked = school.answers("validation", seed)
        recalls[BEFORE].append(recall(school, school.model, asked))
        recalls[WITH].append(recall(school, school.fine_tune(seed), asked))
        recalls[WITHOUT].append(recall(school, school.fine_tune(seed, hard_negatives=False), asked))
        tables = [of(asked) for of in (measures.chance, measures.human_one, measures.human_any)]
        tables.append(measures.all_bad(school.everybody(seed)))
        people.append([len(asked), *(measures.share(table) or 0.0 for table in tables)])
    clips, *shares = (mean(column) for column in zip(*people, strict=True))
    return Study(round(clips), recalls, *shares)


def recall(school: School, model: UMTForVideoTextRetrieval, asked: Sequence[AnsweredClip]) -> Recall:
    """How a model's choices on held-aside clips compare with the annotators', as ``Select`` would choose."""
    scorer = Scorer(model.eval().umt, school.processor, model)
    frames = {clip.clip_id: clip.frames for clip in school.judged["validation"]}
    nearest: list[int] = []
    matched: list[int] = []
    for clip in asked:
        scores, head = scorer.with_head(frames[clip.clip_id], clip.captions)
        nearest.append(int(np.argmax(scores)))
        matched.append(int(np.argmax(np.array(head, dtype=float))))
    shares = [measures.share(of(asked, chosen)) for chosen in (nearest, matched) for of in _MEASURES]
    return Recall(*(share or 0.0 for share in shares))


_MEASURES = (measures.recall_one, measures.recall_any)


def as_text(found: Study) -> str:
    """The figures as a Markdown table and a few lines."""
    head = ["R@1, %", "against one annotator", "against any", "matching head, one", "matching head, any"]
    rows = [head, ["---"] * len(head)]
    for name in (BEFORE, WITHOUT, WITH):
        rows.append([name, *(_told(*found.figure(name, what)) for what in ("one", "any", "head_one", "head_any"))])
    rows.append(["an annotator", _told(found.people_one, None), _told(found.people_any, None), "", ""])
    rows.append(["chance", _told(found.chance, None), "", "", ""])
    seeds = len(found.recalls[WITH])
    return "\n".join(
        [
            f"{found.clips} held-aside clips, {seeds} seed(s), {100 * found.all_bad:.1f} % of answers found all bad",
            *("| " + " | ".join(row) + " |" for row in rows),
            f"gain of fine-tuning: {_told(*found.gain())} points; of it by hard negatives: "
            f"{_told(*found.gain(WITHOUT))} points",
        ]
    )


def _told(value: float, spread: float | None) -> str:
    return f"{100 * value:.1f}" + ("" if spread is None else f" ± {100 * spread:.1f}")
