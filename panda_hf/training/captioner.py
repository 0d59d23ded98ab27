"""Train a captioner of transformers: BLIP-2 with or without an encoder, or any vision-language model."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments

from panda_hf.training import states

IGNORED = -100
"""The label of a position that does not count in the loss."""


@dataclasses.dataclass(frozen=True)
class CaptionSample:
    """One clip to learn from."""

    frames: Sequence[np.ndarray]  # uint8 [h, w, 3] each, RGB
    prompt: str  # complete, with the processor's own placeholders for images or the video where it needs them
    caption: str  # what the model shall write
    as_video: bool = False  # hand all frames to the processor as one video instead of a series of images


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionerSettings:
    """How to train; the defaults suit models of a few million weights."""

    steps: int
    batch_size: int = 48
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    decay_share: float = 0.3  # of the steps, at the end, in which the learning rate falls
    weight_decay: float = 0.05  # student and UMT of the paper: 0.05 and 0.02
    max_caption_tokens: int = 48
    seed: int = 0
    save_every: int = 200  # steps between checkpoints
    log_every: int = 50
    workers: int = 0  # processes that prepare samples; 0: this one
    bf16: bool = False


@dataclasses.dataclass(frozen=True)
class CaptionCollator:
    """Make a batch of samples: the processor's inputs, and labels that hold the caption and nothing else.

    A decoder-only model reads prompt and caption as one row: prompts are padded at the left and captions at the right,
    so that they meet; an encoder-decoder model gets the caption as labels alone.
    """

    processor: Any
    encoder_decoder: bool
    max_caption_tokens: int = 48

    def __call__(self, samples: Sequence[CaptionSample]) -> dict[str, torch.Tensor]:
        """Tensors for ``model(**batch)``; ``labels`` int64 [batch, tokens], -100 where nothing is learned."""
        batch = dict(self._inputs(samples))
        captions = [self._caption_ids(sample.caption) for sample in samples]
        if self.encoder_decoder:
            return {**batch, "labels": _padded(captions, IGNORED)}
        prompt, written = batch["input_ids"], _padded(captions, IGNORED)
        tokens = written.masked_fill(written == IGNORED, self.processor.tokenizer.pad_token_id)
        batch["input_ids"] = torch.cat([prompt, tokens], dim=1)
        batch["attention_mask"] = torch.cat([batch["attention_mask"], (written != IGNORED).long()], dim=1)
        batch["labels"] = torch.cat([torch.full_like(prompt, IGNORED), written], dim=1)
        return batch

    def _inputs(self, samples: Sequence[CaptionSample]) -> Any:
        self.processor.tokenizer.padding_side = "left"
        if samples[0].as_video:
            pixels: dict[str, Any] = {"videos": [np.stack(list(sample.frames)) for sample in samples]}
        else:
            pixels = {"images": [list(sample.frames) for sample in samples]}
            if all(len(frames) == 1 for frames in pixels["images"]):
                pixels = {"images": [frames[0] for frames in pixels["images"]]}
        text = [sample.prompt for sample in samples]
        return self.processor(text=text, padding=True, return_tensors="pt", **pixels)

    def _caption_ids(self, caption: str) -> list[int]:
        tokenizer = self.processor.tokenizer
        ids = tokenizer(caption, add_special_tokens=False)["input_ids"][: self.max_caption_tokens - 1]
        return [*ids, tokenizer.eos_token_id]


class CaptionTrainer(Trainer):
    """A ``Trainer`` that resumes models whose files keep older names of weights.

    ``save_pretrained`` writes the names of the published checkpoints, which ``from_pretrained`` translates and
    ``Trainer`` does not: it would warn and go on with random weights.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        target: Any = self.model if model is None else model
        saved = type(target).from_pretrained(resume_from_checkpoint, dtype=target.dtype)
        target.load_state_dict(saved.state_dict())


def train_captioner(
    model: Any,
    processor: Any,
    samples: Dataset[CaptionSample],
    out: Path,
    settings: CaptionerSettings,
    *,
    resume: bool = True,
    callbacks: Sequence[TrainerCallback] = (),
    collator: Callable[[Any], dict[str, torch.Tensor]] | None = None,
) -> float | None:
    """Train ``model`` in place; runs under ``accelerate launch`` as it is.

    Args:
        model: a generating model of transformers whose forward takes what the collator makes.
        processor: its processor; the tokenizer needs a padding and an end token.
        samples: a map-style dataset; the order is drawn from ``settings.seed``.
        out: where checkpoints go while training.
        settings: how to train.
        resume: go on from the last complete checkpoint in ``out``; ``False`` removes those of earlier runs.
        callbacks: such as one that evaluates.
        collator: makes batches of other samples than captioned clips; ``None``: :class:`CaptionCollator`.

    Returns:
        The mean loss per caption token over the steps of this call; ``None`` when it made none.
    """
    collator = collator or CaptionCollator(
        processor, bool(_language_config(model).is_encoder_decoder), settings.max_caption_tokens
    )
    trainer = CaptionTrainer(
        model=model,
        args=_arguments(out, settings),
        train_dataset=samples,
        data_collator=collator,
        callbacks=list(callbacks),
    )
    return states.train(trainer, resume)


def save_half(model: Any, processor: Any, folder: Path) -> None:
    """Write model and processor for ``from_pretrained``, weights as float16 safetensors; replaces ``folder`` whole."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    dtype = model.dtype
    model.half().save_pretrained(partial)
    model.to(dtype)
    processor.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _arguments(out: Path, settings: CaptionerSettings) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="warmup_stable_decay",  # a run can be made longer before its decay begins
        lr_scheduler_kwargs={"num_decay_steps": int(settings.steps * settings.decay_share), "min_lr_ratio": 0.02},
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        adam_beta2=0.98,
        seed=settings.seed,
        bf16=settings.bf16,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=settings.log_every,
        save_steps=settings.save_every,
        save_total_limit=2,
        dataloader_num_workers=settings.workers,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
    )


def _language_config(model: Any) -> Any:
    language_model = getattr(model, "language_model", None)
    return (language_model if language_model is not None else model).config


def _padded(rows: Sequence[list[int]], value: int) -> torch.Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])
