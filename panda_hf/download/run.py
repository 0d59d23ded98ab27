"""`download`: fetch the videos of a plan, note what became of each, cut their clips; killed, it goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator
from contextlib import closing
from dataclasses import dataclass
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
    summary = DownloadSummary(folder, Availability())
    with locked(folder):
        _check_folder(folder)
        for unfinished in (folder / FOLDER).glob(".*.tmp"):
            unfinished.unlink()
        with closing(Journal(folder / NAME, head)) as journal:
            settling = Settling(
                folder, plan, journal, making, options, opt_out or OptOut(), retry, watch or (lambda *_: None)
            )
            results = fetch_all(settling.wanted(), options, folder / MEDIA, workers=workers, time_limit=time_limit)
            head["clips"] = making.any_clips or (folder / FOLDER).exists()
            try:
                with closing(cast(Generator[Fetched, None, None], results)):
                    for fetched in results:
                        summary.fetched_now += 1
                        summary.ok_now += settling.settle(fetched) == "ok"
                settling.finish()
            except KeyboardInterrupt:
                settling.stop()
                write_outputs(folder, plan, journal, head, plan.limit is not None)
                raise
            finally:
                settling.stop()
            summary.availability = write_outputs(folder, plan, journal, head, plan.limit is not None)
    summary.wall_seconds = time.monotonic() - began
    return summary


def check_reasons(retry: Collection[str]) -> None:
    """Raise ``ValueError`` for a reason to try again that is none."""
    unknown = [reason for reason in retry if reason not in REASONS and reason != ALL_FAILED]
    if unknown:
        raise ValueError(f"unknown reason {unknown[0]!r}; known are {ALL_FAILED} and {', '.join(REASONS)}")


def _check_folder(folder: Path) -> None:
    strange = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strange and not (folder / NAME).exists():
        raise OutputError(f"{folder} is not empty and holds no download: {strange[:5]}. Give a new or empty folder.")
