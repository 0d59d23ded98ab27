"""The options that the commands of `panda-hf evaluate` share."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from panda_hf.cli.command_line import command_line
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from panda_hf.evaluation.captioning import Report

MODELS = "Models"
METRICS = "Metrics"


class Missing(StrEnum):
    """What becomes of a video without a prediction."""

    error = "error"
    empty = "empty"


class Ties(StrEnum):
    """The place of a video that is level with others."""

    average = "average"
    optimistic = "optimistic"
    pessimistic = "pessimistic"


class VideoToText(StrEnum):
    """Among which texts the best text of a video is ranked."""

    captions = "captions"
    videos = "videos"


class Texts(StrEnum):
    """Which captions of a video ask."""

    all = "all"
    first = "first"
    joined = "joined"


class Unread(StrEnum):
    """What becomes of a video that cannot be read."""

    error = "error"
    drop = "drop"


DatasetName = Annotated[
    str,
    typer.Option(
        "--dataset", "-d", metavar="FOLDER|HUB_ID", help="A benchmark, as `panda-hf build msrvtt` makes.",
        show_default=False,
    ),
]  # fmt: skip
Config = Annotated[str | None, typer.Option(help="Configuration of the benchmark.", show_default=False)]
Split = Annotated[str, typer.Option(help="Split of the benchmark.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where the results go.")]
NumFrames = Annotated[int, typer.Option(min=1, help="Frames of a video that models see.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Videos or texts that a model sees at once.")]
Samples = Annotated[int, typer.Option(min=0, help="How many best and worst samples of each model are shown.")]
MetricNames = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…",
        help="Of bleu, rouge_l, meteor, cider, bert_score, clip_score. Else the first four and those that have a "
        "model.",
        show_default=False,
        rich_help_panel=METRICS,
    ),
]
BertScoreModel = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="Encoder of BERTScore: path or Hub id; papers use roberta-large.", show_default=False,
        rich_help_panel=METRICS,
    ),
]  # fmt: skip
BertScoreLayer = Annotated[
    int | None,
    typer.Option(min=1, help="Its layer, where it has no usual one.", show_default=False, rich_help_panel=METRICS),
]
ClipScoreModel = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="CLIP of CLIPScore.", show_default=False, rich_help_panel=METRICS),
]
Seeds = Annotated[
    str,
    typer.Option(
        metavar="0,1,…", help="Sample captions once per seed: mean and spread.", show_default=False,
        rich_help_panel=MODELS,
    ),
]  # fmt: skip
Temperature = Annotated[float, typer.Option(help="Of sampled captions.", rich_help_panel=MODELS)]
TopP = Annotated[float, typer.Option(help="Of sampled captions.", rich_help_panel=MODELS)]
PredictionFiles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="Captions by video id: JSON, JSON lines, CSV, Parquet. Repeat it for several models; the same NAME "
        "again is another seed of one model.",
        show_default=False,
    ),
]
Captioners = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]MODEL",
        help="A captioner by path or Hub id, or a miniature such as mini/image. Repeat it for several.",
        show_default=False,
    ),
]
MissingCaption = Annotated[
    Missing, typer.Option(help="A video without a prediction: an error, or scored as empty and counted.")
]
Selector = Annotated[
    str | None,
    typer.Option(
        metavar="SELECTOR",
        help="Also score this retrieval model's choice among the captions of all models, such as mini/selector.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
RetrievalModels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]MODEL",
        help="A UMT or a dual encoder such as CLIP or SigLIP, by path or Hub id, or mini/selector. Repeatable.",
        show_default=False,
    ),
]
SimilarityFiles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="Similarities, texts x videos in the order of the benchmark: .npy, .npz, .safetensors. Repeatable.",
        show_default=False,
    ),
]
TextChoice = Annotated[
    Texts, typer.Option(help="Which captions of a video ask: all, the first, or all joined to one paragraph.")
]
TieRule = Annotated[Ties, typer.Option(help="The place of a video that is level with others.")]
BackwardRule = Annotated[
    VideoToText,
    typer.Option(
        help="Video to text: rank a video's best text among all texts of other videos (captions: frozen-in-time, "
        "UMT), or among the best text of each other video (videos: CLIP4Clip)."
    ),
]
Rerank = Annotated[
    int | None,
    typer.Option(
        "--rerank",
        min=1,
        metavar="K",
        help="Also let a UMT's matching head score the K nearest of each text and of each video again; UMT's own "
        "evaluation takes 128.",
        show_default=False,
    ),
]
UnreadVideo = Annotated[
    Unread, typer.Option(help="A video that cannot be read: an error, or left out with its texts and counted.")
]
ArrayKey = Annotated[str | None, typer.Option(help="The array of a similarity file with several.", show_default=False)]
Transpose = Annotated[bool, typer.Option("--transpose", help="The similarity files are videos x texts.")]


def numbers(text: str) -> tuple[int, ...]:
    """Seeds from ``0,1,2``.

    Raises:
        SourceError: for anything else, and for a seed given twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise SourceError(f"--seeds {text!r}: expected different whole numbers such as 0,1,2")
    return tuple(map(int, parts))


def with_command(report: Report, out: Path) -> Report:
    """A report whose results also name the command that is running, for the cards of the models."""
    command = command_line(out)
    told = [replace(one, settings={**one.settings, "command": command}) for one in report.evaluations]
    return replace(report, evaluations=tuple(told))


def no_bars_of_libraries() -> None:
    """Keep the bars of loading data and weights out of what a command prints; our own stay."""
    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()
