"""`panda-hf download`: the videos of a dataset or a list, what became of each, and their clips."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from panda_hf.download.run import DownloadSummary

NOTHING_FETCHED = 3
"""Exit code of a run after which no video is there."""
FETCHING: dict[str, Any] = {"rich_help_panel": "Fetching"}
RUNNING: dict[str, Any] = {"rich_help_panel": "Running"}
_SHOWN = 10
"""Lines that cannot be used of which a run tells before it starts."""
_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def download(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A dataset that names videos, such as the folder of `panda-hf build panda-70m` or a Hub id; a list "
            "of ids or addresses (.txt); or a table (.csv, .jsonl) with video_id or url, and start, end, caption.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where the videos go.", show_default=False)],
    config: Annotated[str | None, typer.Option(metavar="NAME", help="Configuration of the dataset: 2m.")] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Split of the dataset: validation.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only so many videos, from the start.")] = None,
    ids: Annotated[Path | None, typer.Option(metavar="FILE", help="Only the videos that this list names.")] = None,
    clips: Annotated[bool, typer.Option("--clips", help="Cut the listed clips, each as its own mp4.")] = False,
    sections: Annotated[
        bool, typer.Option("--sections", help="Fetch only the stretches of the clips, where the site allows it.")
    ] = False,
    discard_videos: Annotated[
        bool, typer.Option("--discard-videos", help="Delete a whole video once its clips are cut.")
    ] = False,
    opt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Videos and channels that are not fetched.")
    ] = None,
    height: Annotated[
        int, typer.Option(min=1, metavar="LINES", help="The best picture at or under so many lines.", **FETCHING)
    ] = 360,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="With sound.", **FETCHING)] = True,
    subtitles: Annotated[
        str, typer.Option(metavar="LANGUAGES", help="In order of preference, with commas; empty: none.", **FETCHING)
    ] = "en",
    cookies: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Cookies, Netscape's format.", **FETCHING)
    ] = None,
    cookies_from_browser: Annotated[
        str | None, typer.Option(metavar="BROWSER", help="Take the cookies of a browser: firefox.", **FETCHING)
    ] = None,
    proxy: Annotated[str | None, typer.Option(metavar="URL", help="Go through this proxy.", **FETCHING)] = None,
    rate_limit: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Per second and worker: 500K, 2M.", **FETCHING)
    ] = None,
    sleep: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Pause between requests of a worker.", **FETCHING)
    ] = 0.0,
    retries: Annotated[int, typer.Option(min=0, metavar="N", help="Tries after the first one.", **FETCHING)] = 3,
    javascript: Annotated[
        str, typer.Option(metavar="NAMES", help="What may run a site's JavaScript: deno, node.", **FETCHING)
    ] = "deno",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="May be reached although its address is private.", **FETCHING),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that fetch.", **RUNNING)] = 4,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="A video that takes longer is a timeout.", **RUNNING)
    ] = 600.0,
    give_up_after: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Stop when no server can be reached for N videos in a row; 0: never.", **RUNNING
        ),
    ] = 20,
    retry: Annotated[
        list[str] | None,
        typer.Option(metavar="REASON", help="Try videos of this reason again; `failed` for all.", **RUNNING),
    ] = None,
) -> None:
    """Download the videos that SOURCE names into OUT, and tell what became of each of them.

    Interrupted at any moment, the same command goes on where it was. OUT is a dataset: `panda-hf curate OUT` takes its
    videos. Whether you may download a video is for you to know: its maker's rights and its site's terms apply.
    Exit codes: 0 videos are there, 1 error, 2 wrong usage, 3 none is there.
    """
    from panda_hf.cli.download_progress import DownloadProgress
    from panda_hf.download import FetchOptions
    from panda_hf.download.plan import Plan, read_ids
    from panda_hf.download.run import Making, check_reasons
    from panda_hf.download.run import download as run
    from panda_hf.errors import SourceError
    from panda_hf.rights import OptOut

    options = FetchOptions(
        height=height,
        audio=audio,
        subtitles=_names(subtitles),
        cookies=None if cookies is None else str(cookies),
        cookies_from_browser=cookies_from_browser,
        proxy=proxy,
        rate_limit=None if rate_limit is None else size(rate_limit),
        sleep_seconds=sleep,
        retries=retries,
        javascript=_names(javascript),
        allow_hosts=tuple(allow_host or ()),
    )
    plan = Plan(source, config, split, None if ids is None else read_ids(ids), limit)
    try:
        making = Making(clips=clips, sections=sections, discard_videos=discard_videos)
        check_reasons(retry or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for line in told(plan.problems()):
        typer.echo(line, err=True)
    with DownloadProgress(plan.expected()) as progress:
        summary = run(
            plan,
            out,
            making=making,
            options=options,
            opt_out=OptOut.read(opt_out),
            retry=tuple(retry or ()),
            workers=workers,
            time_limit=time_limit,
            give_up_after=give_up_after or None,
            watch=progress.video,
        )
    typer.echo("\n".join(closing(summary)))
    if summary.stopped:
        raise SourceError(summary.stopped)
    if not summary.ok:
        raise typer.Exit(NOTHING_FETCHED)


def size(text: str) -> int:
    """Bytes in ``500K``, ``2M`` or ``1000``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?(?:/s)?", text.strip(), re.IGNORECASE)
    if match is None or not (value := int(float(match[1]) * _SIZES[match[2].casefold()])):
        raise typer.BadParameter(f"{text!r} is not a number of bytes such as 500K or 2M", param_hint="--rate-limit")
    return value


def closing(summary: DownloadSummary) -> list[str]:
    """The lines that end a run."""
    from panda_hf.publishing.wording import plural

    found = summary.availability
    lines = [*found.table(), found.equation(), found.verdict()]
    if found.clips_made or found.clips_failed:
        lines.append(found.of_clips())
    lines.append(f"{plural(summary.fetched_now, 'video')} tried in this run, {summary.wall_seconds:.0f} s")
    if summary.otherwise:
        lines.append(
            f"{plural(summary.otherwise, 'video')} there already with another --height or sound than asked for now; "
            f"they stay as they are. Give another --out to fetch them anew"
        )
    if summary.unusable_lines:
        lines.append(
            f"{plural(len(summary.unusable_lines), 'line')} of the list named no video, see availability.json"
        )
    if found.whole:
        lines += ["Next:", f"  panda-hf curate {summary.out} --out DATASET"]
    return [*lines, f"Dataset: {summary.out}"]


def told(problems: list[str]) -> list[str]:
    """The first of the lines that cannot be used, and how many more there are."""
    more = len(problems) - _SHOWN
    return [
        *(f"left out: {line}" for line in problems[:_SHOWN]),
        *([f"and {more:,} more such lines"] if more > 0 else []),
    ]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
