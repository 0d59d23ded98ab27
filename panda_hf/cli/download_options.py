"""The options of `panda-hf download`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

FETCHING: dict[str, Any] = {"rich_help_panel": "Fetching"}
RUNNING: dict[str, Any] = {"rich_help_panel": "Running"}

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A dataset that names videos, such as the folder of `panda-hf build panda-70m` or a Hub id; a list "
        "of ids or addresses (.txt); or a table (.csv, .jsonl) with video_id or url, and start, end, caption.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where the videos go.", show_default=False)]
Config = Annotated[str | None, typer.Option(metavar="NAME", help="Configuration of the dataset: 2m.")]
Split = Annotated[str | None, typer.Option(metavar="NAME", help="Split of the dataset: validation.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only so many videos, from the start.")]
Ids = Annotated[Path | None, typer.Option(metavar="FILE", help="Only the videos that this list names.")]
Clips = Annotated[bool, typer.Option("--clips", help="Cut the listed clips, each as its own mp4.")]
Sections = Annotated[
    bool, typer.Option("--sections", help="Fetch only the stretches of the clips, where the site allows it.")
]
DiscardVideos = Annotated[bool, typer.Option("--discard-videos", help="Delete a whole video once its clips are cut.")]
OptOut = Annotated[Path | None, typer.Option(metavar="FILE", help="Videos and channels that are not fetched.")]
Height = Annotated[
    int, typer.Option(min=1, metavar="LINES", help="The best picture at or under so many lines.", **FETCHING)
]
Audio = Annotated[bool, typer.Option("--audio/--no-audio", help="With sound.", **FETCHING)]
Subtitles = Annotated[
    str, typer.Option(metavar="LANGUAGES", help="In order of preference, with commas; empty: none.", **FETCHING)
]
Cookies = Annotated[Path | None, typer.Option(metavar="FILE", help="Cookies, Netscape's format.", **FETCHING)]
CookiesFromBrowser = Annotated[
    str | None, typer.Option(metavar="BROWSER", help="Take the cookies of a browser: firefox.", **FETCHING)
]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help="Go through this proxy.", **FETCHING)]
RateLimit = Annotated[str | None, typer.Option(metavar="BYTES", help="Per second and worker: 500K, 2M.", **FETCHING)]
Sleep = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="Pause between requests of a worker.", **FETCHING)
]
Retries = Annotated[int, typer.Option(min=0, metavar="N", help="Tries after the first one.", **FETCHING)]
Javascript = Annotated[
    str, typer.Option(metavar="NAMES", help="What may run a site's JavaScript: deno, node.", **FETCHING)
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST[:PORT]", help="May be reached although its address is private.", **FETCHING),
]
Workers = Annotated[int, typer.Option(min=1, metavar="N", help="Processes that fetch.", **RUNNING)]
TimeLimit = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="A video that takes longer is a timeout.", **RUNNING)
]
GiveUpAfter = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Stop when no server can be reached for N videos in a row; 0: never.", **RUNNING
    ),
]
Retry = Annotated[
    list[str] | None,
    typer.Option(metavar="REASON", help="Try videos of this reason again; `failed` for all.", **RUNNING),
]
