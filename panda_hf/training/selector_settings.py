"""How a selector is trained: the settings of the paper and of UMT, and what ``Trainer`` makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import TrainingArguments

from panda_hf.training.arguments import common_arguments
from panda_hf.training.precision import Precision

Lesson = Literal["answers", "pairs"]
"""Fine-tuning on what annotators picked, or pre-training on clips with right captions alone."""


@dataclass(frozen=True, kw_only=True)
class SelectorSettings:
    """How to train; the defaults are the paper's for fine-tuning (appendix C), or UMT's where it says nothing."""

    epochs: float = 10.0
    learning_rate: float = 2e-5
    batch_size: int = 32
    """Clips per process; the paper does not say whether its 32 are per GPU, UMT's are."""
    accumulate: int = 1
    """Batches per step."""
    weight_decay: float = 0.02
    warmup_epochs: float = 1.0
    """Of UMT's fine-tuning; then a cosine to a hundredth of the learning rate."""
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    workers: int = 0
    """Processes that read clips; 0: this one."""
    seed: int = 0
    steps: int | None = None
    """Instead of epochs."""
    save_every: int | None = None
    """Steps between saved states and measurements; ``None``: a tenth of the training."""

    @classmethod
    def of(cls, lesson: Lesson) -> SelectorSettings:
        """The defaults of a lesson; UMT pre-trains with a learning rate of 1e-4 on batches of 128."""
        return cls() if lesson == "answers" else cls(learning_rate=1e-4, batch_size=128)

    def arguments(self, out: Path, clips: int, processes: int = 1) -> TrainingArguments:
        """For ``Trainer``.

        Args:
            out: where states go while training.
            clips: to learn from.
            processes: that share them.
        """
        at_once = self.batch_size * processes
        per_epoch = max(1, clips // at_once // self.accumulate)
        steps = self.steps or max(1, round(self.epochs * per_epoch))
        every = self.save_every or max(1, steps // 10)
        return TrainingArguments(
            output_dir=str(out),
            max_steps=steps,
            per_device_train_batch_size=self.batch_size,
            per_device_eval_batch_size=self.batch_size,
            gradient_accumulation_steps=self.accumulate,
            dataloader_drop_last=clips >= at_once,  # a last batch of one clip has no other videos to tell it from
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            adam_beta1=0.9,
            adam_beta2=0.999,
            warmup_steps=min(round(self.warmup_epochs * per_epoch), steps // 2),
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.01},
            logging_steps=max(1, min(20, every)),
            **common_arguments(
                precision=self.precision,
                gradient_checkpointing=self.gradient_checkpointing,
                workers=self.workers,
                seed=self.seed,
                every=every,
            ),
        )
