"""`download`: fetch the videos of a plan, note what became of each, cut their clips; killed, it goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from panda_hf.download.availability import Availability
from panda_hf.download.clips import cut_planned, unmade
from panda_hf.download.journal import NAME, Journal
from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.download.outputs import write_outputs
from panda_hf.download.plan import Plan, Planned
from panda_hf.download.pool import fetch_all
from panda_hf.download.reasons import REASONS, TEMPORARY
from panda_hf.errors import OutputError
from panda_hf.rights import OptOut
from panda_hf.running.folder import locked
from panda_hf.stage import Row

log = logging.getLogger(__name__)

MEDIA = "media"
ALL_FAILED = "failed"
"""As a reason to try again: every reason but ``ok`` and ``opted-out``."""

Watch = Callable[[str, str | None], None]
"""Told of each video: its reason, and a detail."""


@dataclass(frozen=True, kw_only=True)
class Making:
    """What is made of the videos."""

    clips: bool = False
    """Cut the clips that the source lists, each as its own mp4."""
    sections: bool = False
    """Fetch only the stretches of the clips where the site allows it; implies ``clips``."""
    discard_videos: bool = False
    """Delete a whole video once its clips are cut."""

    def __post_init__(self) -> None:
        if self.discard_videos and not (self.clips or self.sections):
            raise ValueError("discard_videos without clips would leave nothing; ask for clips too")


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


@dataclass
class _Run:
    out: Path
    plan: Plan
    journal: Journal
    making: Making
    opt_out: OptOut
    retry: Collection[str]
    watch: Watch
    flying: dict[str, Planned] = field(default_factory=dict)

    def wanted(self) -> Iterator[Wanted]:
        """The videos to fetch now, as they are needed."""
        for planned in self.plan:
            entry = self.journal.get(planned.video_id)
            if self.opt_out.names({"video_id": planned.video_id, "url": planned.url}):
                self._opted_out(planned, entry)
            elif self._is_open(planned, entry):
                self.flying[planned.video_id] = planned
                sections = (
                    tuple((clip["start"], clip["end"]) for clip in planned.clips) if self.making.sections else ()
                )
                yield Wanted(planned.video_id, planned.url, sections)

    def settle(self, fetched: Fetched) -> None:
        """Note what became of a video, its clips cut."""
        planned = self.flying.pop(fetched.video_id)
        if self.opt_out.names({**fetched.info, "video_id": fetched.video_id, "url": fetched.url}):
            _delete(fetched)
            self._opted_out(planned, None)
            return
        entry = self._entry(planned, fetched)
        if fetched.reason == "ok" and (self.making.clips or self.making.sections) and planned.clips:
            self.journal.add(
                {**entry, "clips": unmade(planned, "crashed", "the program ended while it cut this clip")}
            )
            entry["clips"] = cut_planned(planned, fetched, self.out)
            if self.making.discard_videos and fetched.path and Path(fetched.path).exists():
                Path(fetched.path).unlink()
                entry["path"] = None
        self.journal.add(entry)
        self.watch(entry["reason"], f"{fetched.video_id}: {fetched.detail}" if fetched.detail else None)

    def _is_open(self, planned: Planned, entry: Row | None) -> bool:
        if entry is None:
            return True
        reason = entry["reason"]
        if reason == "ok":
            return not self._is_there(planned, entry)
        if reason == "opted-out":
            return True  # the list no longer names it
        return reason in TEMPORARY or reason in self.retry or ALL_FAILED in self.retry

    def _is_there(self, planned: Planned, entry: Row) -> bool:
        """Whether the files that an earlier run made are still there."""
        made = entry.get("clips") or []
        if (self.making.clips or self.making.sections) and planned.clips:
            crashed = any(clip["error"] and clip["error"]["type"] == "crashed" for clip in made)
            if len(made) != len(planned.clips) or (crashed and "crashed" in self.retry):
                return False
            if any(clip["clip_path"] and not (self.out / clip["clip_path"]).is_file() for clip in made):
                return False
        path = entry.get("path")
        if path is None:
            return bool(made)
        file = self.out / path
        return file.is_file() and file.stat().st_size == entry.get("bytes")

    def _opted_out(self, planned: Planned, entry: Row | None) -> None:
        """Note it, and delete what an earlier run fetched."""
        if entry is not None and entry["reason"] == "opted-out":
            return
        names = [entry.get("path"), *(clip["clip_path"] for clip in entry.get("clips") or [])] if entry else []
        for name in filter(None, names):
            (self.out / name).unlink(missing_ok=True)
        self.journal.add({"video_id": planned.video_id, "reason": "opted-out", "updated": _now()})
        self.watch("opted-out", None)

    def _entry(self, planned: Planned, fetched: Fetched) -> Row:
        before = self.journal.get(planned.video_id) or {}
        entry = asdict(fetched)
        for name in ("section_paths", "section_details", "retry_after"):
            del entry[name]
        path = None if fetched.path is None else Path(fetched.path).relative_to(self.out.absolute()).as_posix()
        return {**entry, "path": path, "attempts": before.get("attempts", 0) + fetched.attempts, "updated": _now()}


def download(
    plan: Plan,
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
    ``retry`` names it. Everything in ``out`` then describes the plan as it is now.

    Args:
        plan: which videos.
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
    making, options, folder = making or Making(), options or FetchOptions(), Path(out)
    head = {
        "source": str(plan.source),
        "config": plan.config,
        "split": plan.split,
        "clips": making.clips or making.sections,
    }
    summary = DownloadSummary(folder, Availability())
    with locked(folder):
        _check_folder(folder)
        journal = Journal(folder / NAME, head)
        try:
            run = _Run(
                folder, plan, journal, making, opt_out or OptOut(), retry, watch or (lambda reason, detail: None)
            )
            for fetched in fetch_all(run.wanted(), options, folder / MEDIA, workers=workers, time_limit=time_limit):
                summary.fetched_now += 1
                run.settle(fetched)
                summary.ok_now += fetched.reason == "ok"
        finally:
            journal.close()
        limited = plan.limit is not None
        summary.availability = write_outputs(folder, plan, journal, head, limited)
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


def _delete(fetched: Fetched) -> None:
    for path in (fetched.path, *fetched.section_paths):
        if path is not None:
            Path(path).unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
