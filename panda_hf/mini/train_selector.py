"""Train the miniature's selector: to see, to compare pictures with words, to choose among its teachers' captions."""

from __future__ import annotations

import copy
import json
import logging
import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import torch
from transformers import TrainingArguments

from panda_hf.mini.selector_data import Clips, LikelyCandidates, NearMisses, encoded, training_clips, validation_clips
from panda_hf.mini.selector_eyes import take_eyes
from panda_hf.mini.selector_model import IMAGE_SIZE, selector
from panda_hf.mini.selector_sight import learn_to_see
from panda_hf.mini.selector_teachers import Judged, JudgedCandidates, fingerprint, judged_clips, mean_scores
from panda_hf.mini.train_teachers import SCENES, fast_bf16, work_folder
from panda_hf.mini.world import Split
from panda_hf.models.umt import UMTModel, UMTProcessor
from panda_hf.training.selector import SelectorLoss, frame_vectors, train_on_candidates

log = logging.getLogger(__name__)

Lesson = Literal["glance", "watch", "compare", "choose"]


@dataclass(frozen=True)
class Recipe:
    """Sizes of one lesson; the learning rate rises over the first tenth and falls to 0 along a cosine."""

    steps: int
    batch: int
    learning_rate: float


RECIPES: dict[Lesson, Recipe] = {
    "glance": Recipe(steps=900, batch=64, learning_rate=7e-4),
    "watch": Recipe(steps=500, batch=32, learning_rate=5e-4),
    "compare": Recipe(steps=1000, batch=32, learning_rate=1e-3),
    "choose": Recipe(steps=300, batch=32, learning_rate=2e-4),
}
JUDGED, JUDGED_UNSEEN, COMPARED, UNSEEN, CANDIDATES = 3_000, 300, 8_000, 400, 10
"""Clips captioned by the teachers to learn from and to measure with; drawn clips to compare with words and to measure
with; captions of each."""
OTHER_CLIPS = 0.2
"""Weight of other clips' captions while comparing: more than the paper's 0.01, since words are still new."""


def train_selector(
    out: str | Path,
    *,
    work: Path | None = None,
    resume: bool = True,
    steps_scale: float = 1.0,
    eyes: str | None = "mini/image",
    lessons: tuple[Lesson, ...] = ("glance", "watch", "compare", "choose"),
) -> dict[str, float]:
    """Train the selector from random weights and save it, weights as float16.

    Args:
        out: gets the finished checkpoint.
        work: where drawn scenes, the teachers' captions and unfinished lessons lie; ``None``: ``work_folder()``.
        resume: go on where an interrupted run stopped; finished lessons are not repeated.
        steps_scale: multiplies steps and numbers of clips; small for a trial.
        eyes: checkpoint of the teacher whose vision tower this one starts from; ``None``: random weights.
        lessons: leave out ``choose`` where the teachers are not trained yet.

    Returns:
        The last lesson's validation figures. ``eval_picked``: how often the best candidate gets the highest score
        (of the teachers' captions in ``choose``, against three near misses in ``compare``).
    """
    work = work or work_folder()
    school = _School(work, resume, steps_scale, eyes)
    figures: dict[str, dict[str, float]] = {}
    for lesson in lessons:
        figures[lesson] = {key: round(value, 4) for key, value in school.teach(lesson).items()}
        log.warning("%s: %s", lesson, figures[lesson])
    save(school.model, school.processor, Path(out))
    _note(Path(out), eyes, steps_scale, figures)
    return figures[lessons[-1]]


class _School:
    """The model on its way through the lessons."""

    def __init__(self, work: Path, resume: bool, scale: float, eyes: str | None) -> None:
        self.work, self.resume, self.scale = work, resume, scale
        self.model, self.processor = selector()
        if eyes:
            take_eyes(self.model, self.processor, eyes)

    def teach(self, lesson: Lesson) -> dict[str, float]:
        folder = f"choose-{fingerprint()}" if lesson == "choose" else lesson  # other teachers, another lesson
        arguments = _arguments(self.work / "selector" / folder, RECIPES[lesson], self.scale)
        torch.manual_seed(0)
        if lesson in ("glance", "watch"):
            return self._see(arguments, frames=1 if lesson == "glance" else self.processor.num_frames)
        return self._compare(arguments) if lesson == "compare" else self._choose(arguments)

    def _see(self, arguments: TrainingArguments, frames: int) -> dict[str, float]:
        clips = training_clips(self.work / "scenes", self._count(SCENES, 500))
        return learn_to_see(
            self.model, self.processor, clips, self.unseen, arguments, frames=frames, resume=self.resume
        )

    def _compare(self, arguments: TrainingArguments) -> dict[str, float]:
        clips = training_clips(self.work / "scenes", self._count(SCENES, 500))
        return train_on_candidates(
            self.model,
            self.processor,
            LikelyCandidates(self._encoded(clips, self._count(COMPARED)), CANDIDATES, seed=1),
            NearMisses(self._encoded(self.unseen, len(self.unseen))),
            arguments,
            loss=SelectorLoss(other_clips=OTHER_CLIPS),
            resume=self.resume,
        )

    def _choose(self, arguments: TrainingArguments) -> dict[str, float]:
        clips, unseen = self.judged("train", self._count(JUDGED, 50)), self.judged("validation", JUDGED_UNSEEN)
        log.warning("mean fact scores of the candidates: %s", mean_scores(unseen))
        return train_on_candidates(
            self.model,
            self.processor,
            JudgedCandidates(clips),
            JudgedCandidates(unseen),
            arguments,
            loss=SelectorLoss(),
            resume=self.resume,
        )

    def judged(self, split: Split, count: int) -> list[Judged]:
        """Clips with the teachers' captions and their scores, already encoded."""
        clips = judged_clips(split, count, self.work / "selector" / "judged", IMAGE_SIZE)
        vectors = frame_vectors(self.model, self.processor, [clip.frames for clip in clips])
        return [replace(clip, frames=seen) for clip, seen in zip(clips, vectors, strict=True)]

    def _encoded(self, clips: Clips, count: int) -> Clips:
        return encoded(clips, count, self.model, self.processor)

    @cached_property
    def unseen(self) -> Clips:
        """Clips of the validation split."""
        return validation_clips(self._count(UNSEEN))

    def _count(self, full: int, least: int = 32) -> int:
        return max(least, round(full * min(1.0, self.scale)))


def _arguments(folder: Path, recipe: Recipe, scale: float) -> TrainingArguments:
    """Settings of ``Trainer``: AdamW with the paper's weight decay, a state saved every few minutes."""
    steps = max(2, round(recipe.steps * scale))
    every = max(1, min(200, math.ceil(steps / 4)))
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=50,
        learning_rate=recipe.learning_rate,
        weight_decay=0.02,
        warmup_steps=max(1, steps // 10),
        lr_scheduler_type="cosine",
        bf16=fast_bf16(),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=every,
        save_steps=every,
        save_total_limit=1,
        logging_steps=min(50, every),
        disable_tqdm=True,
        report_to=[],
        seed=0,
    )


def save(model: UMTModel, processor: UMTProcessor, out: Path) -> None:
    """Write the checkpoint, weights as float16, under names that all releases of transformers read."""
    small = copy.deepcopy(model).half()
    vars(small.config).pop("use_cache", None)  # Trainer's
    small.save_pretrained(out, save_original_format=True)
    processor.save_pretrained(out)


def _note(folder: Path, eyes: str | None, scale: float, figures: dict[str, dict[str, float]]) -> None:
    """Write how the checkpoint was made, and what each lesson printed at its end, beside it."""
    made = {
        "command": "panda-hf mini train",
        "eyes_of": Path(eyes).name if eyes else None,
        "steps_scale": scale,
        "lessons": {lesson: {**asdict(RECIPES[cast(Lesson, lesson)]), **found} for lesson, found in figures.items()},
        "clips_with_captions_of_teachers": JUDGED,
        "torch": torch.__version__,
    }
    (folder / "training.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
