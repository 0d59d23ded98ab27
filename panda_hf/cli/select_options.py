"""The options that commands over annotated answers share, and how they read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from panda_hf.selection.answers import AnsweredClip
    from panda_hf.selection.clip_frames import ClipFrames

Answers = Annotated[
    list[str],
    typer.Argument(
        metavar="ANSWERS…",
        help="Annotated answers: Parquet or JSON lines, dataset folders, or Hub ids, with clip_id, annotator, "
        "candidates (teacher, caption) and picked (positions; empty: all bad).",
        show_default=False,
    ),
]
Clips = Annotated[
    list[str] | None,
    typer.Option(
        "--clips",
        metavar="DATASET",
        help="Where the clips are, by clip_id, with frames or video; else in the answers themselves. Repeatable.",
        show_default=False,
    ),
]
Split = Annotated[str, typer.Option(help="Split of datasets that have several.")]
Selector = Annotated[str, typer.Option("--selector", metavar="SELECTOR", help="mini/selector, a folder, or a Hub id.")]
Rerank = Annotated[
    bool, typer.Option("--rerank", help="Let the matching head choose among all candidates, not the similarity.")
]
SkipSanity = Annotated[
    bool, typer.Option("--skip-sanity", help="Use a shipped selector even if it is at chance on its sanity set.")
]
HeldOut = Annotated[
    float,
    typer.Option(
        "--held-out",
        min=0.0,
        max=0.9,
        help="Share of the clips to measure with, whole videos by a hash of their id; 1,805 of 87,936 in the paper.",
    ),
]


def read(answers: list[str], clips: list[str] | None, split: str) -> tuple[list[AnsweredClip], ClipFrames]:
    """The answers clip by clip, and where the frames of clips are.

    Raises:
        SourceError: when something cannot be read, or a clip has no frames.
    """
    from panda_hf.selection.answers import answered_clips, load_rows
    from panda_hf.selection.clip_frames import ClipFrames

    no_bars()
    tables = [load_rows(one, split) for one in answers]
    found = answered_clips(*tables)
    frames = ClipFrames([*(load_rows(one, split) for one in clips or []), *tables])
    frames.require(clip.clip_id for clip in found)
    return found, frames


def no_bars() -> None:
    """Keep the bars of loading data and weights out of what a command prints."""
    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()
