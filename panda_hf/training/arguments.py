"""What the trainings of a selector and of a student tell ``Trainer`` alike."""

from __future__ import annotations

from typing import Any

import torch

from panda_hf.training.precision import Precision, formats


def common_arguments(
    *, precision: Precision, gradient_checkpointing: bool, workers: int, seed: int, every: int
) -> dict[str, Any]:
    """Arguments of ``TrainingArguments``: format, memory, device, and a measurement and a state every few steps.

    Args:
        precision: of the computation.
        gradient_checkpointing: compute twice, remember less.
        workers: processes that read clips; 0: this one.
        seed: of everything that is drawn.
        every: steps between saved states, of which two are kept, and measurements; the first is before any step.
    """
    bf16, fp16 = formats(precision)
    return {
        "bf16": bf16,
        "fp16": fp16,
        "gradient_checkpointing": gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if gradient_checkpointing else None,
        "dataloader_num_workers": workers,
        "use_cpu": not torch.cuda.is_available(),
        "eval_strategy": "steps",
        "eval_steps": every,
        "eval_on_start": True,
        "save_steps": every,
        "save_total_limit": 2,
        "seed": seed,
        "report_to": "none",
        "disable_tqdm": True,
    }
