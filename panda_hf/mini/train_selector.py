"""The lessons of the miniature's selector: to look, to see, on generic pairs, and on what simulated people picked."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset
from transformers import TrainingArguments

from panda_hf.mini.lessons import named_by
from panda_hf.mini.selector_clips import Clips, encoded, training_clips, validation_clips
from panda_hf.mini.selector_data import NearMisses, Picked, TruePairs
from panda_hf.mini.selector_look import learn_to_look
from panda_hf.mini.selector_model import IMAGE_SIZE, selector, take_tower
from panda_hf.mini.selector_people import answered
from panda_hf.mini.selector_sight import learn_to_see
from panda_hf.mini.selector_teachers import (
    BATCH,
    TEACHERS,
    Judged,
    batches,
    fingerprint,
    frames_file,
    judged_clips,
)
from panda_hf.mini.selector_tokens import tokens_file
from panda_hf.mini.train_teachers import SCENES, fast_bf16
from panda_hf.mini.world import Split
from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.selection.answers import AnsweredClip
from panda_hf.training.pairs import PAIRS_LOSS, PairsTrainer
from panda_hf.training.selector import (
    SelectorExample,
    SelectorLoss,
    SelectorTrainer,
    train_on_candidates,
)
from panda_hf.training.states import last_complete_checkpoint

log = logging.getLogger(__name__)

_CLOCK = re.compile("per_second|runtime|preparation_time|epoch")
"""What Trainer measures beside the lesson's figures."""
Lesson = Literal["where", "look", "see", "pairs", "answers"]
Notes = dict[str, dict[str, float | bool]]
"""What each lesson printed at its end, by its name."""
SPLITS: tuple[Split, ...] = ("train", "validation")


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
    "answers": Recipe(steps=400, batch=32, learning_rate=5e-4),
}
EQUAL = SelectorLoss(other_clips=1.0)
"""Of pairs: captions of all other clips of the batch are equally wrong."""
PAIRED, UNSEEN = 6_000, 200
"""Drawn clips to pre-train on, and to measure that with."""
ANNOTATED, HELD_ASIDE = 4_500, 900
"""Clips that the teachers caption and people answer, to fine-tune on and to measure with."""


@dataclass
class School:
    """A model on its way: :meth:`pretrain` once, then :meth:`fine_tune` copies of it.

    Args:
        work: where drawn scenes, the teachers' captions and unfinished lessons lie.
        resume: go on where an interrupted run stopped; finished lessons are not repeated.
        scale: multiplies steps and numbers of clips; small for a trial.
        from_scratch: the vision tower begins with random weights and learns to see first, an hour more; otherwise it
            is that of the shipped selector, as the paper's selector starts from towers trained before. All else of
            the model begins with random weights either way.
    """

    work: Path
    resume: bool = True
    scale: float = 1.0
    from_scratch: bool = False

    def __post_init__(self) -> None:
        """Build the model with random weights."""
        self.model, self.processor = selector()
        self.notes: Notes = {}

    def pretrain(self) -> Path:
        """The vision tower sees, and stays as it is; the rest learns from clips and true captions.

        Returns:
            The file of the weights, for :meth:`take_up`.

        Raises:
            CheckpointError: when the shipped selector, whose tower is taken, is missing or of another shape.
        """
        paired = self._count(PAIRED, 64)
        clips = training_clips(self.work / "clips", self._count(SCENES, 500) if self.from_scratch else paired)
        unseen = validation_clips(self._count(UNSEEN))
        if self.from_scratch:
            self._see(clips, unseen)
        else:
            take_tower(self.model)
        some = dataclasses.replace(clips, scenes=clips.scenes[:paired])
        train, held = (encoded(those, self.model.umt, self.processor) for those in (some, unseen))
        self._learn("pairs", self.model, TruePairs(train, seed=1), NearMisses(held), SelectorTrainer, EQUAL, seed=0)
        return self._kept()

    def take_up(self, weights: Path) -> None:
        """Go on with what another school's :meth:`pretrain` returned."""
        self.model.load_state_dict(load_file(weights))

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

    @property
    def judged_folder(self) -> Path:
        """Where clips with the teachers' captions lie."""
        return self.work / "selector" / "judged"

    @property
    def judged_counts(self) -> dict[Split, int]:
        """Clips that the teachers caption."""
        return {"train": self._count(ANNOTATED, 50), "validation": self._count(HELD_ASIDE, 50)}

    @property
    def judged_files(self) -> list[Path]:
        """Their frames, :data:`BATCH` clips in each file."""
        return [
            frames_file(self.judged_folder, IMAGE_SIZE, split, number)
            for split, count in self.judged_counts.items()
            for number in range(batches(count))
        ]

    @cached_property
    def judged(self) -> dict[Split, list[Judged]]:
        """Clips with the teachers' captions, by split."""
        counts = self.judged_counts
        return {split: judged_clips(split, counts[split], self.judged_folder, IMAGE_SIZE) for split in SPLITS}

    @cached_property
    def tokens(self) -> dict[str, np.ndarray]:
        """What the vision tower made of these clips, by clip id; of :func:`~.selector_tokens.to_encode`."""
        found: dict[str, np.ndarray] = {}
        for frames in self.judged_files:
            split, _, number = frames.stem.partition("-")
            seen = np.load(tokens_file(self.judged_folder, self.model, frames), mmap_mode="r")
            found |= {f"{split}.{int(number) * BATCH + i}": one for i, one in enumerate(seen)}
        return found

    def _kept(self) -> Path:
        """The weights, in a file whose name differs where they do."""
        path = self.work / "selector" / f"pretrained-{named_by('', self.model)}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        save_file({name: tensor.contiguous() for name, tensor in self.model.state_dict().items()}, unfinished)
        os.replace(unfinished, path)
        return path

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

        Its states lie under a name of the recipe, the scale, the weights that it begins with and, where captions are
        judged, how many and by which teachers: what changed is begun anew.
        The seconds of a resumed lesson are those of its last part alone.
        """
        lesson: Any = name.partition("-")[0]
        recipe = RECIPES[lesson]
        begun: tuple[Any, ...] = (recipe, self.scale)
        if lesson == "answers":
            begun += (ANNOTATED, *map(fingerprint, TEACHERS))
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
