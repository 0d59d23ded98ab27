"""A long video split before the visitor's eyes, stitched anew whenever a threshold moves, captioned clip by clip."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from panda_hf.clips import clip_rows
from panda_hf.errors import VideoError
from panda_hf.models.devices import device_of
from panda_hf.showing import decoding
from panda_hf.showing.apart import Helpers
from panda_hf.showing.captions import run_stage
from panda_hf.showing.cast import MODELS, Cast
from panda_hf.showing.limits import Limits
from panda_hf.showing.student import Words, stream_caption, written
from panda_hf.showing.visits import Film
from panda_hf.splitting.embedders import DESCRIPTOR
from panda_hf.splitting.scan import Scan
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.split import Split, as_row
from panda_hf.splitting.stitching import stitch
from panda_hf.splitting.together import embed_frames
from panda_hf.stage import Batch, Row
from panda_hf.video import unpack_frames

SLIDERS = (
    "max_stitch_distance",
    "max_transition_distance",
    "still_distance",
    "redundancy_distance",
    "min_seconds",
    "max_seconds",
    "trim_fraction",
)
"""The rules that come after the looking: another value needs no decoding."""
AT_ONCE = 4
"""Clips that are captioned together: the first captions come soon, and models see more than one clip."""
_DONE = object()


@dataclass
class Long:
    """A scanned video, and the captions that its clips have so far."""

    film: Film
    scan: Scan
    features: Any
    split: Split
    words: Words = Words()
    subtitles: list[Row] | None = None
    known: dict[tuple[float, float], Row] = field(default_factory=dict)
    """What is known of a clip, by its start and end: a clip that a slider brings back has its caption again."""
    posters: dict[tuple[float, float], str] = field(default_factory=dict)
    """A picture of each clip."""

    @property
    def video_id(self) -> str:
        """A name for the rows."""
        return video_id_of(self.film.name)

    def stitched(self, settings: SplitSettings) -> Row:
        """The columns of ``Split`` under other thresholds; nothing is decoded."""
        return as_row(self.scan, stitch(self.scan.pieces, self.features, self.scan.clock.rate, settings))

    def video_row(self, settings: SplitSettings) -> Row:
        """The video row with what the splitting says."""
        return {**self.input_row(), **self.stitched(settings), "error": None}

    def input_row(self) -> Row:
        """The video row as it goes in."""
        return {
            "video_id": self.video_id,
            "video": {"path": str(self.film.path), "bytes": None},
            "title": self.words.title,
            "description": self.words.description,
            "subtitles": self.subtitles,
        }

    def clips(self, settings: SplitSettings) -> list[Row]:
        """The clip rows under these thresholds, each with what is known of it; empty when no clip is left."""
        rows = [row for row in clip_rows(self.video_row(settings)) if row["clip_id"] is not None]
        return [{**row, **self.known.get((row["start"], row["end"]), {})} for row in rows]


def video_id_of(name: str) -> str:
    """A name for the rows: letters, digits, dots, dashes of the visitor's file name."""
    stem = name.rpartition(".")[0] or name
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:60].strip("_") or "video"


def settings_of(base: SplitSettings, values: Mapping[str, float]) -> SplitSettings:
    """Thresholds that sliders give.

    Raises:
        ValueError: for one that is no slider or out of range.
    """
    unknown = sorted(set(values) - set(SLIDERS))
    if unknown:
        raise ValueError(f"{unknown} cannot be changed after the looking; there are {list(SLIDERS)}")
    changes: dict[str, Any] = dict(values)
    return dataclasses.replace(base, **changes)


def scan_film(film: Film, split: Split, helpers: Helpers, limits: Limits) -> Iterator[float | Long]:
    """Look through a video once: seconds seen so far, and at last what was found.

    Raises:
        VideoError: when it cannot be read, is too long or takes too long.
    """
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    worker = threading.Thread(target=_scan_into, args=(told, film, split, helpers, limits), daemon=True)
    worker.start()
    while True:
        said = told.get()
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, Scan):
            yield Long(film, said, features_of(said, film, split), split)
            return
        yield said


def features_of(scan: Scan, film: Film, split: Split) -> Any:
    """What compares the probe frames: from the pass itself, or by a vision model."""
    if scan.features is not None:
        return scan.features
    with MODELS.turn():
        return embed_frames(split.embedder, str(film.path), scan.probe_times, device=device_of(None), threads=2)


def _scan_into(told: queue.SimpleQueue[Any], film: Film, split: Split, helpers: Helpers, limits: Limits) -> None:
    args = (str(film.path), split.rules, split.embedder == DESCRIPTOR, limits.max_seconds)
    try:
        told.put(helpers.call(decoding.scan, *args, seconds=limits.work_seconds, say=told.put))
    except Exception as error:  # raised again in the thread that listens
        told.put(error)


def add_posters(long: Long, rows: list[Row], helpers: Helpers, limits: Limits) -> None:
    """Give each clip a picture of its middle."""
    missing = [row for row in rows if (row["start"], row["end"]) not in long.posters]
    if not missing:
        return
    info = long.film.info
    times = [(row["start"] + row["end"]) / 2 for row in missing]
    args = (str(long.film.path), times, info.height, info.width)
    found = helpers.call(decoding.pictures, *args, seconds=limits.work_seconds)
    long.posters.update({(row["start"], row["end"]): picture for row, picture in zip(missing, found, strict=True)})


def caption_clips(long: Long, rows: list[Row], cast: Cast, helpers: Helpers, limits: Limits) -> Iterator[str]:
    """Caption the clips that have no caption yet, telling what is being done.

    What is found is kept in ``long.known``. A clip that fails keeps its reason as ``problem``.
    """
    waiting = [row for row in rows if (row["start"], row["end"]) not in long.known][: limits.max_clips]
    for start in range(0, len(waiting), AT_ONCE):
        some = waiting[start : start + AT_ONCE]
        which = f"{start + 1} to {start + len(some)}" if len(some) > 1 else str(start + 1)
        yield f"Clips {which} of {len(waiting)}: looking at the frames"
        batch = helpers.call(decoding.sampled, _batch(some), seconds=limits.work_seconds)
        for stage in [*cast.captions(), cast.select()]:
            yield f"Clips {which} of {len(waiting)}: {stage.name}"
            batch = run_stage(stage, batch)
        if cast.student is not None:
            yield f"Clips {which} of {len(waiting)}: the student"
        _keep(long, some, batch, cast)


def _batch(rows: list[Row]) -> Batch:
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def _keep(long: Long, rows: list[Row], batch: Batch, cast: Cast) -> None:
    for i, row in enumerate(rows):
        found = {name: values[i] for name, values in batch.items() if name not in row and name != "frames"}
        error = batch["error"][i]
        found["problem"] = error["message"] if error else None
        if cast.student is not None and batch["frames"][i] is not None:
            found["student_caption"] = _by_student(cast.student, batch["frames"][i], row)
        long.known[row["start"], row["end"]] = found


def _by_student(checkpoint: str, frames: Row, row: Row) -> str | None:
    words = Words(row["title"], row["description"], row["subtitle"])
    return written("".join(stream_caption(checkpoint, unpack_frames(frames), words)))


def require_clips(rows: list[Row]) -> None:
    """Raise ``VideoError`` when there is nothing to write."""
    if not rows:
        raise VideoError("No clip is left under these thresholds, so there is nothing to write. Move a slider.")
