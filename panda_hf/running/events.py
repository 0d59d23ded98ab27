"""What happens in a run as lines of JSON, for programs that watch it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from panda_hf.running.accounts import Counts
from panda_hf.running.manifest import now
from panda_hf.running.spool import Done, Job


class EventLog:
    """Appends a line for each thing that happens; each is written at once, and none is needed to go on with a run.

    Every line has ``time`` (UTC) and ``event``: ``run`` when one begins, ``video`` with ``video_id``, ``status``, rows
    by status, seconds by stage and warnings, ``shard`` with its number and counts, ``end`` with those of the run.
    """

    def __init__(self, path: Path | None) -> None:
        """Log to a file, made with its folder when it is missing; ``None``: to nowhere."""
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115  closed by close

    def write(self, event: str, **values: Any) -> None:
        """Add a line."""
        if self._file is not None:
            self._file.write(json.dumps({"time": now(), "event": event, **values}, ensure_ascii=False) + "\n")
            self._file.flush()

    def video(self, job: Job, done: Done) -> None:
        """A video is finished."""
        seconds = {stage: round(spent, 3) for stage, spent in done.stage_seconds.items()}
        known = {"status": done.status, "clips": vars(done.clips), "seconds": seconds, "warnings": done.warnings}
        self.write("video", shard=job.shard, video_id=done.video_id, **known)

    def shard(self, record: dict[str, Any]) -> None:
        """A shard is committed."""
        self.write("shard", shard=record["shard"], videos=record["videos"], clips=record["clips"])

    def end(self, videos: Counts, clips: Counts, seconds: float) -> None:
        """The run is through."""
        self.write("end", videos=vars(videos), clips=vars(clips), seconds=round(seconds, 3))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
