"""The options of `panda-hf train selector`, beside those that every training has and those of annotated answers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.cli.train_options import LEARNING

LOSS, PICTURES = "Loss", "Pictures"


class LessonName(StrEnum):
    """What the data says of the clips."""

    auto = "auto"
    answers = "answers"
    pairs = "pairs"


class Direction(StrEnum):
    """How captions look at videos."""

    plain = "plain"
    weighted = "weighted"
    none = "none"


Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA…",
        help="Annotated answers (clip_id, annotator, candidates, picked), or generic pairs (clip_id or video_id, "
        "caption or captions), with frames or video: Parquet, JSON lines, dataset folders, Hub ids.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The selector.", show_default=False)]
Start = Annotated[
    str, typer.Option("--from", metavar="SELECTOR", help="To start from; the paper's is UMT's l16_25m, converted.")
]
Lesson = Annotated[LessonName, typer.Option(help="auto: answers where there is a column `picked`.")]
Epochs = Annotated[
    float, typer.Option(min=0.0, help="10: paper, appendix C, and UMT's pre-training.", rich_help_panel=LEARNING)
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        help="Else 2e-5 on answers (paper, appendix C), 1e-4 on pairs (UMT).",
        show_default=False,
        rich_help_panel=LEARNING,
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Clips per process. Else 32 on answers (paper), 128 on pairs (UMT).",
        show_default=False,
        rich_help_panel=LEARNING,
    ),
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Instead of epochs.", show_default=False, rich_help_panel=LEARNING)
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
        "--num-frames",
        min=1,
        help="Of a clip. Else as the checkpoint's processor says: 12 in the paper, 4 in UMT's pre-training.",
        show_default=False,
        rich_help_panel=PICTURES,
    ),
]
Crop = Annotated[
    float,
    typer.Option(
        min=0.05,
        max=1.0,
        help="Smallest share of the picture in random crops: 0.5 in the paper and UMT.",
        rich_help_panel=PICTURES,
    ),
]
OtherClips = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Weight of other clips' captions: 0.01 in the paper; a clip's own weigh 1.",
        rich_help_panel=LOSS,
    ),
]
TextToVideo = Annotated[
    Direction,
    typer.Option(
        help="From captions to videos: all videos alike, others by --other-clips, or left out. The paper prints no "
        "formula; plain is our reading.",
        rich_help_panel=LOSS,
    ),
]
Matching = Annotated[
    float,
    typer.Option(min=0.0, help="Weight of the matching loss, where there is a head: 1 in UMT.", rich_help_panel=LOSS),
]
Accumulate = Annotated[int, typer.Option(min=1, help="Batches per step.", rich_help_panel=LEARNING)]
WeightDecay = Annotated[float, typer.Option(min=0.0, help="Paper and UMT.", rich_help_panel=LEARNING)]
WarmupEpochs = Annotated[
    float, typer.Option(min=0.0, help="UMT; then a cosine to 1 % of the rate.", rich_help_panel=LEARNING)
]
Workers = Annotated[int, typer.Option(min=0, help="Processes that read clips.", rich_help_panel=LEARNING)]
Seed = Annotated[int, typer.Option(help="Of order, frames and crops.", rich_help_panel=LEARNING)]
SaveEvery = Annotated[
    int | None, typer.Option(min=1, help="Steps; else a tenth.", show_default=False, rich_help_panel=LEARNING)
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip",
        help="Mirror half of the clips, as UMT does; captions that say left or right become wrong.",
        rich_help_panel=PICTURES,
    ),
]
