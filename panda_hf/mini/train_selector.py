"""Train the miniature's selector: to look, to see, on generic pairs, and on what simulated annotators picked."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainingArguments

from panda_hf.mini.lessons import named_by
from panda_hf.mini.selector_clips import Clips, encoded, training_clips, validation_clips
from panda_hf.mini.selector_data import NearMisses, TruePairs
from panda_hf.mini.selector_look import learn_to_look
from panda_hf.mini.selector_model import IMAGE_SIZE, selector
from panda_hf.mini.selector_people import answered
from panda_hf.mini.selector_sight import learn_to_see
from panda_hf.mini.selector_teachers import TEACHERS, Judged, fingerprint, judged_clips
from panda_hf.mini.train_teachers import SCENES, fast_bf16, work_folder
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.selection.answers import AnsweredClip
from panda_hf.training.pairs import PAIRS_LOSS, PairsTrainer
from panda_hf.training.selector import (
    SelectorExample,
    SelectorLoss,
    SelectorTrainer,
    train_on_candidates,
    video_tokens,
)
from panda_hf.training.states import last_complete_checkpoint

log = logging.getLogger(__name__)

_CLOCK = re.compile("per_second|runtime|preparation_time|epoch")
"""What Trainer measures beside the lesson's figures."""
Lesson = Literal["where", "look", "see", "pairs", "answers"]


@dataclass(frozen=True)
class Recipe:
    """Sizes of one lesson; the learning rate rises over the first tenth and falls to 0 along a cosine."""

    steps: int
    batch: int
    learning_rate: float


RECIPES: dict[Lesson, Recipe] = {
    "where": Recipe(steps=600, batch=12, learning_rate=2e-3),
    "look": Recipe(steps=6000, batch=48, learning_rate=1.5e-3),
    "see": Recipe(steps=700, batch=24, learning_rate=8e-4),
    "pairs": Recipe(steps=1200, batch=48, learning_rate=1e-3),
    "answers": Recipe(steps=600, batch=32, learning_rate=5e-4),
}
EQUAL = SelectorLoss(other_clips=1.0)
"""Of pairs: captions of all other clips of the batch are equally wrong."""
PAIRED, UNSEEN = 6_000, 200
"""Drawn clips to pre-train on, and to measure that with."""
ANNOTATED, HELD_ASIDE = 6_000, 900
"""Clips that the teachers caption and people answer, to fine-tune on and to measure with."""


@dataclass
class School:
    """A model on its way: :meth:`pretrain` once, then :meth:`fine_tune` copies of it.

    Args:
        work: where drawn scenes, the teachers' captions and unfinished lessons lie.
        resume: go on where an interrupted run stopped; finished lessons are not repeated.
        scale: multiplies steps and numbers of clips; small for a trial.
    """

    work: Path
    resume: bool = True
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Build the model with random weights."""
        self.model, self.processor = selector()
        self.notes: dict[str, dict[str, float | bool]] = {}

    def pretrain(self) -> None:
        """The vision tower learns to see, then stays as it is; the rest learns from clips and true captions."""
        clips = training_clips(self.work / "clips", self._count(SCENES, 500), workers=2)
        unseen = validation_clips(self._count(UNSEEN))
        self._see(clips, unseen)
        some = dataclasses.replace(clips, scenes=clips.scenes[: self._count(PAIRED, 64)])
        train, held = (encoded(those, self.model.umt, self.processor) for those in (some, unseen))
        self._learn("pairs", self.model, TruePairs(train, seed=1), NearMisses(held), SelectorTrainer, EQUAL, seed=0)

    def fine_tune(self, seed: int = 0, *, hard_negatives: bool = True) -> UMTForVideoTextRetrieval:
        """A copy of the pre-trained model that learned from the simulated annotators of this seed.

        Args:
            seed: of people's moods, order and wrong pairs.
            hard_negatives: whether a clip's own rejected captions stand against the picked one (paper, appendix C);
                without, the picked captions of other clips do, as on generic pairs.
        """
        model, learned = copy.deepcopy(self.model), self.answers("train", seed)
        examples: Any = Picked(learned, self.tokens, seed, alone=not hard_negatives)
        asked = Picked(self.answers("validation", seed), self.tokens, seed, alone=not hard_negatives)
        name = f"answers-{seed}" if hard_negatives else f"answers-{seed}-without"
        if hard_negatives:
            self._learn(name, model, examples, asked, SelectorTrainer, SelectorLoss(), seed=seed)
        else:
            self._learn(name, model, examples, asked, PairsTrainer, PAIRS_LOSS, seed=seed)
        return model

    def answers(self, split: Literal["train", "validation"], seed: int) -> list[AnsweredClip]:
        """What the annotators answered of clips of which at least one of them picked a caption."""
        return [clip for clip in answered(self.judged[split], seed) if clip.wanted]

    def everybody(self, seed: int) -> list[AnsweredClip]:
        """All answers of held-aside clips, those that found every caption bad too."""
        return answered(self.judged["validation"], seed)

    @cached_property
    def judged(self) -> dict[str, list[Judged]]:
        """Clips with the teachers' captions, by split."""
        folder = self.work / "selector" / "judged"
        return {
            "train": judged_clips("train", self._count(ANNOTATED, 50), folder, IMAGE_SIZE),
            "validation": judged_clips("validation", self._count(HELD_ASIDE, 50), folder, IMAGE_SIZE),
        }

    @cached_property
    def tokens(self) -> dict[str, np.ndarray]:
        """What the vision tower makes of these clips, by clip id."""
        clips = [clip for split in self.judged.values() for clip in split]
        seen = video_tokens(self.model.umt, self.processor, [clip.frames for clip in clips])
        return dict(zip((clip.clip_id for clip in clips), seen, strict=True))

    def _see(self, clips: Clips, unseen: Clips) -> None:
        """First where a patch is, then what stands there in two frames, then what whole clips show."""
        umt, processor, resume = self.model.umt, self.processor, self.resume
        for name, only_where in (("where", True), ("look", False)):
            with self._noted(name, self.model) as (arguments, found):
                found |= learn_to_look(umt, processor, clips, unseen, arguments, only_where=only_where, resume=resume)
        with self._noted("see", self.model) as (arguments, found):
            found |= learn_to_see(umt, processor, clips, unseen, arguments, resume=resume)

    def _learn(
        self,
        name: str,
        model: UMTForVideoTextRetrieval,
        train: Dataset[SelectorExample],
        validation: Dataset[SelectorExample],
        kind: type[SelectorTrainer],
        loss: SelectorLoss,
        *,
        seed: int,
    ) -> None:
        with self._noted(name, model, seed) as (arguments, found):
            found |= train_on_candidates(
                model, self.processor, train, validation, arguments, loss=loss, kind=kind, resume=self.resume
            )

    @contextmanager
    def _noted(
        self, name: str, model: UMTForVideoTextRetrieval, seed: int = 0
    ) -> Iterator[tuple[TrainingArguments, dict[str, float]]]:
        """The settings of a lesson, and where its figures go; its seconds are noted with them.

        Its states lie under a name of the recipe, of the weights that it begins with and, where captions are judged,
        of the weights of the teachers: what changed is begun anew.
        The seconds of a resumed lesson are those of its last part alone.
        """
        lesson: Any = name.partition("-")[0]
        recipe = RECIPES[lesson]
        begun = (recipe, tuple(map(fingerprint, TEACHERS))) if lesson == "answers" else recipe
        folder = self.work / "selector" / f"{name}-{named_by(begun, model)}"
        found: dict[str, float] = {}
        torch.manual_seed(seed)
        resumed = self.resume and last_complete_checkpoint(folder) is not None
        started, worked = time.monotonic(), time.process_time()
        yield arguments(folder, recipe, self.scale, seed), found
        found["seconds"], found["cpu_seconds"] = time.monotonic() - started, time.process_time() - worked
        kept = {key.removeprefix("eval_"): round(value, 4) for key, value in found.items() if not _CLOCK.search(key)}
        self.notes[name] = {**asdict(recipe), **kept, "resumed": resumed}
        log.warning("%s: %s", name, self.notes[name])

    def _count(self, full: int, least: int = 32) -> int:
        return max(least, round(full * min(1.0, self.scale)))


class Picked(Dataset[SelectorExample]):
    """Answered clips to learn from.

    Args:
        clips: with at least one answer that is a caption.
        tokens: of the vision tower, by clip id.
        seed: of which pick is shown.
        alone: show one picked caption, drawn anew at each visit, without the rejected ones.
    """

    def __init__(
        self, clips: Sequence[AnsweredClip], tokens: dict[str, np.ndarray], seed: int, *, alone: bool
    ) -> None:
        self.clips, self.tokens, self.alone = clips, tokens, alone
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        clip = self.clips[index]
        seen, targets = self.tokens[clip.clip_id], clip.targets()
        assert targets is not None
        if not self.alone:
            return SelectorExample(seen, clip.captions, targets)
        return SelectorExample(seen, (clip.captions[int(self.rng.choice(len(targets), p=targets))],), (1.0,))


def train_selector(
    out: str | Path,
    *,
    work: Path | None = None,
    resume: bool = True,
    steps_scale: float = 1.0,
) -> School:
    """Train the selector and save it, weights as float16; arguments as of :class:`School`.

    Returns:
        The school, for more models that start from the same pre-training.
    """
    school = School(work or work_folder(), resume, steps_scale)
    school.pretrain()
    save(school.fine_tune(), school.processor, Path(out))
    _note(Path(out), school)
    return school


def arguments(folder: Path, recipe: Recipe, scale: float, seed: int) -> TrainingArguments:
    """Settings of ``Trainer``: AdamW with the paper's weight decay, a state saved every few minutes."""
    steps = max(2, round(recipe.steps * scale))
    every = max(1, min(150, steps // 2))
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=50,
        dataloader_drop_last=True,
        learning_rate=recipe.learning_rate,
        weight_decay=0.02,
        adam_beta2=0.98,
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
        seed=seed,
    )


def save(model: UMTForVideoTextRetrieval, processor: UMTProcessor, out: Path) -> None:
    """Write the checkpoint, weights as float16, under names that all releases of transformers read."""
    small = copy.deepcopy(model).half()
    vars(small.config).pop("use_cache", None)  # Trainer's
    small.save_pretrained(out, save_original_format=True)
    processor.save_pretrained(out)


def _note(folder: Path, school: School) -> None:
    """Write how the checkpoint was made, and what each lesson printed at its end, beside it."""
    made = {
        "command": "panda-hf mini train-umt",
        "steps_scale": school.scale,
        "lessons": school.notes,
        "torch": torch.__version__,
    }
    (folder / "training.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
