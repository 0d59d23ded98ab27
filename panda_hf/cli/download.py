"""`panda-hf download`: the videos of a dataset or a list, what became of each, and their clips."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from panda_hf.cli import download_options as options

if TYPE_CHECKING:
    from panda_hf.download.run import DownloadSummary, Making

NOTHING_FETCHED = 3
"""Exit code of a run after which no video is there."""
_SHOWN = 10
"""Lines that cannot be used of which a run tells before it starts."""
_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def download(
    source: options.Source,
    out: options.Out,
    config: options.Config = None,
    split: options.Split = None,
    limit: options.Limit = None,
    ids: options.Ids = None,
    clips: options.Clips = False,
    sections: options.Sections = False,
    discard_videos: options.DiscardVideos = False,
    opt_out: options.OptOut = None,
    height: options.Height = 360,
    audio: options.Audio = True,
    subtitles: options.Subtitles = "en",
    cookies: options.Cookies = None,
    cookies_from_browser: options.CookiesFromBrowser = None,
    proxy: options.Proxy = None,
    rate_limit: options.RateLimit = None,
    sleep: options.Sleep = 0.0,
    retries: options.Retries = 3,
    javascript: options.Javascript = "deno",
    allow_host: options.AllowHost = None,
    workers: options.Workers = 4,
    time_limit: options.TimeLimit = 600.0,
    give_up_after: options.GiveUpAfter = 20,
    retry: options.Retry = None,
) -> None:
    """Download the videos that SOURCE names into OUT, and tell what became of each of them.

    Interrupted at any moment, the same command goes on where it was. OUT is a dataset: `panda-hf curate OUT` takes its
    videos. Whether you may download a video is for you to know: its maker's rights and its site's terms apply.
    Exit codes: 0 videos are there, 1 error, 2 wrong usage, 3 none is there.
    """
    from panda_hf.cli.download_progress import DownloadProgress
    from panda_hf.download import FetchOptions
    from panda_hf.download.plan import Plan, read_ids
    from panda_hf.download.run import download as run
    from panda_hf.rights import OptOut

    fetching = FetchOptions(
        height=height, audio=audio, subtitles=_names(subtitles), cookies=None if cookies is None else str(cookies),
        cookies_from_browser=cookies_from_browser, proxy=proxy,
        rate_limit=None if rate_limit is None else size(rate_limit), sleep_seconds=sleep, retries=retries,
        javascript=_names(javascript), allow_hosts=tuple(allow_host or ()),
    )  # fmt: skip
    plan = Plan(source, config, split, None if ids is None else read_ids(ids), limit)
    making = making_of(clips, sections, discard_videos, retry)
    for line in told(plan.problems()):
        typer.echo(line, err=True)
    with DownloadProgress(plan.expected()) as progress:
        summary = run(
            plan, out, making=making, options=fetching, opt_out=OptOut.read(opt_out), retry=tuple(retry or ()),
            workers=workers, time_limit=time_limit, give_up_after=give_up_after or None, watch=progress.video,
        )  # fmt: skip
    leave(summary)


def making_of(clips: bool, sections: bool, discard_videos: bool, retry: list[str] | None) -> Making:
    """What is made of a video; what the library refuses becomes a message about the usage."""
    from panda_hf.download.run import Making, check_reasons

    try:
        making = Making(clips=clips, sections=sections, discard_videos=discard_videos)
        check_reasons(retry or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return making


def leave(summary: DownloadSummary) -> None:
    """Say what came of the run; an error when it gave up, ``NOTHING_FETCHED`` when no video is there."""
    from panda_hf.errors import SourceError

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
