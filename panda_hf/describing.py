"""From a video file to a caption in one line, with what lies beside the file, by a student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from panda_hf import schema
from panda_hf.captioning import Describe, SampleFrames
from panda_hf.clips import spoken_between
from panda_hf.errors import CandidateError, PandaError, VideoError
from panda_hf.running.sidecars import read_sidecars
from panda_hf.stage import Batch, Row
from panda_hf.video import probe


def describe(
    video: str | Path,
    *,
    start: float = 0.0,
    end: float | None = None,
    title: str | None = None,
    description: str | None = None,
    subtitle: str | None = None,
    text: bool = True,
    checkpoint: str = "mini/student",
    **settings: Any,
) -> str:
    """One sentence about a video, or a part of it.

    Args:
        video: a local file. What lies beside it (``NAME.srt``, ``NAME.json`` and the like) is read too.
        start: seconds.
        end: seconds; ``None``: where the video ends.
        title: what is known of the video; ``None``: what the files beside it say. So are the next two.
        description: see ``title``.
        subtitle: what is said in this part.
        text: whether the student is told title, description and subtitle.
        checkpoint: a folder, a Hub id or ``mini/<name>``.
        settings: more of :class:`~panda_hf.captioning.Describe`, such as ``sample=True, seed=3``.

    Raises:
        VideoError: when the video cannot be read.
        CandidateError: when the student wrote nothing that could be a caption.
        CheckpointError: when the student cannot be loaded.

    Example::

        from panda_hf import describe
        print(describe("zoo.mp4"))
    """
    given = {"title": title, "description": description, "subtitle": subtitle}
    row = clip_of(Path(video), start, end)
    row |= {name: value for name, value in given.items() if value is not None}
    stage = Describe(checkpoint=checkpoint, text=text, **settings)
    stage.check()
    done = next(describe_rows([row], stage))
    if done["error"] is not None:
        raise VideoError(done["error"]["message"])
    if done[schema.STUDENT_CAPTION] is None:
        raise CandidateError(f"{video}: {why_none(done)}")
    return str(done[schema.STUDENT_CAPTION])


def clip_of(video: Path, start: float = 0.0, end: float | None = None) -> Row:
    """A clip row of a video file or a part of it, with what lies beside the file.

    Raises:
        VideoError: when it is no video, ``start`` lies behind its end, or neither its length nor ``end`` is known.
    """
    lasts = probe(video).duration
    if lasts is not None and start >= lasts:
        raise VideoError(f"{video} lasts {lasts:.2f} s; it shows nothing at {start:g} s: give an earlier start")
    last = lasts if end is None else end
    if last is None:
        raise VideoError(f"{video}: how long it lasts is not known; give the end in seconds")
    beside = read_sidecars(video)
    return {
        **dict.fromkeys(schema.CLIP_ROW),
        "clip_id": f"{video.stem}.0",
        "video_id": video.stem,
        "video": {"path": str(video), "bytes": None},
        "start": start,
        "end": last,
        "title": beside["title"],
        "description": beside["description"],
        "subtitle": spoken_between(beside["subtitles"] or [], start, last),
    }


def describe_rows(rows: Sequence[Row], stage: Describe, frames: SampleFrames | None = None) -> Iterator[Row]:
    """Clip rows with ``student_caption``, in order; while one window is written of, the next is decoded.

    Args:
        rows: clip rows.
        stage: who writes; its ``rows_at_once`` are a window.
        frames: how frames are sampled; ``None``: eight of each clip.
    """
    sample, size = frames or SampleFrames(), stage.rows_at_once
    windows = [rows[start : start + size] for start in range(0, len(rows), size)]
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        coming = [pool.submit(_decoded, sample, windows[0])] if windows else []
        for number in range(len(windows)):
            batch = coming.pop().result()
            if number + 1 < len(windows):
                coming.append(pool.submit(_decoded, sample, windows[number + 1]))
            done = {**batch, **stage(batch)}
            yield from ({column: values[i] for column, values in done.items() if column != "frames"}
                        for i in range(len(windows[number])))  # fmt: skip


def _decoded(sample: SampleFrames, rows: Sequence[Row]) -> Batch:
    batch = {column: [row.get(column) for row in rows] for column in rows[0]}
    return {**batch, **sample(batch)}


def why_none(row: Row) -> str:
    """Why a row has no ``student_caption``."""
    if row.get("error") is not None:
        return str(row["error"]["message"])
    return "; ".join(note["message"] for note in row.get(schema.CAPTION_ERRORS) or []) or "nothing was written"


def rows_of(videos: Sequence[Path]) -> Iterator[Row | tuple[Path, PandaError]]:
    """A clip row of each whole video, or the video and why there is none."""
    for video in videos:
        try:
            yield clip_of(video)
        except VideoError as error:
            yield video, error
