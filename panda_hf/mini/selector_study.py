"""What fine-tuning on picks brings in the miniature: recall at 1 before and after, with and without hard negatives."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from panda_hf.mini.selector_course import Held
from panda_hf.mini.selector_recall import Recall

BEFORE, WITHOUT, WITH = "pre-trained", "fine-tuned without hard negatives", "fine-tuned"


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


def study(held: Held) -> Study:
    """The figures of a course that compared."""
    recalls: dict[str, list[Recall]] = {BEFORE: [before for before, _ in held.before.values()], WITHOUT: [], WITH: []}
    for tuned in held.tuned:
        recalls[WITH if tuned.hard_negatives else WITHOUT].append(tuned.recall)
    people = [vars(people) for _, people in held.before.values()]
    found = {name: mean(one[name] for one in people) for name in people[0]}
    return Study(round(found["clips"]), recalls, found["chance"], found["one"], found["any"], found["all_bad"])


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
