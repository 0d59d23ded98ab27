"""A whole training of a selector: load, train, save, in one process or in several."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import AutoConfig

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTModel, UMTProcessor
from panda_hf.training.curves import FOUND, LOSSES, PICKED, CurveWriter
from panda_hf.training.pairs import PAIRS_LOSS, PairsTrainer
from panda_hf.training.selector import SelectorLoss, SelectorTrainer, train_on_candidates
from panda_hf.training.selector_examples import ClipExamples, FramesOf, Lines, RandomCrop
from panda_hf.training.selector_settings import Lesson, SelectorSettings

STATES = "states"
"""The folder, inside the result, from which an interrupted training goes on."""


def load_selector(checkpoint: str, revision: str = "main") -> tuple[Any, UMTProcessor]:
    """A selector to train, in float32: the whole model where the checkpoint holds it, else the towers.

    Raises:
        CheckpointError: when it is missing or incomplete.
    """
    folder = resolve(checkpoint)
    try:
        config = AutoConfig.from_pretrained(folder, revision=revision)
        whole = UMTForVideoTextRetrieval.__name__ in (config.architectures or ())
        kind: Any = UMTForVideoTextRetrieval if whole else UMTModel
        model, info = kind.from_pretrained(
            folder, revision=revision, dtype="float32", use_safetensors=True, output_loading_info=True
        )
        processor = UMTProcessor.from_pretrained(folder, revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the selector {checkpoint!r} cannot be loaded: {error}") from error
    missing = sorted(map(str, [*info["missing_keys"], *info.get("mismatched_keys", ())]))
    if missing:
        raise CheckpointError(f"the selector {checkpoint!r} is incomplete: it lacks {missing[:8]}")
    return model, processor


def train_selector_on(
    checkpoint: str,
    lesson: Lesson,
    train: Sequence[Lines],
    validation: Sequence[Lines],
    frames: FramesOf,
    out: Path,
    settings: SelectorSettings,
    *,
    loss: SelectorLoss | None = None,
    num_frames: int | None = None,
    crop: float | None = 0.5,
    flip: bool = False,
    resume: bool = True,
) -> dict[str, float]:
    """Train a selector and save it as a folder that ``Select`` takes; runs under ``accelerate launch`` as it is.

    Args:
        checkpoint: to start from.
        lesson: fine-tuning on answers or pre-training on pairs.
        train, validation: clips in words.
        frames: their frames.
        out: the result: model, processor, curves, and while training its states.
        settings: how.
        loss: ``None``: the paper's, or for pairs the plain contrastive and matching losses.
        num_frames: per clip; ``None``: as the processor says.
        crop: smallest share of the picture in random crops; ``None``: no crops.
        flip: see :class:`RandomCrop`.
        resume: go on from the last state in ``out``.

    Returns:
        Figures over the held-out clips after training: ``eval_picked``, ``eval_recall_at_1``, ``eval_loss``.
    """
    model, processor = load_selector(checkpoint)
    processor.num_frames = num_frames or processor.num_frames
    process = PartialState()
    found = train_on_candidates(
        model,
        processor,
        ClipExamples(train, frames, processor.num_frames, drawn=True),
        ClipExamples(validation, frames, processor.num_frames, drawn=False),
        settings.arguments(out / STATES, len(train), process.num_processes),
        loss=loss or (SelectorLoss() if lesson == "answers" else PAIRS_LOSS),
        augment=None if crop is None else RandomCrop(processor.image_size, crop, flip),
        resume=resume,
        callbacks=[CurveWriter(out, (*LOSSES, PICKED if lesson == "answers" else FOUND))],
        kind=SelectorTrainer if lesson == "answers" else PairsTrainer,
    )
    if process.is_main_process:
        vars(model.config).pop("use_cache", None)  # Trainer's
        model.save_pretrained(out)
        processor.save_pretrained(out)
        shutil.rmtree(out / STATES, ignore_errors=True)
    return found
