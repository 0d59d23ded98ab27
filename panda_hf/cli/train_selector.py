"""`panda-hf train selector`: pre-train on generic pairs, fine-tune on what annotators picked."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import select_options as options
from panda_hf.errors import OutputError, SourceError

if TYPE_CHECKING:
    from panda_hf.training.selector import SelectorLoss
    from panda_hf.training.selector_examples import Lines

training = typer.Typer(no_args_is_help=True, help="Train models of the pipeline on data of your own.")
LEARNING, LOSS, PICTURES = "Learning", "Loss", "Pictures"


class LessonName(StrEnum):
    """What the data says of the clips."""

    auto = "auto"
    answers = "answers"
    pairs = "pairs"


class PrecisionName(StrEnum):
    """Number format of the computation."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class Direction(StrEnum):
    """How captions look at videos."""

    plain = "plain"
    weighted = "weighted"
    none = "none"


AUTO = LessonName.auto
Epochs = Annotated[
    float, typer.Option(min=0.0, help="10: paper, appendix C, and UMT's pre-training.", rich_help_panel=LEARNING)
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", help="Else 2e-5 on answers (paper, appendix C), 1e-4 on pairs (UMT).", show_default=False,
        rich_help_panel=LEARNING,
    ),
]  # fmt: skip
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch-size", min=1, help="Clips per process. Else 32 on answers (paper), 128 on pairs (UMT).",
        show_default=False, rich_help_panel=LEARNING,
    ),
]  # fmt: skip
Steps = Annotated[
    int | None, typer.Option(min=1, help="Instead of epochs.", show_default=False, rich_help_panel=LEARNING)
]
Precision = Annotated[
    PrecisionName,
    typer.Option(help="auto: bf16 on a GPU that has it, fp16 on others, fp32 on a CPU.", rich_help_panel=LEARNING),
]
Checkpointing = Annotated[
    bool,
    typer.Option(
        "--gradient-checkpointing", help="Compute twice, remember less: larger batches.", rich_help_panel=LEARNING
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        "--num-frames", min=1, help="Of a clip. Else as the checkpoint's processor says: 12 in the paper, 4 in UMT's "
        "pre-training.", show_default=False, rich_help_panel=PICTURES,
    ),
]  # fmt: skip
Crop = Annotated[
    float,
    typer.Option(
        min=0.05, max=1.0, help="Smallest share of the picture in random crops: 0.5 in the paper and UMT.",
        rich_help_panel=PICTURES,
    ),
]  # fmt: skip
OtherClips = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Weight of other clips' captions: 0.01 in the paper; a clip's own weigh 1.",
        rich_help_panel=LOSS,
    ),
]  # fmt: skip
TextToVideo = Annotated[
    Direction,
    typer.Option(
        help="From captions to videos: all videos alike, others by --other-clips, or left out. The paper prints no "
        "formula; plain is our reading.", rich_help_panel=LOSS,
    ),
]  # fmt: skip
Matching = Annotated[
    float,
    typer.Option(min=0.0, help="Weight of the matching loss, where there is a head: 1 in UMT.", rich_help_panel=LOSS),
]  # fmt: skip


@training.callback()
def _group() -> None:
    """Train models of the pipeline on data of your own."""


@training.command()
def selector(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA…",
            help="Annotated answers (clip_id, annotator, candidates, picked), or generic pairs (clip_id or video_id, "
            "caption or captions), with frames or video: Parquet, JSON lines, dataset folders, Hub ids.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The selector.", show_default=False)],
    start: Annotated[
        str, typer.Option("--from", metavar="SELECTOR", help="To start from; the paper's is UMT's l16_25m, converted.")
    ] = "mini/selector",
    lesson: Annotated[LessonName, typer.Option(help="auto: answers where there is a column `picked`.")] = AUTO,
    clips: options.Clips = None,
    split: options.Split = "train",
    held_out: options.HeldOut = 0.1,
    epochs: Epochs = 10.0,
    steps: Steps = None,
    learning_rate: Rate = None,
    batch_size: Batch = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches per step.", rich_help_panel=LEARNING)] = 1,
    weight_decay: Annotated[float, typer.Option(min=0.0, help="Paper and UMT.", rich_help_panel=LEARNING)] = 0.02,
    warmup_epochs: Annotated[
        float, typer.Option(min=0.0, help="UMT; then a cosine to 1 % of the rate.", rich_help_panel=LEARNING)
    ] = 1.0,
    precision: Precision = PrecisionName.auto,
    gradient_checkpointing: Checkpointing = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read clips.", rich_help_panel=LEARNING)] = 0,
    seed: Annotated[int, typer.Option(help="Of order, frames and crops.", rich_help_panel=LEARNING)] = 0,
    save_every: Annotated[
        int | None, typer.Option(min=1, help="Steps; else a tenth.", show_default=False, rich_help_panel=LEARNING)
    ] = None,
    num_frames: Frames = None,
    crop: Crop = 0.5,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Mirror half of the clips, as UMT does; captions that say left or right become wrong.",
            rich_help_panel=PICTURES,
        ),
    ] = False,
    other_clips: OtherClips = 0.01,
    text_to_video: TextToVideo = Direction.plain,
    matching: Matching = 1.0,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run of this command stopped.")] = True,
) -> None:  # fmt: skip
    """Train the retrieval model that selects captions; `accelerate launch -m panda_hf train selector …` works too.

    On answers: contrast in which a clip's own rejected candidates are the hard negatives, and the matching loss. On
    pairs: UMT's contrastive and matching losses. Writes model, processor, curves.csv and curves.png; give the folder
    to `panda-hf curate --selector FOLDER`. The optimiser is AdamW with betas 0.9 and 0.999 (paper, appendix C).
    """
    from panda_hf.training.processes import leave_processes
    from panda_hf.training.selector_run import train_selector_on
    from panda_hf.training.selector_settings import SelectorSettings

    _refuse_finished(out, resume)
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


def loss_of(lesson: str, other_clips: float, text_to_video: Direction, matching: float) -> SelectorLoss:
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


def _lines(data: list[str], clips: list[str] | None, split: str, lesson: LessonName) -> tuple[Any, list[Lines], Any]:
    from panda_hf.selection.answers import load_rows
    from panda_hf.selection.clip_frames import ClipFrames
    from panda_hf.training.selector_examples import Lines

    options.no_bars()
    tables = [load_rows(one, split) for one in data]
    if lesson is LessonName.answers or (lesson is LessonName.auto and all("picked" in t.column_names for t in tables)):
        answered, frames = options.read(data, clips, split)
        return "answers", lines_of(answered), frames
    from panda_hf.selection.pairs import paired_clips

    tables = [
        table if "clip_id" in table.column_names else table.rename_column("video_id", "clip_id") for table in tables
    ]
    lines = [Lines(clip_id, captions, None) for clip_id, captions in paired_clips(*tables)]
    frames = ClipFrames([*(load_rows(one, split) for one in clips or []), *tables])
    frames.require(line.clip_id for line in lines)
    return "pairs", lines, frames


def _refuse_finished(out: Path, resume: bool) -> None:
    if resume and (out / "config.json").exists():
        raise OutputError(f"{out} holds a finished selector; name another folder, or train anew with --no-resume")
    if out.exists() and not out.is_dir():
        raise SourceError(f"{out} is a file; name a folder")
