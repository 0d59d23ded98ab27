"""`panda-hf train selector`: pre-train on generic pairs, fine-tune on what annotators picked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from panda_hf.cli import select_options
from panda_hf.cli import train_options as shared
from panda_hf.cli import train_selector_options as options

if TYPE_CHECKING:
    from panda_hf.training.selector import SelectorLoss
    from panda_hf.training.selector_examples import Lines

training = typer.Typer(no_args_is_help=True, help="Train models of the pipeline on data of your own.")


@training.callback()
def _group() -> None:
    """Train models of the pipeline on data of your own."""


@training.command()
def selector(
    data: options.Data,
    out: options.Out,
    start: options.Start = "mini/selector",
    lesson: options.Lesson = options.LessonName.auto,
    clips: select_options.Clips = None,
    split: select_options.Split = "train",
    held_out: select_options.HeldOut = 0.1,
    epochs: options.Epochs = 10.0,
    steps: options.Steps = None,
    learning_rate: options.Rate = None,
    batch_size: options.Batch = None,
    accumulate: options.Accumulate = 1,
    weight_decay: options.WeightDecay = 0.02,
    warmup_epochs: options.WarmupEpochs = 1.0,
    precision: shared.Precision = shared.PrecisionName.auto,
    gradient_checkpointing: options.Checkpointing = False,
    workers: options.Workers = 0,
    seed: options.Seed = 0,
    save_every: options.SaveEvery = None,
    num_frames: options.Frames = None,
    crop: options.Crop = 0.5,
    flip: options.Flip = False,
    other_clips: options.OtherClips = 0.01,
    text_to_video: options.TextToVideo = options.Direction.plain,
    matching: options.Matching = 1.0,
    resume: shared.Resume = True,
) -> None:
    """Train the retrieval model that selects captions; `accelerate launch -m panda_hf train selector …` works too.

    On answers: contrast in which a clip's own rejected candidates are the hard negatives, and the matching loss. On
    pairs: UMT's contrastive and matching losses. Writes model, processor, curves.csv and curves.png; give the folder
    to `panda-hf curate --selector FOLDER`. The optimiser is AdamW with betas 0.9 and 0.999 (paper, appendix C).
    """
    from panda_hf.training.processes import leave_processes
    from panda_hf.training.selector_run import train_selector_on
    from panda_hf.training.selector_settings import SelectorSettings

    shared.refuse_finished(out, resume, "selector")
    changed: dict[str, Any] = {"learning_rate": learning_rate, "batch_size": batch_size}
    kind, lines, frames = _lines(data, clips, split, lesson)
    settings = replace(
        SelectorSettings.of(kind), epochs=epochs, steps=steps, accumulate=accumulate, weight_decay=weight_decay,
        warmup_epochs=warmup_epochs, precision=precision.value, gradient_checkpointing=gradient_checkpointing,
        workers=workers, seed=seed, save_every=save_every,
        **{name: value for name, value in changed.items() if value is not None},
    )  # fmt: skip
    train, validation = parted(lines, held_out)
    found = train_selector_on(
        start, kind, train, validation, frames, out, settings,
        loss=loss_of(kind, other_clips, text_to_video, matching), num_frames=num_frames, crop=crop, flip=flip,
        resume=resume,
    )  # fmt: skip
    _tell(out, kind, train, validation, found)
    leave_processes()


def _tell(out: Path, lesson: str, train: list[Lines], validation: list[Lines], found: dict[str, float]) -> None:
    from accelerate import PartialState

    if PartialState().is_main_process:
        picked = f"picked as people do {found['eval_picked']:.1%}, " if lesson == "answers" else ""
        typer.echo(
            f"{len(train):,} clips learned from, {len(validation):,} held out: {picked}own caption first among those "
            f"of all {found['eval_recall_at_1']:.1%}, loss {found['eval_loss']:.4f}\nwrote {out}"
        )


def loss_of(lesson: str, other_clips: float, text_to_video: options.Direction, matching: float) -> SelectorLoss:
    """The loss of a lesson: in pairs other clips' captions are all there is to tell apart."""
    from panda_hf.training.selector import SelectorLoss

    if lesson == "pairs":
        return SelectorLoss(other_clips=1.0, matching=matching)
    return SelectorLoss(other_clips=other_clips, text_to_video=text_to_video.value, matching=matching)


def parted(lines: list[Lines], share: float) -> tuple[list[Lines], list[Lines]]:
    """Clips to learn from, and held-out ones: whole videos.

    Raises:
        SourceError: when one side is empty.
    """
    from panda_hf.selection.answers import held_out

    return held_out(lines, share)


def lines_of(answered: list[Any]) -> list[Lines]:
    """Answered clips as lines; those of which everybody found all candidates bad are left out, as in the paper."""
    from panda_hf.training.selector_examples import Lines

    return [Lines(clip.clip_id, clip.captions, targets) for clip in answered if (targets := clip.targets())]


def _lines(
    data: list[str], clips: list[str] | None, split: str, lesson: options.LessonName
) -> tuple[Any, list[Lines], Any]:
    from panda_hf.selection.answers import load_rows
    from panda_hf.selection.clip_frames import ClipFrames
    from panda_hf.training.selector_examples import Lines

    select_options.no_bars()
    tables = [load_rows(one, split) for one in data]
    if lesson is options.LessonName.answers or (
        lesson is options.LessonName.auto and all("picked" in t.column_names for t in tables)
    ):
        answered, frames = select_options.read(data, clips, split)
        return "answers", lines_of(answered), frames
    from panda_hf.selection.pairs import paired_clips

    tables = [
        table if "clip_id" in table.column_names else table.rename_column("video_id", "clip_id") for table in tables
    ]
    lines = [Lines(clip_id, captions, None) for clip_id, captions in paired_clips(*tables)]
    frames = ClipFrames([*(load_rows(one, split) for one in clips or []), *tables])
    frames.require(line.clip_id for line in lines)
    return "pairs", lines, frames
