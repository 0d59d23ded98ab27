"""The options of `panda-hf train student`, beside those that every training has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from panda_hf.cli.train_options import LEARNING

PARTS, DATA, MEASURING = "What is trained", "Data", "Measuring"


class Part(StrEnum):
    """A part of a student."""

    vision = "vision"
    qformer = "qformer"
    video = "video"
    text = "text"
    language = "language"


class FormatName(StrEnum):
    """Number format of frozen parts."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def _learning(default_help: str, **more: Any) -> Any:
    return typer.Option(help=default_help, rich_help_panel=LEARNING, **more)


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A dataset that `panda-hf curate` made, its Hub id, or a Parquet file: clips with caption, and where "
        "they are known subtitle, title, description.",
        show_default=False,
    ),
]
Start = Annotated[
    str, typer.Option("--from", metavar="STUDENT", help="As `panda-hf student new` makes it.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The student.", show_default=False)]
Config = Annotated[str | None, typer.Option(help="Of the dataset.", rich_help_panel=DATA)]
Split = Annotated[str, typer.Option(help="Of the dataset.", rich_help_panel=DATA)]
Caption = Annotated[str, typer.Option(help="Column to learn.", rich_help_panel=DATA)]
Window = Annotated[
    int,
    typer.Option(min=1, help="Clips mixed at once; more are streamed, file by file.", rich_help_panel=DATA),
]
RawCaptions = Annotated[
    bool,
    typer.Option("--raw-captions", help="Learn captions as they are, not in lower case.", rich_help_panel=DATA),
]
KeepText = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Probability with which the subtitle, and the title and description, are told: the paper's.",
        rich_help_panel=DATA,
    ),
]
NumFrames = Annotated[int, typer.Option(min=1, help="Drawn from a clip: the paper's.", rich_help_panel=DATA)]
Workers = Annotated[int, typer.Option(min=0, help="Processes that decode clips.", rich_help_panel=DATA)]
Steps = Annotated[int, _learning("Paper.", min=1)]
BatchSize = Annotated[int, _learning("Clips per step, of all processes: the paper's.", min=1)]
AtOnce = Annotated[
    int | None, _learning("Clips that a process computes at once; gradients add up.", min=1, show_default=False)
]
LearningRate = Annotated[float, _learning("The highest: the paper's.", min=0.0)]
FirstRate = Annotated[float, _learning("Where the warm-up begins: the paper's.", min=0.0)]
LastRate = Annotated[float, _learning("Where the cosine ends: the paper's.", min=0.0)]
WarmupSteps = Annotated[int, _learning("Paper; a tenth of a shorter training.", min=0)]
WeightDecay = Annotated[float, _learning("Paper; AdamW with betas 0.9 and 0.99.", min=0.0)]
GradientCheckpointing = Annotated[
    bool, typer.Option("--gradient-checkpointing", help="Compute twice, remember less.", rich_help_panel=LEARNING)
]
Seed = Annotated[int, _learning("Of order, frames, crops and dropped words.", min=0)]
SaveEvery = Annotated[
    int | None, _learning("Steps; else a hundredth of them, at least 10.", min=1, show_default=False)
]
Freeze = Annotated[
    list[Part] | None,
    typer.Option(
        help="Repeatable; else vision, qformer and language, as in the paper.",
        show_default=False,
        rich_help_panel=PARTS,
    ),
]
FreezeNothing = Annotated[bool, typer.Option("--freeze-nothing", help="Train all parts.", rich_help_panel=PARTS)]
FrozenFormat = Annotated[
    FormatName,
    typer.Option(help="Of frozen parts; auto: half precision on a GPU.", rich_help_panel=PARTS),
]
Lora = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="RANK",
        help="Low-rank updates of the frozen language model; not in the paper.",
        show_default=False,
        rich_help_panel=PARTS,
    ),
]
HeldOut = Annotated[
    float,
    typer.Option(
        min=0.0, max=0.9, help="Share of the videos to measure with, by a hash of their id.", rich_help_panel=MEASURING
    ),
]
HeldClips = Annotated[int, typer.Option(min=1, help="At most so many of their clips.", rich_help_panel=MEASURING)]
Metrics = Annotated[
    str,
    typer.Option(
        help="Of captions that are written while training, with commas: bleu, rouge_l, meteor, cider; or none.",
        rich_help_panel=MEASURING,
    ),
]
