"""The options that the commands of `panda-hf evaluate` share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.errors import SourceError

MODELS = "Models"
METRICS = "Metrics"


class Missing(StrEnum):
    """What becomes of a video without a prediction."""

    error = "error"
    empty = "empty"


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


def numbers(text: str) -> tuple[int, ...]:
    """Seeds from ``0,1,2``.

    Raises:
        SourceError: for anything else, and for a seed given twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise SourceError(f"--seeds {text!r}: expected different whole numbers such as 0,1,2")
    return tuple(map(int, parts))


def no_bars_of_libraries() -> None:
    """Keep the bars of loading data and weights out of what a command prints; our own stay."""
    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()
