"""The options of `panda-hf subset`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

RULE: dict[str, Any] = {"rich_help_panel": "Which clips"}
VIDEOS: dict[str, Any] = {"rich_help_panel": "Which videos, and how many"}
SOURCE: dict[str, Any] = {"rich_help_panel": "Taken from"}

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A dataset folder: made by build, curate, or others.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the split is to be called.")]
Like = Annotated[
    str | None,
    typer.Option(
        metavar="10m|2m",
        help="Begin with the rule of a released subset (not its very clips). Other options change it.",
        **RULE,
    ),
]
AboveScore = Annotated[float | None, typer.Option(metavar="X", help="Matching score above X.", **RULE)]
MinScore = Annotated[float | None, typer.Option(metavar="X", help="Matching score at least X.", **RULE)]
MaxScore = Annotated[float | None, typer.Option(metavar="X", help="Matching score at most X.", **RULE)]
Desirable = Annotated[bool, typer.Option("--desirable", help="Labelled desirable by the release.", **RULE)]
Label = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL", help="Labelled so, such as 3_screen_in_screen; repeat it for several.", **RULE),
]
SingleShot = Annotated[bool, typer.Option("--single-shot", help="No cut inside the clip.", **RULE)]
MinSeconds = Annotated[float | None, typer.Option(metavar="S", help="Clips of at least S seconds.", **RULE)]
MaxSeconds = Annotated[float | None, typer.Option(metavar="S", help="Clips of at most S seconds.", **RULE)]
Limit = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", help="A limit on a measure, as 'motion>=0.002'; repeat it for several.", **RULE),
]
Keyword = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help="The caption holds them, as whole words; repeat it for several.", **RULE),
]
AllKeywords = Annotated[
    bool, typer.Option("--all-keywords", help="Every --keyword is needed, not just one of them.", **RULE)
]
ExcludeKeyword = Annotated[
    list[str] | None, typer.Option(metavar="WORDS", help="The caption does not hold them.", **RULE)
]
MaxPerVideo = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N clips of a video.", **VIDEOS)]
ExactlyPerVideo = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Just N clips of a video; none of one with fewer.", **VIDEOS)
]
Pick = Annotated[
    str | None, typer.Option(metavar="best|first|random", help="Which clips of a video. Else random.", **VIDEOS)
]
MaxVideos = Annotated[int | None, typer.Option(min=1, metavar="N", help="Draw N videos.", **VIDEOS)]
MaxClips = Annotated[int | None, typer.Option(min=1, metavar="N", help="Draw N clips.", **VIDEOS)]
DisjointFrom = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PLACE",
        help="No video of this list of ids (.txt, .csv, .parquet), FOLDER, FOLDER#CONFIG or FOLDER#CONFIG/SPLIT.",
        **VIDEOS,
    ),
]
OptOut = Annotated[
    Path | None, typer.Option(metavar="FILE", help="List of videos and channels to leave out.", **VIDEOS)
]
Seed = Annotated[int, typer.Option(metavar="N", help="Another seed, another draw.", **VIDEOS)]
Config = Annotated[str | None, typer.Option(metavar="NAME", help="Configuration; else the default one.", **SOURCE)]
Split = Annotated[
    str, typer.Option(metavar="NAME", help="Its split. What is made has one split, always called train.", **SOURCE)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a split of that name that another rule made.")]
