"""What is done with each video of a download: whether to fetch it, its clips, its note in the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from panda_hf.download.clips import UNWRITABLE, cut_planned, moved_sections, unmade
from panda_hf.download.journal import Journal
from panda_hf.download.options import Fetched, FetchOptions, Wanted
from panda_hf.download.plan import Plan, Planned
from panda_hf.download.reasons import TEMPORARY
from panda_hf.rights import OptOut
from panda_hf.stage import Row

ALL_FAILED = "failed"
"""As a reason to try again: every reason but ``ok`` and ``opted-out``."""
THERE = "there already"
"""What ``watch`` is told of a video that an earlier run dealt with."""
_MOST_CUTS = 2
_MOST_WAITING = 8

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
        if self.discard_videos and not self.any_clips:
            raise ValueError("discard_videos without clips would leave nothing; ask for clips too")

    @property
    def any_clips(self) -> bool:
        """Whether clips are made, in either way."""
        return self.clips or self.sections


@dataclass
class Settling:
    """Goes through a plan: yields what has to be fetched, takes what came of it."""

    out: Path
    plan: Plan
    journal: Journal
    making: Making
    options: FetchOptions
    opt_out: OptOut
    retry: Collection[str]
    watch: Watch
    flying: dict[str, Planned] = field(default_factory=dict)
    cutter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "panda_hf-cut"))
    cutting: deque[Future[None]] = field(default_factory=deque)
    otherwise: int = 0
    """Videos that an earlier run fetched with another height, or with or without sound."""

    def wanted(self) -> Iterator[Wanted]:
        """The videos to fetch now, as they are needed."""
        for planned in self.plan:
            entry = self.journal.get(planned.video_id)
            if self._is_opted_out(planned, (entry or {}).get("info") or {}):
                self._leave_out(planned)
            elif entry is None or not self._is_settled(planned, entry):
                if entry is not None and entry["reason"] == "ok" and self._has_video(entry):
                    self._queue(planned, entry)
                    self.watch("ok", None)
                else:
                    self.flying[planned.video_id] = planned
                    yield Wanted(planned.video_id, planned.url, self._sections(planned))
            else:
                self.otherwise += entry["reason"] == "ok" and self._was_asked_otherwise(entry)
                self.watch(THERE, None)

    def settle(self, fetched: Fetched) -> str:
        """Make the clips of a video, note what became of it; its reason."""
        planned = self.flying.pop(fetched.video_id)
        if self._is_opted_out(planned, fetched.info):
            for path in (fetched.path, *fetched.section_paths):
                if path is not None:
                    Path(path).unlink(missing_ok=True)
            self._leave_out(planned)
            return "opted-out"
        entry = self._entry(planned, fetched)
        if fetched.section_paths:
            self.journal.add({**entry, "clips": moved_sections(planned, fetched, self.out)})
        else:
            self.journal.add(entry)
            if fetched.reason == "ok" and self.making.any_clips and planned.clips:
                self._queue(planned, entry)
        self.watch(fetched.reason, f"{fetched.video_id}: {fetched.detail}" if fetched.detail else None)
        return fetched.reason

    def finish(self) -> None:
        """Wait until all clips are cut."""
        while self.cutting:
            self.cutting.popleft().result()

    def stop(self) -> None:
        """Cut no more clips than those of the video under way; the next run goes on from there."""
        for waiting in self.cutting:
            waiting.cancel()
        self.cutter.shutdown()

    def _queue(self, planned: Planned, entry: Row) -> None:
        """Cut clips beside the fetching. In one thread, which uses all cores: so a video that crashes it is known."""
        while len(self.cutting) >= _MOST_WAITING:
            self.cutting.popleft().result()
        self.cutting.append(self.cutter.submit(self._cut, planned, entry))

    def _cut(self, planned: Planned, entry: Row) -> None:
        """Cut the clips of a video that is there. Noted before, so that a video ends the program twice at most."""
        begun = {**entry, "cuts_begun": entry.get("cuts_begun", 0) + 1}
        crashed = unmade(planned, "crashed", "the program ended while it cut the clips of this video")
        self.journal.add({**begun, "clips": crashed})
        made = cut_planned(planned, self.out / entry["path"], self.out, keep_on_disk=self.making.discard_videos)
        if not self.making.discard_videos:
            self.journal.add({**begun, "clips": made})
            return
        self.journal.add({**begun, "clips": made, "path": None, "discarded": entry["path"]})
        self.journal.sync()
        (self.out / entry["path"]).unlink(missing_ok=True)

    def _is_settled(self, planned: Planned, entry: Row) -> bool:
        """Whether nothing is to be done about a video that an earlier run tried."""
        reason = entry["reason"]
        if reason == "opted-out":
            return False  # the list no longer names it
        if reason != "ok":
            return not (reason in TEMPORARY or reason in self.retry or ALL_FAILED in self.retry)
        if entry.get("discarded"):
            (self.out / entry["discarded"]).unlink(missing_ok=True)
        if self.making.any_clips and planned.clips and not self._has_clips(planned, entry):
            return False
        return entry.get("path") is None and bool(entry.get("clips")) or self._has_video(entry)

    def _was_asked_otherwise(self, entry: Row) -> bool:
        asked = (entry.get("asked_height"), entry.get("asked_audio"))
        return asked != (self.options.height, self.options.audio)

    def _has_video(self, entry: Row) -> bool:
        """Whether the whole video that an earlier run fetched is still there, in its size."""
        path = entry.get("path")
        return path is not None and (file := self.out / path).is_file() and file.stat().st_size == entry.get("bytes")

    def _has_clips(self, planned: Planned, entry: Row) -> bool:
        """Whether each clip was dealt with, and those that were made are still there."""
        made = entry.get("clips") or []
        if [clip["clip_id"] for clip in made] != [clip["clip_id"] for clip in planned.clips]:
            return False
        types = {(clip["error"] or {}).get("type") for clip in made}
        if UNWRITABLE in types:
            return False
        if "crashed" in types:
            return entry.get("cuts_begun", 0) >= _MOST_CUTS and "crashed" not in self.retry
        return all((self.out / clip["clip_path"]).is_file() for clip in made if clip["clip_path"])

    def _is_opted_out(self, planned: Planned, info: Row) -> bool:
        return self.opt_out.names({**info, "video_id": planned.video_id, "url": planned.url})

    def _leave_out(self, planned: Planned) -> None:
        """Note that a video is opted out, and delete what an earlier run fetched of it."""
        entry = self.journal.get(planned.video_id) or {}
        clips = [clip["clip_path"] for clip in entry.get("clips") or []]
        for name in filter(None, (entry.get("path"), entry.get("discarded"), *clips)):
            (self.out / name).unlink(missing_ok=True)
        if entry.get("reason") != "opted-out":
            self.journal.add({"video_id": planned.video_id, "reason": "opted-out", "updated": _now()})
        self.watch("opted-out", None)

    def _sections(self, planned: Planned) -> tuple[tuple[float, float], ...]:
        return tuple((clip["start"], clip["end"]) for clip in planned.clips) if self.making.sections else ()

    def _entry(self, planned: Planned, fetched: Fetched) -> Row:
        before = self.journal.get(planned.video_id) or {}
        entry = asdict(fetched)
        for name in ("section_paths", "section_details", "section_seconds", "retry_after"):
            del entry[name]
        path = None if fetched.path is None else Path(fetched.path).relative_to(self.out.absolute()).as_posix()
        return {
            **entry,
            "path": path,
            "attempts": before.get("attempts", 0) + fetched.attempts,
            "cuts_begun": before.get("cuts_begun", 0) if before.get("reason") == "ok" else 0,
            "asked_height": self.options.height,
            "asked_audio": self.options.audio,
            "updated": _now(),
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
