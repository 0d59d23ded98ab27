"""What the lessons of the miniature's eyes have in common: how one is held, and the name that its states lie under."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, Trainer, TrainingArguments

from panda_hf.training.states import train


def lesson(
    model: nn.Module,
    arguments: TrainingArguments,
    learned: Dataset[Any],
    unseen: Dataset[Any],
    collate: Callable[[Any], dict[str, Any]],
    figures: Callable[[EvalPrediction], dict[str, float]] | None,
    *,
    resume: bool,
) -> Trainer:
    """Train ``model`` in place; a finished lesson is only loaded.

    Args:
        model: what learns.
        arguments: settings; columns that the model does not name are kept.
        learned, unseen: examples to learn from, and to measure with.
        collate: makes a batch of them.
        figures: what is measured beside the loss; ``None``: nothing.
        resume: go on from the last state.
    """
    arguments.remove_unused_columns = False
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=learned,
        eval_dataset=unseen,
        data_collator=collate,
        compute_metrics=figures,
    )
    train(trainer, resume)
    return trainer


def named_by(told: object, *models: nn.Module) -> str:
    """A name that differs where ``told``, as it is printed, or some weight of the models does."""
    digest = hashlib.sha256(repr(told).encode())
    for model in models:
        for name, tensor in model.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:12]
