"""Training the checkpoints of the miniature's teachers: what `panda-hf mini train` runs first."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from panda_hf.mini import teacher_data, teacher_features
from panda_hf.mini.teacher_data import Kind, draw_scenes
from panda_hf.mini.teacher_recipes import RECIPES, Place, Recipe
from panda_hf.training.captioner import CaptionerSettings, save_half, train_captioner

log = logging.getLogger(__name__)

SCENES = 20_000
"""Training scenes drawn; each comes several times."""


FRESH_SCENES = 4_000
"""Scenes that the eyes have not learned from, for the teachers that look through these eyes."""


def train_teachers(
    out: Path,
    *,
    work: Path | None = None,
    resume: bool = True,
    only: Sequence[Kind] | None = None,
    steps_scale: float = 1.0,
) -> None:
    """Train the teachers, each into a folder of its ``Kind`` in ``out``.

    Args:
        out: folder of the checkpoints; the shipped ones lie in ``panda_hf/mini/checkpoints``.
        work: where the drawn scenes (6 GB) and the unfinished training lie; ``None``: ``work_folder()``.
        resume: go on where an earlier run was stopped, and keep teachers that are finished in ``work``.
        only: train these alone; those that one starts from must be in ``out``.
        steps_scale: multiplies the steps of every recipe; small for a trial.
    """
    work = work or work_folder()
    scale = min(1.0, steps_scale)
    scenes = max(teacher_data.SHARD, int(SCENES * scale))
    place = Place(work, out, scenes, max(teacher_features.SHARD, int(FRESH_SCENES * scale)))
    draw_scenes(place.drawn, scenes, workers=min(4, os.cpu_count() or 1))
    for recipe in RECIPES:
        if only is None or recipe.kind in only:
            _train(recipe, place, resume, max(1, int(recipe.steps * steps_scale)))


def work_folder() -> Path:
    """Where unfinished training is kept: ``panda_hf/mini-training`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "panda_hf" / "mini-training"


def _train(recipe: Recipe, place: Place, resume: bool, steps: int) -> None:
    started = time.monotonic()
    if recipe.prepare:
        recipe.prepare(place)
    torch.manual_seed(recipe.seed)
    model, processor = recipe.build(place)
    settings = CaptionerSettings(
        steps=steps,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        warmup_steps=min(100, steps // 5),
        seed=recipe.seed,
        bf16=fast_bf16(),
    )
    samples = recipe.samples(place, processor, steps * recipe.batch_size)
    collator = recipe.collator(processor) if recipe.collator else None
    eats = recipe.eats or (lambda model, processor: contextlib.nullcontext(processor))
    with eats(model, processor) as eaten:
        loss = train_captioner(
            model, eaten, samples, place.work / recipe.kind, settings, resume=resume, collator=collator
        )
    save_half(model, processor, place.out / recipe.kind)
    _note(place, settings, recipe, loss, time.monotonic() - started)


def fast_bf16() -> bool:
    """Whether this machine multiplies bfloat16 faster than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def _note(place: Place, settings: CaptionerSettings, recipe: Recipe, loss: float | None, seconds: float) -> None:
    """Write how the checkpoint was made beside it."""
    made = {
        "command": "panda-hf mini train",
        "settings": dataclasses.asdict(settings),
        "scenes": place.scenes,
        "fresh_scenes": place.fresh,
        "starts_from": recipe.starts_from,
        "mean_loss": None if loss is None else round(loss, 4),  # None: finished before, only saved anew
        "seconds_of_last_run": round(seconds),
        "torch": torch.__version__,
    }
    note = place.out / recipe.kind / "training.json"
    note.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
