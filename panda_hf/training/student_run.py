"""A whole training of a student: load, freeze, train, save, in one process or in several."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState
from torch.utils.data import Dataset
from transformers.utils import is_torch_bf16_gpu_available

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import check_folder, resolve
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.training.curves import COMMON, LOSSES, CurveWriter, Panel
from panda_hf.training.lora import LoRA, add_lora, merge_lora
from panda_hf.training.student import SKIPPED, WITH_TEXT, WITHOUT_TEXT, Score, skipped, train_student
from panda_hf.training.student_examples import Clips, StudentExample
from panda_hf.training.student_settings import RECIPE, StudentSettings

STATES, RECORD = "states", "training.json"
"""Inside the result: the folder from which an interrupted training goes on, and what was done."""
FROZEN = ("vision", "qformer", "language")
"""What the paper's student takes from BLIP-2 and Vicuna as it is (section 3.4)."""
FIGURES = ("bleu_4", "rouge_l", "meteor", "cider")
"""Of captions, in tables and pictures."""

FrozenFormat = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class Adapting:
    """What of a student is trained, and how the rest is kept."""

    frozen: tuple[str, ...] = FROZEN
    frozen_format: FrozenFormat = "auto"
    """Number format of the frozen parts; ``auto``: half precision on a GPU, as they are on a CPU."""
    lora: LoRA | None = None
    """Low-rank updates of the frozen language model; not in the paper."""


def load_student(
    checkpoint: str, revision: str = "main"
) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    """A student to train, in float32.

    Raises:
        CheckpointError: when it is missing, incomplete or something else.
    """
    folder = resolve(checkpoint)
    check_folder(folder)
    try:
        loaded: Any = PandaStudentForConditionalGeneration.from_pretrained(
            folder, revision=revision, dtype="float32", use_safetensors=True, output_loading_info=True
        )
        model, info = loaded
        processor = PandaStudentProcessor.from_pretrained(folder, revision=revision)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"the student {checkpoint!r} cannot be loaded: {error}") from error
    missing = sorted(map(str, [*info["missing_keys"], *info.get("mismatched_keys", ())]))
    if missing:
        raise CheckpointError(f"the student {checkpoint!r} is incomplete: it lacks {missing[:8]}")
    return model, processor


def prepare(model: PandaStudentForConditionalGeneration, adapting: Adapting) -> None:
    """Freeze parts of a student, in half precision where asked, and add LoRA; in place.

    Raises:
        CheckpointError: for LoRA on a language model that is trained itself.
    """
    if adapting.lora is not None and "language" not in adapting.frozen:
        raise CheckpointError("LoRA stands beside a frozen language model; freeze it, or train it without LoRA")
    model.freeze(adapting.frozen, dtype=_frozen_dtype(adapting.frozen_format))  # type: ignore[arg-type]
    if adapting.lora is not None:
        add_lora(model.language_model, adapting.lora)


def train_student_on(
    checkpoint: str,
    train: Clips | Dataset[StudentExample],
    validation: Clips | Dataset[StudentExample] | None,
    out: Path,
    settings: StudentSettings,
    *,
    adapting: Adapting | None = None,
    score: Score | None = None,
    normalize_captions: bool = True,
    resume: bool = True,
    about: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Train a student and save it as a folder that ``from_pretrained`` takes; runs under ``torchrun`` as it is.

    Args:
        checkpoint: to start from, such as what ``panda-hf student new`` made.
        train, validation, settings, score, resume: see :func:`train_student`.
        out: the result: model, processor, curves, record, and while training its states.
        adapting: what is trained; ``None``: what the paper trains.
        normalize_captions: learn captions in lower case and without most punctuation, as the paper's student.
        about: what the record shall say besides, such as the dataset and the command.

    Returns:
        Figures after training, see :func:`train_student`.
    """
    adapting = adapting or Adapting()
    model, processor = load_student(checkpoint)
    processor.normalize_captions = normalize_captions
    prepare(model, adapting)
    found = train_student(
        model, processor, train, validation, out / STATES, settings,
        score=score, resume=resume, callbacks=[CurveWriter(out, _panels(score), _columns(score))],
    )  # fmt: skip
    if PartialState().is_main_process:
        save_student(model, processor, out, lora=adapting.lora is not None)
        record = {**(about or {}), **_record(checkpoint, settings, adapting, model, found, out / STATES / SKIPPED)}
        (out / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if (out / STATES / SKIPPED).is_file():
            shutil.copy(out / STATES / SKIPPED, out / SKIPPED)
        shutil.rmtree(out / STATES, ignore_errors=True)
    return found


def save_student(
    model: PandaStudentForConditionalGeneration, processor: PandaStudentProcessor, out: Path, *, lora: bool
) -> None:
    """Write model and processor; LoRA is merged into the language model before."""
    if lora:
        merge_lora(model.language_model)
    vars(model.config).pop("use_cache", None)  # Trainer's
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _frozen_dtype(given: FrozenFormat) -> torch.dtype | None:
    if given != "auto":
        return getattr(torch, given)
    if not torch.cuda.is_available():
        return None
    return torch.bfloat16 if is_torch_bf16_gpu_available() else torch.float16


def _columns(score: Score | None) -> tuple[str, ...]:
    figures = ("loss", *FIGURES) if score else ("loss",)
    return (*COMMON, "skipped", *(f"eval_{kind}_{name}" for kind in (WITHOUT_TEXT, WITH_TEXT) for name in figures))


def _panels(score: Score | None) -> Sequence[Panel]:
    names = ("loss", "cider", "meteor") if score else ("loss",)
    return (
        LOSSES[0],
        *((f"held out: {name}", [f"eval_{k}_{name}" for k in (WITHOUT_TEXT, WITH_TEXT)]) for name in names),
    )


def _record(
    checkpoint: str, settings: StudentSettings, adapting: Adapting, model: Any, found: Mapping[str, float], notes: Path
) -> dict[str, Any]:
    """What was done, for the model's card."""
    return {
        "started_from": Path(checkpoint).name if Path(checkpoint).is_dir() else checkpoint,
        "recipe": RECIPE,
        "settings": asdict(settings),
        "adapting": asdict(adapting),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "figures": {
            name: round(value, 6)
            for name, value in found.items()
            if not name.endswith(("_per_second", "_runtime", "epoch"))
        },
        "clips_skipped": len(skipped(notes)),
        "torch": torch.__version__,
    }
