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


def cut_planned(planned: Planned, fetched: Fetched, out: Path) -> list[Row]:
    """Make the clips of a video, in one pass over it, or take the sections that were cut out of the remote video.

    Returns:
        ``{clip_path, error}`` for each of ``planned.clips``, in their order: a path relative to ``out``, or the error.
    """
    targets = [out / FOLDER / f"{safe_file_name(clip['clip_id'])}.mp4" for clip in planned.clips]
    if fetched.section_paths:
        return [
            _moved(path, target, detail, out)
            for path, target, detail in zip(fetched.section_paths, targets, fetched.section_details, strict=True)
        ]
    assert fetched.path is not None
    tasks = [(clip["start"], clip["end"], target) for clip, target in zip(planned.clips, targets, strict=True)]
    try:
        made: Sequence[CutClip | VideoError] = cut_clips(fetched.path, tasks, threads=1)
    except VideoError as error:
        made = [error] * len(tasks)
    return [_result(one, target, out) for one, target in zip(made, targets, strict=True)]


def unmade(planned: Planned, type: str, message: str) -> list[Row]:
    """The same error for each clip."""
    return [{"clip_path": None, "error": {"stage": "download", "type": type, "message": message}}] * len(planned.clips)


def _moved(path: str | None, target: Path, detail: str | None, out: Path) -> Row:
    if path is None or not Path(path).is_file():
        message = detail or "the section could not be cut"
        return {"clip_path": None, "error": {"stage": "cut", "type": "VideoError", "message": message}}
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return {"clip_path": target.relative_to(out).as_posix(), "error": None}


def _result(made: CutClip | VideoError, target: Path, out: Path) -> Row:
    if isinstance(made, CutClip):
        return {"clip_path": target.relative_to(out).as_posix(), "error": None}
    message = str(made).replace(f"{out}{os.sep}", "")
    return {"clip_path": None, "error": {"stage": "cut", "type": "VideoError", "message": message}}
