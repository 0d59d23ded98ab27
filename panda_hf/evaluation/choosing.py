"""The selector's choice among the captions of several models, as one more source."""

from __future__ import annotations

from collections.abc import Sequence

from datasets import Dataset

from panda_hf.captioning import SampleFrames
from panda_hf.errors import SourceError, VideoError
from panda_hf.evaluation.captioning import Source
from panda_hf.evaluation.predictions import Predictions
from panda_hf.selection import choose
from panda_hf.selection.scorer import load_scorer
from panda_hf.selection.select import score_candidates
from panda_hf.video import probe, unpack_frames


def chosen(rows: Dataset, sources: Sequence[Source], selector: str, *, name: str, num_frames: int = 8) -> Source:
    """For each video the caption that a retrieval model finds closest to its frames, of equal ones the first.

    Args:
        rows: a benchmark with videos.
        sources: whose captions to choose among; of a model with seeds its first set.
        selector: checkpoint of a retrieval model, as ``Select`` takes it.
        name: what tables call the choice.
        num_frames: frames a video.

    Raises:
        SourceError: with fewer than two models, or when no video can be read.
    """
    if len(sources) < 2:
        raise SourceError("a selector chooses among the captions of two or more models; give more of them")
    scorer, frames = load_scorer(selector, None, None, None), SampleFrames(num_frames=num_frames)
    taken: Predictions = {}
    shares = dict.fromkeys((one.name for one in sources), 0)
    for row in rows.select_columns(["video_id", "video"]):
        captions = [one.sets[0].get(row["video_id"]) for one in sources]
        pack = _pack(frames, row)
        choice = choose(score_candidates(scorer, unpack_frames(pack), captions)) if pack is not None else None
        if choice is not None:
            taken[row["video_id"]] = str(captions[choice.index])
            shares[sources[choice.index].name] += 1
    if not taken:
        raise SourceError(f"{selector} could choose no caption: no video could be read or no caption was written")
    rates = {model: round(count / len(taken), 4) for model, count in shares.items()}
    return Source(name=name, sets=(taken,), settings={"selector": selector, "selective_rate": rates})


def _pack(frames: SampleFrames, row: dict) -> dict | None:
    if row["video"] is None:
        return None
    try:
        length = probe(row["video"]).duration or 0.0
    except VideoError:
        return None
    batch = {"clip_id": [row["video_id"]], "video": [row["video"]], "start": [0.0], "end": [length]}
    return frames(batch)["frames"][0]
