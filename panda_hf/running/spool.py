"""The result of one finished video, on disk until its shard is committed."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features

from panda_hf.running.accounts import Counts
from panda_hf.running.plan import STATUSES, Plan
from panda_hf.stage import Row

_DONE = "done.json"


@dataclass(frozen=True)
class Job:
    """One video to be worked on."""

    shard: int
    index: int
    """Place of the video in its shard."""
    row: Row
    folder: Path
    """Where its result goes; it appears there whole."""
    clips: list[Row] | None = None
    """Rows of clips that are there already, on which stages run once more; ``row`` is then that of the configuration
    ``videos``. ``None``: the video is worked on from its beginning."""

    @property
    def name(self) -> str:
        """What messages call the video."""
        video = self.row.get("video") or {}
        return repr(video["path"]) if video.get("path") else f"video {self.row['video_id']!r}"


@dataclass(frozen=True)
class Done:
    """What is known of a finished video."""

    video_id: str
    status: str
    clips: Counts
    clip_rows: int
    """Rows that left ``explode_clips``."""
    kept_seconds: float
    stage_seconds: dict[str, float]
    warnings: list[str]
    thumbnails: list[str]
    media: list[str]
    """File names in the folders of these names."""


def shard_name(shard: int) -> str:
    """The number of a shard in file names, which then sort as the shards do."""
    return f"{shard:06d}"


def status_of(row: Row) -> str:
    """Where a clip row goes: ``kept``, ``filtered`` or ``failed``."""
    if row["error"] is not None:
        return "failed"
    return "kept" if row["filtered"] is None else "filtered"


def any_done(work: Path) -> bool:
    """Whether the folder holds the result of any video."""
    return any(work.glob(f"*/{_DONE}"))


def part_folder(folder: Path) -> Path:
    """A fresh folder beside ``folder`` to work in; of this thread alone."""
    part = folder.with_name(f"{folder.name}.part-{os.getpid()}-{threading.get_ident()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def finish(part: Path, folder: Path, plan: Plan, video: Row, clips: list[Row], **known: Any) -> None:
    """Write the rows into ``part`` and let it appear as ``folder``, on disk to the last byte.

    Args:
        part: from :func:`part_folder`; may already hold ``thumbnails`` and ``media``.
        folder: the final place.
        plan: says the columns.
        video: the row of the configuration ``videos``.
        clips: the clip rows.
        known: ``clip_rows``, ``stage_seconds`` and ``warnings`` of :class:`Done`.
    """
    _write_rows(part / "clips.arrow", clips, plan.clip_features)
    _write_rows(part / "video.arrow", [video], plan.video_features)
    statuses = [status_of(row) for row in clips]
    done = Done(
        video_id=video["video_id"],
        status=video["status"],
        clips=Counts(*(statuses.count(status) for status in STATUSES)),
        kept_seconds=sum(r["end"] - r["start"] for r, s in zip(clips, statuses, strict=True) if s == "kept"),
        thumbnails=_names(part / "thumbnails"),
        media=_names(part / "media"),
        **known,
    )
    with open(part / _DONE, "w", encoding="utf-8") as file:
        json.dump(asdict(done), file)
        sync(file)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)


def read_done(folder: Path, video_id: str) -> Done | None:
    """What is known of a video that an earlier run finished; ``None`` when it has to be done again."""
    try:
        values = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        done = Done(**{**values, "clips": Counts(**values["clips"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    files = [folder / kind / name for kind in ("thumbnails", "media") for name in getattr(done, kind)]
    whole = done.video_id == video_id and all(file.is_file() for file in files)
    return done if whole else None


def read_rows(folder: Path, name: str) -> pa.Table:
    """The rows in ``clips.arrow`` or ``video.arrow``."""
    with pa.OSFile(str(folder / f"{name}.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


def sync(file: Any) -> None:
    """Wait until a file's content is on disk."""
    file.flush()
    os.fsync(file.fileno())


def _write_rows(path: Path, rows: list[Row], features: Features) -> None:
    columns = {name: [row[name] for row in rows] for name in features}
    table = Dataset.from_dict(columns, features=features).data.table
    table = table.cast(features.arrow_schema)
    with open(path, "wb") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        sync(file)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
