"""`samples.html`: the best and the worst captions of a model, with the frames and the references beside them."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from panda_hf.errors import VideoError
from panda_hf.evaluation import tables
from panda_hf.evaluation.results import Difference, Evaluation
from panda_hf.publishing import wording
from panda_hf.video import probe, sample_frames

PAGE = "samples.html"
FRAMES = 4
HEIGHT = 96


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One video of a benchmark with what a model said of it."""

    video_id: str
    prediction: str
    references: tuple[str, ...]
    score: float
    strip: str | None = None
    """Frames side by side as a ``data:`` address; ``None`` without a readable video."""
    note: str | None = None
    """One more line about it; of retrieval what was ranked first."""


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The samples of one model that a page shows."""

    model: str
    metric: str
    """What the scores are, as :func:`panda_hf.evaluation.tables.label` knows it."""
    best: tuple[Sample, ...]
    worst: tuple[Sample, ...]
    printed: float = 100.0
    """What the page multiplies scores by."""
    level: int = 0
    """How many videos have the lowest score."""
    then: str | None = None
    """The metric that orders what is level."""


def extremes(
    model: str,
    metric: str,
    ids: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    scores: Sequence[float],
    videos: Mapping[str, Any],
    *,
    count: int = 6,
    then: tuple[str, Sequence[float]] | None = None,
) -> Extremes:
    """The ``count`` videos of highest and of lowest score; what is level by ``then``, at last in their order.

    Args:
        model: whose captions.
        metric: what ``scores`` are, one per video.
        ids: video ids; ``predictions`` and ``references`` go with them.
        predictions: captions.
        references: reference captions.
        scores: one figure per video.
        videos: a video reference by id, where there is one.
        count: how many of each.
        then: another metric and its figures, one per video.
    """
    values = np.asarray(scores, dtype=float)
    order = np.lexsort((-np.asarray(then[1] if then is not None else values, dtype=float), -values))
    half = min(count, -(-len(order) // 2))

    def shown(i: int) -> Sample:
        return Sample(
            video_id=ids[i],
            prediction=predictions[i],
            references=tuple(references[i]),
            score=float(scores[i]),
            strip=strip(videos.get(ids[i])),
        )

    worst = order[::-1][: min(count, len(order) - half)]
    return Extremes(
        model=model,
        metric=metric,
        best=tuple(map(shown, order[:half])),
        worst=tuple(map(shown, worst)),
        level=int((values == values.min()).sum()) if len(values) else 0,
        then=then[0] if then is not None else None,
    )


def write_page(
    evaluations: Sequence[Evaluation],
    samples: Sequence[Extremes],
    plot: Path | None,
    out: str | os.PathLike[str],
    differences: Sequence[Difference] = (),
    notes: Sequence[str] = (),
) -> Path:
    """Write ``samples.html`` into the folder ``out``: one file, no script, all text escaped."""
    css = (files("panda_hf.publishing") / "report.css").read_text(encoding="utf-8")
    css += (files("panda_hf.evaluation") / "samples.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("panda_hf.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=wording.clean, number="{:,}".format, label=tables.label, p=tables.p_value)
    html = environment.get_template("samples.html.j2").render(
        evaluations=evaluations,
        groups=_groups(tables.metrics_of(evaluations)),
        intervals=any(score.low is not None for one in evaluations for score in one.scores.values()),
        differences={(one.model, one.other, one.metric): one for one in differences},
        pairs=list(dict.fromkeys((one.model, one.other) for one in differences)),
        compared=list(dict.fromkeys(one.metric for one in differences)),
        spread=any(score.spread is not None for one in evaluations for score in one.scores.values()),
        samples=samples,
        notes=notes,
        plot=None if plot is None else _data_address(plot.read_bytes(), "png"),
        css=Markup(css),
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
    )
    path = Path(out) / PAGE
    unfinished = path.with_name(f".{PAGE}.{os.getpid()}")
    unfinished.write_text(html, encoding="utf-8", errors="replace")
    os.replace(unfinished, path)
    return path


def _groups(metrics: Sequence[str]) -> list[list[str]]:
    """Metrics by table: the two directions of retrieval are too wide for one."""
    parts = [[one for one in metrics if one.startswith(direction)] for direction in ("t2v_", "v2t_")]
    rest = [one for one in metrics if not one.startswith(("t2v_", "v2t_"))]
    return [part for part in (rest, *parts) if part]


def strip(video: Any) -> str | None:
    """Four frames of a video side by side as a ``data:`` address; ``None`` where it cannot be read."""
    if video is None:
        return None
    try:
        info = probe(video)
        times = [(i + 0.5) / FRAMES * (info.duration or 0.0) for i in range(FRAMES)]
        width = max(1, round(HEIGHT * info.width / info.height))
        frames = sample_frames(video, times, size=(HEIGHT, width))
    except VideoError:
        return None
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(list(frames), axis=1)).save(buffer, "JPEG", quality=80)
    return _data_address(buffer.getvalue(), "jpeg")


def _data_address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
