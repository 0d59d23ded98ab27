"""`download`: fetch the videos of a plan, note what became of each, cut their clips; killed, it goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from panda_hf.download.availability import Availability
from panda_hf.download.clips import FOLDER
from panda_hf.download.journal import NAME, Journal
from panda_hf.download.options import Fetched, FetchOptions
from panda_hf.download.outputs import write_outputs
from panda_hf.download.plan import Plan
from panda_hf.download.pool import fetch_all
from panda_hf.download.reasons import REASONS
from panda_hf.download.settling import ALL_FAILED, Making, Settling, Watch
from panda_hf.errors import OutputError
from panda_hf.rights import OptOut
from panda_hf.running.folder import locked
from panda_hf.stage import Row

__all__ = ["DownloadSummary", "Making", "Plan", "check_reasons", "download"]

MEDIA = "media"


@dataclass
class DownloadSummary:
    """What a run did, and what is there now."""

    out: Path
    availability: Availability
    fetched_now: int = 0
    """Videos tried in this run."""
    ok_now: int = 0
    otherwise: int = 0
    """Videos that are there as an earlier run asked for them, in another height or with or without sound."""
    unusable_lines: list[str] = field(default_factory=list)
    """Lines of the list that name no video, each with its number and the cause."""
    stopped: str | None = None
    """Why the run ended before the end of the list; ``None``: it did not."""
    wall_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether anything is there."""
        return self.availability.videos["ok"] > 0


def download(
    plan: Plan | str,
    out: str | Path,
    *,
    making: Making | None = None,
    options: FetchOptions | None = None,
    opt_out: OptOut | None = None,
    retry: Collection[str] = (),
    workers: int = 4,
    time_limit: float | None = 600.0,
    give_up_after: int | None = 20,
    watch: Watch | None = None,
) -> DownloadSummary:
    """Fetch videos into ``out/media``, cut their clips into ``out/clips_media``, write tables, card and report.

    Run again, videos that are there are not fetched again; those that failed are, where the reason may pass or
    ``retry`` names it; clips that lack are cut from the videos that are there. The tables in ``out`` then describe the
    plan as it is now. Interrupted by Ctrl-C it writes them too, before it raises.

    Args:
        plan: which videos; a text stands for a plan of that source, whole.
        out: the folder; made, or one of the same download.
        making: what is made of the videos.
        options: how to fetch.
        opt_out: videos and channels that are not fetched; what an earlier run fetched of them is deleted.
        retry: reasons to try again (:data:`panda_hf.download.REASONS`), or ``"failed"`` for all of them.
        workers: processes that fetch.
        time_limit: seconds for one video; ``None``: no limit.
        give_up_after: stop after so many videos in a row for which there was no connection at all, of whatever site:
            this machine is then not online, and a list of millions would be gone through for nothing. ``None``: never.
        watch: told of each video.

    Raises:
        SourceError: the plan, the cookies or the proxy cannot be used.
        OutputError: ``out`` is of another download, or another run writes there.
        ValueError: a reason is not known.
    """
    began = time.monotonic()
    check_reasons(retry)
    plan = Plan(plan) if isinstance(plan, str) else plan
    making, options, folder = making or Making(), options or FetchOptions(), Path(out)
    head: Row = {"source": str(plan.source), "config": plan.config, "split": plan.split}
    summary = DownloadSummary(folder, Availability(), unusable_lines=plan.problems())
    with locked(folder):
        _make_ready(folder)
        with closing(Journal(folder / NAME, head)) as journal:
            settling = Settling(
                folder, plan, journal, making, options, opt_out or OptOut(), retry, watch or (lambda *_: None)
            )
            results = fetch_all(settling.wanted(), options, folder / MEDIA, workers=workers, time_limit=time_limit)
            clips = making.any_clips or (folder / FOLDER).exists()
            head |= {"unusable_lines": summary.unusable_lines, "clips": clips}
            write = partial(write_outputs, folder, plan, journal, head, plan.limit is not None)
            try:
                _settle_all(cast(Generator[Fetched, None, None], results), settling, summary, give_up_after)
            except KeyboardInterrupt:
                journal.reread()
                write()
                raise
            summary.availability = write()
    summary.wall_seconds = time.monotonic() - began
    return summary


def _settle_all(
    results: Generator[Fetched, None, None], settling: Settling, summary: DownloadSummary, give_up_after: int | None
) -> None:
    """Take what comes, until nothing more does or the network seems to be gone; then wait for the clips."""
    unreached = 0
    try:
        with closing(results):
            for fetched in results:
                summary.fetched_now += 1
                summary.ok_now += settling.settle(fetched) == "ok"
                unreached = unreached + 1 if fetched.reason == "network" and fetched.http_status is None else 0
                if give_up_after is not None and unreached >= give_up_after:
                    summary.stopped = (
                        f"stopped: no server could be reached for {unreached} videos in a row ({fetched.detail}). Is "
                        f"this machine online? Run the same command again when it is: it goes on from here"
                    )
                    break
        settling.finish()
    finally:
        settling.stop()
        summary.otherwise = settling.otherwise


def check_reasons(retry: Collection[str]) -> None:
    """Raise ``ValueError`` for a reason to try again that is none."""
    unknown = [reason for reason in retry if reason not in REASONS and reason != ALL_FAILED]
    if unknown:
        raise ValueError(f"unknown reason {unknown[0]!r}; known are {ALL_FAILED} and {', '.join(REASONS)}")


def _make_ready(folder: Path) -> None:
    """Refuse a folder that is not ours; remove clips that a run left unfinished."""
    strange = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strange and not (folder / NAME).exists():
        raise OutputError(f"{folder} is not empty and holds no download: {strange[:5]}. Give a new or empty folder.")
    for unfinished in (folder / FOLDER).glob(".*.tmp"):
        unfinished.unlink()
