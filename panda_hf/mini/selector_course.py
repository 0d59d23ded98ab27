"""The selector's training from nothing to figures, by processes side by side.

The pre-training and the teachers' captions do not need each other, nor does one fine-tuning another: each is handed to
whatever process is free. Between processes go only files, numbers and settings.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from panda_hf.mini.selector_model import IMAGE_SIZE, SHIPPED
from panda_hf.mini.selector_recall import Recall, choices, recall
from panda_hf.mini.selector_teachers import to_caption
from panda_hf.mini.selector_tokens import to_encode
from panda_hf.mini.side_by_side import helpers, results
from panda_hf.mini.teacher_data import saved_text
from panda_hf.mini.train_selector import SPLITS, Notes, School
from panda_hf.mini.train_teachers import work_folder
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.selection import measures

RECORD = "training.json"
SEEING = ("where", "look", "see")
"""Lessons of the vision tower."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is to be done; arguments as of :class:`~panda_hf.mini.train_selector.School`, and who does it."""

    work: Path = field(default_factory=work_folder)
    resume: bool = True
    scale: float = 1.0
    from_scratch: bool = False
    processes: int = 2
    """Of one thread each; captions do not depend on them, weights and figures up to rounding."""

    @property
    def school(self) -> School:
        """One with random weights."""
        return School(self.work, self.resume, self.scale, self.from_scratch)


@dataclass(frozen=True)
class People:
    """What annotators did with held-aside clips, of one seed.

    Attributes:
        clips: with an answer that is a caption.
        chance, one, any: what a random choice, and what an annotator against another one and any other,
            reaches.
        all_bad: share of answers that found every caption bad.
    """

    clips: int
    chance: float
    one: float
    any: float
    all_bad: float


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model's figures."""

    seed: int
    hard_negatives: bool
    recall: Recall
    notes: Notes


@dataclass
class Held:
    """What a course brought.

    Attributes:
        notes: what each lesson printed at its end, by its name.
        tuned: every fine-tuned model.
        before: recall of the pre-trained model, and what people did, by seed; empty where nobody compared.
    """

    notes: Notes
    tuned: list[Tuned] = field(default_factory=list)
    before: dict[int, tuple[Recall, People]] = field(default_factory=dict)


def hold(course: Course, out: Path, seeds: Sequence[int] = (0,), *, compared: bool = False) -> Held:
    """Pre-train once, fine-tune for each seed, and save the first seed's model, weights as float16.

    Args:
        course: what is to be done.
        out: folder of the checkpoint.
        seeds: each with other moods of the annotators and another order of the clips.
        compared: also fine-tune without hard negatives, and measure the pre-trained model.

    Raises:
        PandaError: when a process died without a word; what another one raised is raised here, and all are ended.
    """
    tower = _tower(course)  # before the checkpoint that it speaks of is replaced
    with helpers(course.processes) as pool:
        pretraining = pool.submit(_pretrained, course)
        first: list[Future[Any]] = [pretraining, *_captions(pool, course)]
        results(first)
        weights, notes = pretraining.result()
        results(to_encode(pool, weights, course.school.judged_folder, course.school.judged_files))
        # The longest first, so that the processes end together.
        runs = [pool.submit(_tuned, course, weights, seed, True, out if seed == seeds[0] else None) for seed in seeds]
        runs += [pool.submit(_tuned, course, weights, seed, False, None) for seed in seeds if compared]
        before = [pool.submit(_before, course, weights, tuple(seeds))] if compared else []
        last: list[Future[Any]] = [*runs, *before]
        results(last)
    held = Held(notes, [run.result() for run in runs], *(found.result() for found in before))
    for tuned in held.tuned:
        held.notes |= tuned.notes
    _note(out, course, held.notes, tower)
    return held


def _captions(pool: Executor, course: Course) -> list[Future[None]]:
    school = course.school
    return [
        future
        for split in SPLITS
        for future in to_caption(pool, split, school.judged_counts[split], school.judged_folder, IMAGE_SIZE)
    ]


def _pretrained(course: Course) -> tuple[Path, Notes]:
    school = course.school
    return school.pretrain(), school.notes


@cache
def _taught(course: Course, weights: Path) -> School:
    """Kept for the next run in the same process."""
    school = course.school
    school.take_up(weights)
    return school


def _tuned(course: Course, weights: Path, seed: int, hard_negatives: bool, out: Path | None) -> Tuned:
    school = _taught(course, weights)
    school.notes.clear()
    model = school.fine_tune(seed, hard_negatives=hard_negatives)
    if out is not None:
        save(model, school.processor, out)
    chosen = choices(model, school.processor, school.tokens, school.everybody(seed))
    return Tuned(seed, hard_negatives, recall(chosen, school.answers("validation", seed)), dict(school.notes))


def _before(course: Course, weights: Path, seeds: Sequence[int]) -> dict[int, tuple[Recall, People]]:
    school = _taught(course, weights)
    chosen = choices(school.model, school.processor, school.tokens, school.everybody(seeds[0]))
    return {seed: (recall(chosen, school.answers("validation", seed)), _people(school, seed)) for seed in seeds}


def _people(school: School, seed: int) -> People:
    asked = school.answers("validation", seed)
    tables = [of(asked) for of in (measures.chance, measures.human_one, measures.human_any)]
    tables.append(measures.all_bad(school.everybody(seed)))
    return People(len(asked), *(measures.share(table) or 0.0 for table in tables))


def save(model: UMTForVideoTextRetrieval, processor: UMTProcessor, out: Path) -> None:
    """Write the checkpoint, weights as float16, under names that all releases of transformers read."""
    small = copy.deepcopy(model).half()
    vars(small.config).pop("use_cache", None)  # Trainer's
    small.save_pretrained(out, save_original_format=True)
    processor.save_pretrained(out)


def _tower(course: Course) -> Any:
    """Where the vision tower comes from: ``None`` where it learns in this course, or the shipped selector's record."""
    if course.from_scratch:
        return None
    record = Path(resolve(SHIPPED)) / RECORD
    made = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    lessons = {name: noted for name, noted in made.get("lessons", {}).items() if name in SEEING}
    return made.get("vision_tower") or {"from": SHIPPED, "lessons": lessons}


def _note(out: Path, course: Course, notes: Notes, tower: Any) -> None:
    """Write how the checkpoint was made, and what each lesson printed at its end, beside it."""
    made = {
        "command": "panda-hf mini train-umt" + (" --from-scratch" if course.from_scratch else ""),
        "steps_scale": course.scale,
        "vision_tower": tower,
        "lessons": notes,
        "torch": torch.__version__,
    }
    saved_text(out / RECORD, json.dumps(made, indent=2) + "\n")
