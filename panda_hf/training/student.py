"""Distil a student: caption tokens as targets, words around the video dropped at random, most parts frozen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import EvalPrediction, Trainer, TrainerCallback

from panda_hf.errors import OutputError
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.training import states
from panda_hf.training.student_examples import (
    Clips,
    ExampleClips,
    Lesson,
    Lessons,
    Measured,
    StudentExample,
    Unread,
)
from panda_hf.training.student_settings import StudentSettings

IGNORED = -100
TRAINED, SETTINGS, SKIPPED = "trained.safetensors", "settings.json", "skipped.jsonl"
WITHOUT_TEXT, WITH_TEXT = "video", "text"
"""What a student is measured with: the video alone, or also what is known of it."""

Score = Callable[[Sequence[str], Sequence[str]], Mapping[str, float]]
"""Figures by name for captions and, one for each, right captions."""


@dataclass(frozen=True)
class StudentCollator:
    """Lessons to tensors. A clip that could not be read is a row that nothing is learned from."""

    processor: PandaStudentProcessor

    def __call__(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """What :class:`StudentTrainer` takes: inputs of the model, and ``skipped``, pairs of clip and reason."""
        blank = StudentExample(np.zeros((1, 8, 8, 3), np.uint8), "")
        read = [blank if isinstance(lesson.example, Unread) else lesson.example for lesson in lessons]
        draws = [None if lesson.draw is None else np.random.default_rng(lesson.draw) for lesson in lessons]
        words = self.processor(
            subtitles=[one.subtitle for one in read],
            metadata=[(one.title, one.description) for one in read],
            captions=[one.caption for one in read],
        )
        videos = [self.processor.prepare_video(one.frames, rng) for one, rng in zip(read, draws, strict=True)]
        missed = [lesson.example for lesson in lessons if isinstance(lesson.example, Unread)]
        words["labels"][[isinstance(lesson.example, Unread) for lesson in lessons]] = IGNORED
        told = [(one.clip_id, one.reason) for one in missed if one.reason is not None]
        return {"pixel_values": torch.stack(videos), **words, "skipped": told}


class StudentTrainer(Trainer):
    """``Trainer`` over :class:`Lessons`, which are in order already; saves and resumes what is trained, nothing else.

    Args:
        score: of captions that are written to measure; ``None``: only the loss is measured.
        notes: file for clips that could not be read, one line each.
        settings: of the run.
        epoch_clips: clips of an epoch.
        kwargs: of ``Trainer``.
    """

    def __init__(
        self, *, score: Score | None, notes: Path, settings: StudentSettings, epoch_clips: int, **kwargs: Any
    ) -> None:
        super().__init__(compute_metrics=self._scored if score else None, **kwargs)
        self.score, self.notes, self.settings, self.epoch_clips = score, notes, settings, epoch_clips
        self.model_accepts_loss_kwargs = True  # the loss is a sum over the caption tokens of all batches of a step
        self._loss_shifts_labels = False  # the model's scores stand at the places of the labels

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss over the caption tokens of a step; notes what could not be read."""
        inputs = dict(inputs)
        self._note(inputs.pop("skipped", ()))
        if num_items_in_batch is not None:
            num_items_in_batch = torch.as_tensor(num_items_in_batch).clamp(min=1)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Tensor | None, Any, Any]:
        """The loss of right captions, and the captions that the student writes."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = self.compute_loss(model, inputs).detach()
            if self.score is None:
                return loss, None, None
            shown = {name: inputs[name] for name in ("pixel_values", "prompt_ids", "prompt_mask") if name in inputs}
            core = self.accelerator.unwrap_model(model)
            written = core.generate(**shown, max_new_tokens=self.settings.max_new_tokens, do_sample=False)
        return loss, written, inputs["labels"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As ``Trainer`` does, with the epoch counted in clips, and the clips that could not be read."""
        super().log(logs, start_time)
        seen = self.state.global_step * self.settings.batch_size
        self.state.log_history[-1] |= {"epoch": round(seen / self.epoch_clips, 4), "skipped": len(skipped(self.notes))}

    def _scored(self, prediction: EvalPrediction) -> dict[str, float]:
        """Figures of all clips that could be read."""
        labels, written = np.asarray(prediction.label_ids), np.asarray(prediction.predictions)
        read = (labels != IGNORED).any(axis=1)
        if not read.any() or self.score is None:
            return {}
        said, right = self._words(written[read]), self._words(labels[read])
        return {name: float(value) for name, value in self.score(said, right).items()}

    def _words(self, ids: np.ndarray) -> list[str]:
        tokenizer = cast(StudentCollator, self.data_collator).processor.tokenizer
        rows = [row[row >= 0].tolist() for row in ids]
        return [" ".join(text.split()) for text in tokenizer.batch_decode(rows, skip_special_tokens=True)]

    def _note(self, missed: Sequence[tuple[str, str]]) -> None:
        """One line per clip, of all processes, in one file."""
        if missed:
            lines = "".join(json.dumps({"clip_id": name, "reason": reason}) + "\n" for name, reason in missed)
            self.notes.parent.mkdir(parents=True, exist_ok=True)
            with open(self.notes, "a", encoding="utf-8") as file:
                file.write(lines)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            folder = Path(str(output_dir or self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_file({name: weight.detach().cpu().contiguous() for name, weight in self._trained()}, folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        saved = load_file(Path(resume_from_checkpoint) / TRAINED)
        trained = dict(self._trained())
        if set(saved) != set(trained):
            raise OutputError(
                f"{resume_from_checkpoint} was saved while other parts were trained; take the same settings, or train "
                f"anew with --no-resume"
            )
        with torch.no_grad():
            for name, weight in trained.items():
                weight.copy_(saved[name])

    def _trained(self) -> list[tuple[str, Tensor]]:
        core = self.accelerator.unwrap_model(self.model)
        return [(name, weight) for name, weight in core.named_parameters() if weight.requires_grad]


def train_student(
    model: PandaStudentForConditionalGeneration,
    processor: PandaStudentProcessor,
    train: Clips | Dataset[StudentExample],
    validation: Clips | Dataset[StudentExample] | None,
    out: Path,
    settings: StudentSettings,
    *,
    score: Score | None = None,
    resume: bool = True,
    callbacks: Sequence[TrainerCallback] = (),
) -> dict[str, float]:
    """Train what is not frozen of ``model``, in place; runs under ``torchrun`` as it is.

    Args:
        model: a student; freeze parts of it before (:meth:`freeze`), the paper's or others.
        processor: of the model; its ``num_frames`` becomes that of the settings.
        train: clips to learn from: any map-style dataset of :class:`StudentExample`, or :class:`Clips` that are read
            when they are wanted.
        validation: clips to measure with, once without and once with the words around them; ``None``: nothing is
            measured.
        out: where states go while training, and the clips that could not be read.
        settings: how. A saved state is gone on with only under the same ones.
        score: of captions that the student writes for the validation clips; ``None``: only the loss is measured.
        resume: go on from the last complete state in ``out``; ``False`` removes those of earlier runs.
        callbacks: of ``Trainer``, such as one that writes curves.

    Returns:
        Figures after training: ``train_loss`` over the steps of this call, where it made any, and
        ``eval_video_<name>`` and ``eval_text_<name>`` for the loss and each figure of ``score``, where measured.

    Raises:
        OutputError: when ``out`` holds a state of another run.
    """
    processor.num_frames = settings.num_frames
    clips, held = _as_clips(train), None if validation is None else _as_clips(validation)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    arguments = settings.arguments(out, processes)
    if held is None:
        arguments.eval_strategy = type(arguments.eval_strategy)("no")
        arguments.eval_on_start = False
    going_on = resume and states.last_complete_checkpoint(out) is not None
    _check_same(out, settings, sum(clips.parts), going_on, arguments.process_index == 0)
    trainer = StudentTrainer(
        model=model,
        args=arguments,
        train_dataset=Lessons(
            clips, settings.steps * settings.batch_size, settings.num_frames, settings.seed, settings.keep_text,
            settings.window,
        ),
        eval_dataset=None if held is None else {
            name: Measured(held, settings.num_frames, text=name == WITH_TEXT) for name in (WITHOUT_TEXT, WITH_TEXT)
        },
        data_collator=StudentCollator(processor),
        callbacks=list(callbacks),
        score=score,
        notes=out / SKIPPED,
        settings=settings,
        epoch_clips=sum(clips.parts),
    )  # fmt: skip
    loss = states.train(trainer, resume)
    return {
        **({} if loss is None else {"train_loss": loss}),
        **(trainer.evaluate() if held is not None else {}),
    }


def skipped(notes: Path) -> dict[str, str]:
    """Clips that could not be read, with the reason."""
    if not notes.is_file():
        return {}
    lines = map(json.loads, notes.read_text(encoding="utf-8").splitlines())
    return {line["clip_id"]: line["reason"] for line in lines}


def _as_clips(given: Any) -> Clips:
    return given if hasattr(given, "example") else ExampleClips(given)


def _check_same(out: Path, settings: StudentSettings, clips: int, going_on: bool, is_main: bool) -> None:
    """Note the settings of a new run, or compare those of one that is gone on with."""
    ours = {**asdict(settings), "clips": clips}
    free = ("at_once", "workers", "gradient_checkpointing")  # change nothing in what is learned
    wanted = {name: value for name, value in ours.items() if name not in free}
    path = out / SETTINGS
    if going_on and path.is_file():
        before = {name: value for name, value in json.loads(path.read_text("utf-8")).items() if name not in free}
        other = sorted(name for name in {*before, *wanted} if before.get(name) != wanted.get(name))
        if other:
            told = ", ".join(f"{name} {before.get(name)} (now {wanted.get(name)})" for name in other)
            raise OutputError(f"{out} was begun with {told}; take the same settings, or train anew with --no-resume")
    elif is_main:
        out.mkdir(parents=True, exist_ok=True)
        (out / SKIPPED).unlink(missing_ok=True)
        path.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
