"""The recipe of the three miniature teachers: what `panda-hf mini train` runs first."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from panda_hf.mini import speech, teacher_data, teacher_models
from panda_hf.mini.teacher_data import Kind, TeacherScenes, draw_scenes
from panda_hf.training.captioner import CaptionerSettings, save_half, train_captioner

log = logging.getLogger(__name__)

SCENES = 20_000
"""Training scenes drawn; each comes several times."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one teacher is made."""

    kind: Kind
    build: Callable[[], teacher_models.Pair]
    steps: int
    eyes_of: Kind | None = None
    """The teacher whose vision tower and Q-Former this one starts from, as published teachers share theirs."""
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 7


RECIPES: tuple[Recipe, ...] = (
    Recipe("image", teacher_models.image_teacher, steps=4800),
    Recipe("video", teacher_models.video_teacher, steps=4100),
    Recipe("text", lambda: teacher_models.text_teacher(speech.TEXT_VOCABULARY), steps=4200, eyes_of="image"),
)


def train_teachers(
    out: Path,
    *,
    work: Path | None = None,
    resume: bool = True,
    only: Sequence[Kind] | None = None,
    steps_scale: float = 1.0,
) -> None:
    """Train the teachers and write ``out/image``, ``out/video`` and ``out/text``.

    Args:
        out: folder of the checkpoints; the shipped ones lie in ``panda_hf/mini/checkpoints``.
        work: where the drawn scenes (5 GB) and the unfinished training lie; ``None``: ``work_folder()``.
        resume: go on where an earlier run was stopped, and keep teachers that are finished in ``work``.
        only: train these alone; a teacher that starts from another's eyes needs that one in ``out``.
        steps_scale: multiplies the steps of every recipe; small for a trial.
    """
    work = work or work_folder()
    scenes = max(teacher_data.SHARD, int(SCENES * min(1.0, steps_scale)))
    draw_scenes(work / "scenes", scenes, workers=min(4, os.cpu_count() or 1))
    for recipe in RECIPES:
        if only is None or recipe.kind in only:
            _train(recipe, out, work, scenes, resume, max(1, int(recipe.steps * steps_scale)))


def work_folder() -> Path:
    """Where unfinished training is kept: ``panda_hf/mini-training`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "panda_hf" / "mini-training"


def _train(recipe: Recipe, out: Path, work: Path, scenes: int, resume: bool, steps: int) -> None:
    started = time.monotonic()
    torch.manual_seed(recipe.seed)
    model, processor = recipe.build()
    if recipe.eyes_of:
        take_eyes(model, out / recipe.eyes_of)
    settings = CaptionerSettings(
        steps=steps,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_steps=min(100, steps // 5),
        seed=recipe.seed,
        bf16=fast_bf16(),
    )
    samples = TeacherScenes(
        work / "scenes", scenes, recipe.kind, processor, epochs=steps * recipe.batch_size // scenes + 1
    )
    loss = train_captioner(model, processor, samples, work / recipe.kind, settings, resume=resume)
    save_half(model, processor, out / recipe.kind)
    _note(out / recipe.kind, settings, recipe, loss, time.monotonic() - started)


def take_eyes(model: Any, checkpoint: Path) -> None:
    """Copy vision tower, query tokens and Q-Former of a BLIP-2 checkpoint into ``model``."""
    from transformers import Blip2ForConditionalGeneration

    other = Blip2ForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    model.vision_model.load_state_dict(other.vision_model.state_dict())
    model.qformer.load_state_dict(other.qformer.state_dict())
    model.query_tokens.data.copy_(other.query_tokens.data)


def fast_bf16() -> bool:
    """Whether this machine multiplies bfloat16 faster than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def _note(folder: Path, settings: CaptionerSettings, recipe: Recipe, loss: float, seconds: float) -> None:
    """Write how the checkpoint was made beside it."""
    made = {
        "command": "panda-hf mini train",
        "settings": dataclasses.asdict(settings),
        "scenes": SCENES,
        "eyes_of": recipe.eyes_of,
        "mean_loss": round(loss, 4),
        "seconds_of_last_run": round(seconds),
        "torch": torch.__version__,
    }
    (folder / "training.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
