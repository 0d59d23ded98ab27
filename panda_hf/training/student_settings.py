"""How a student is trained: the paper's recipe, and what ``Trainer`` makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import TrainingArguments

from panda_hf.errors import OutputError
from panda_hf.training.arguments import common_arguments
from panda_hf.training.precision import Precision

RECIPE = "Panda-70M (arXiv 2402.19479), appendix D.2"


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """How to train; the defaults are the paper's (appendix D.2), except where it says otherwise here."""

    steps: int = 300_000
    batch_size: int = 48
    """Clips per step, of all processes together: 48 GPUs with one each in the paper."""
    at_once: int | None = None
    """Clips that a process computes at once; gradients of a step's others are added up. ``None``: all of its share."""
    learning_rate: float = 1e-4
    """The highest, after the warm-up."""
    first_rate: float = 1e-6
    """Where the linear warm-up begins."""
    last_rate: float = 5e-5
    """Where the cosine ends."""
    warmup_steps: int = 2_500
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.05
    max_grad_norm: float = 0.0
    """Gradients longer than that are cut; 0: none are. The paper speaks of no cutting."""
    keep_text: float = 0.5
    """Probability with which subtitles, and independently title and description, are kept."""
    num_frames: int = 8
    precision: Precision = "auto"
    """Of the computation; not stated in the paper."""
    gradient_checkpointing: bool = False
    workers: int = 0
    """Processes that decode clips, for each process that trains; 0: that one itself."""
    window: int = 100_000
    """Clips that are mixed at once; a larger dataset is read file by file."""
    seed: int = 0
    save_every: int | None = None
    """Steps between saved states and measurements; ``None``: a hundredth of the training, at least 10."""
    max_new_tokens: int = 48
    """Of captions that are written to measure."""

    def __post_init__(self) -> None:
        if self.warmup_steps >= self.steps:
            object.__setattr__(self, "warmup_steps", self.steps // 10)

    def arguments(self, out: Path, processes: int = 1) -> TrainingArguments:
        """For ``Trainer``.

        Args:
            out: where states go while training.
            processes: that share the clips of a step.

        Raises:
            OutputError: when they cannot share them evenly.
        """
        at_once = self.at_once or max(1, self.batch_size // processes)
        if self.batch_size % (at_once * processes):
            raise OutputError(
                f"{self.batch_size} clips per step cannot be shared by {processes} processes that compute {at_once} "
                f"at once; change --batch-size or --at-once"
            )
        every = self.save_every or max(10, self.steps // 100)
        return TrainingArguments(
            output_dir=str(out),
            max_steps=self.steps,
            per_device_train_batch_size=at_once,
            per_device_eval_batch_size=at_once,
            gradient_accumulation_steps=self.batch_size // (at_once * processes),
            learning_rate=self.learning_rate,
            lr_scheduler_type="cosine_warmup_with_min_lr",
            lr_scheduler_kwargs={
                "min_lr_rate": self.last_rate / self.learning_rate,
                "warmup_lr_rate": self.first_rate / self.learning_rate,
            },
            warmup_steps=self.warmup_steps,
            adam_beta1=self.beta1,
            adam_beta2=self.beta2,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            # a batch in which no clip has words leaves the text branch out
            ddp_find_unused_parameters=True,
            logging_steps=max(1, min(50, every)),
            remove_unused_columns=False,
            label_names=["labels"],
            **common_arguments(
                precision=self.precision,
                gradient_checkpointing=self.gradient_checkpointing,
                workers=self.workers,
                seed=self.seed,
                every=every,
            ),
        )
