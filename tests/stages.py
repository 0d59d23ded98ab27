"""Every stage of the project, each with rows it can run on: what the contract test goes over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from datasets import Value

from panda_hf import schema
from panda_hf.stage import Stage

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A stage, rows it works on, and its name in test ids."""

    stage: Stage
    rows: list[Row]
    features: dict[str, Any]


def write_film(path: Path, *, shots: int = 2, seconds: float = 3.0, fps: int = 12) -> Path:
    """A tiny H.264 film: in each shot a square of another colour crosses another background."""
    rng = np.random.default_rng(shots)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for _ in range(shots):
            ground, square = rng.integers(0, 256, (2, 3))
            for i in range(int(seconds * fps)):
                frame = np.broadcast_to(ground, (96, 160, 3)).astype(np.uint8).copy()
                x = int(i / (seconds * fps) * 120)
                frame[30:70, x : x + 40] = square
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def video_row(path: Path) -> Row:
    return {
        "video_id": path.stem,
        "video": {"path": str(path), "bytes": None},
        "title": "squares",
        "description": None,
        "subtitles": [{"start": 0.0, "end": 2.0, "text": "a square crosses"}],
    }


def clip_row(path: Path, start: float, end: float, index: int) -> Row:
    row = dict.fromkeys(schema.CLIP_ROW)
    video = {"path": str(path), "bytes": None}
    return {
        **row,
        "clip_id": f"{path.stem}.{index}",
        "video_id": path.stem,
        "video": video,
        "start": start,
        "end": end,
    }


def frames_row(path: Path, index: int) -> Row:
    from panda_hf.video import pack_frames, sample_frames

    times = list(np.linspace(0.1, 2.5, 8))
    return {**clip_row(path, 0.0, 2.6, index), "frames": pack_frames(sample_frames(path, times), times)}


def all_cases(film: Path) -> dict[str, Case]:
    """One case for each stage class of the project."""
    from panda_hf.captioning import Caption, Describe, SampleFrames
    from panda_hf.measuring import DesirableFiltering, MaxRunningLPIPS, MeasureFrames
    from panda_hf.rights import MarkHarmful, Redact
    from panda_hf.running.cut import Cut
    from panda_hf.selection import Select
    from panda_hf.splitting import DetectShots, Split
    from tests.models import student_sizes
    from tests.rights.names_model import write_names_model

    clips = [clip_row(film, 0.0, 2.5, 0), clip_row(film, 3.0, 5.5, 1), clip_row(film, 1.0, 2.0, 2)]
    framed = [frames_row(film, i) for i in range(3)]
    with_frames = {**schema.CLIP_ROW, **schema.FRAMES_COLUMNS}
    captioned = [
        {**row, "caption_mini_image": "a large red square", "caption_mini_video": "a blue ball rolls to the left"}
        for row in framed
    ]
    captions = dict.fromkeys(["caption_mini_image", "caption_mini_video"], schema.CLIP_ROW["title"])
    names = str(write_names_model(film.parent / "names"))
    student = str(student_sizes.save(film.parent / "student"))
    titled = [{**row, "title": f"Anna and a bastard, part {i}"} for i, row in enumerate(clips)]
    judged = DesirableFiltering()
    numbers = {name: Value("float32") for name in (*judged.reads, *judged.uses)}
    measured = [{**row, **dict.fromkeys(numbers, 0.1 * (i + 1))} for i, row in enumerate(clips)]
    return {
        "DetectShots": Case(DetectShots(), clips, dict(schema.CLIP_ROW)),
        "MeasureFrames": Case(MeasureFrames(), framed, with_frames),
        "DesirableFiltering": Case(judged, measured, {**schema.CLIP_ROW, **numbers}),
        "MaxRunningLPIPS": Case(MaxRunningLPIPS(backbone="squeeze", weights="random"), framed, with_frames),
        "Split": Case(Split(), [video_row(film)] * 3, dict(schema.VIDEO_ROW)),
        "SampleFrames": Case(SampleFrames(num_frames=4), clips, dict(schema.CLIP_ROW)),
        "Caption": Case(Caption(teacher="mini_image"), framed, with_frames),
        "Describe": Case(Describe(checkpoint=student, max_new_tokens=8), framed, with_frames),
        "Select": Case(Select(teachers=("mini_image", "mini_video")), captioned, {**with_frames, **captions}),
        "Redact": Case(Redact(columns=("title",), model=names), titled, dict(schema.CLIP_ROW)),
        "MarkHarmful": Case(MarkHarmful(columns=("title",)), titled, dict(schema.CLIP_ROW)),
        "Cut": Case(Cut(folder=str(film.parent / "media")), clips, dict(schema.CLIP_ROW)),
    }
