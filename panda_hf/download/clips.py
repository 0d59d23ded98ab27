"""From a fetched video to the files of its clips: each clip that can be had, each other one with its error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from panda_hf.download.options import Fetched
from panda_hf.download.plan import Planned
from panda_hf.errors import VideoError
from panda_hf.running.naming import safe_file_name
from panda_hf.stage import Row
from panda_hf.video import CutClip, cut_clips

FOLDER = "clips_media"
UNWRITABLE = "OSError"
"""Type of the error of clips for which the disk is at fault, not the video: the next run cuts them."""
SHORT_SECONDS = 0.1
"""A clip that lacks more than this at its end is told to be shorter than it was listed."""


def cut_planned(planned: Planned, video: Path, out: Path, *, keep_on_disk: bool = False) -> list[Row]:
    """Make the clips of a video that is there, in one pass over it.

    Args:
        planned: the clips.
        video: the whole video.
        out: the folder of the download.
        keep_on_disk: let the bytes of the clips reach the disk before this returns.

    Returns:
        ``{clip_id, clip_path, error, warning, end}`` for each of ``planned.clips``, in their order: a path relative
        to ``out``, or the error; where the video ends before the clip, that it does, and where.
    """
    targets = _targets(planned, out)
    tasks = [(clip["start"], clip["end"], target) for clip, target in zip(planned.clips, targets, strict=True)]
    try:
        made = cut_clips(video, tasks)
        if keep_on_disk:
            _flush(made)
    except OSError as error:
        return unmade(planned, UNWRITABLE, f"the clips cannot be written: {error.strerror or error}")
    except Exception as error:  # each clip becomes a row with its error; the run goes on
        return unmade(planned, type(error).__name__, _without(str(error), out))
    return [_row(clip, _result(clip, one, out)) for clip, one in zip(planned.clips, made, strict=True)]


def moved_sections(planned: Planned, fetched: Fetched, out: Path) -> list[Row]:
    """Put the sections that were cut out of a remote video in their places; returns like :func:`cut_planned`."""
    pieces = zip(fetched.section_paths, fetched.section_details, fetched.section_seconds, strict=True)
    return [
        _row(clip, _moved(clip, target, piece, out))
        for clip, target, piece in zip(planned.clips, _targets(planned, out), pieces, strict=True)
    ]


def unmade(planned: Planned, type: str, message: str) -> list[Row]:
    """The same error for each clip."""
    return [_row(clip, _error("cut", type, message)) for clip in planned.clips]


def _targets(planned: Planned, out: Path) -> list[Path]:
    own = f"{planned.video_id}."
    names = [clip["clip_id"] for clip in planned.clips]
    names = [name if name.startswith(own) else own + name for name in names]  # a table may count anew in each video
    return [out / FOLDER / f"{safe_file_name(name)}.mp4" for name in names]


def _row(clip: Row, result: Row) -> Row:
    return {"clip_id": clip["clip_id"], **result}


def _error(stage: str, type: str, message: str) -> Row:
    return {"clip_path": None, "error": {"stage": stage, "type": type, "message": message}}


def _made(clip: Row, target: Path, seconds: float | None, note: str | None, out: Path) -> Row:
    """The result of a clip that is there: with its own end and a warning where the video ends before it should."""
    warnings, end = [note], None
    if seconds is not None and clip["start"] + seconds < clip["end"] - SHORT_SECONDS:
        end = round(clip["start"] + seconds, 3)
        warnings.insert(
            0, f"the video ends at {end:g} s, before the clip, which was listed to end at {clip['end']:g} s"
        )
    warning = "; ".join(filter(None, warnings)) or None
    return {"clip_path": target.relative_to(out).as_posix(), "error": None, "warning": warning, "end": end}


def _moved(clip: Row, target: Path, piece: tuple[str | None, str | None, float | None], out: Path) -> Row:
    path, detail, seconds = piece
    if path is None or not Path(path).is_file():
        return _error("cut", "VideoError", detail or "the section could not be cut")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return _made(clip, target, seconds, detail, out)


def _flush(made: Sequence[CutClip | VideoError]) -> None:
    for one in made:
        if isinstance(one, CutClip):
            with open(one.path, "rb") as file:
                os.fsync(file.fileno())


def _result(clip: Row, made: CutClip | VideoError, out: Path) -> Row:
    if isinstance(made, CutClip):
        return _made(clip, Path(made.path), made.duration, made.note, out)
    return _error("cut", "VideoError", _without(str(made), out))


def _without(message: str, out: Path) -> str:
    """A message about a file without the folder it lies in."""
    return message.replace(f"{out}{os.sep}", "")
