"""Text-to-video and video-to-text recall and ranks, several texts per video, ties under a stated rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import datasets
import evaluate
import numpy as np

Ties = Literal["average", "optimistic", "pessimistic"]
Rows = Callable[[int, int], np.ndarray]

_BLOCK_NUMBERS = 4_000_000
_DESCRIPTION = "R@1, R@5, R@10, median and mean rank of text-to-video and video-to-text retrieval."
_INPUTS = """
Args:
    predictions: similarities, one row per text and one column per video.
    references: for each text the index of its video; left out, text i belongs to video i.
    text_embeddings, video_embeddings: instead of predictions; similarities are their cosines.
    mask: one bool per text; False leaves the text out, as a query and as a candidate.
    ties: "average" (default), "optimistic" or "pessimistic" place of a tied truth.
    video_to_text: "captions" ranks a video's best caption among all captions; "videos" ranks its best caption
        among the best captions of the other videos (CLIP4Clip).
    ks: the cut-offs. dual_softmax: temperature of the dual softmax, None for none.
    per_item: also give t2v_ranks, one rank per text, and v2t_ranks, one per video that has a text.
"""


class RetrievalRecall(evaluate.Metric):
    """Recall at k between texts and videos; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Sequence(datasets.Value("float64")), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(features),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; a matrix given at once does not travel through Arrow, which would copy it twice."""
        if predictions is None and "text_embeddings" not in options:
            return super().compute(**options)
        return self._compute(predictions=predictions, references=references, **options)

    def _compute(self, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any]:
        return retrieval_recall(predictions, references, **options)


def retrieval_recall(
    similarity: Any = None,
    owners: Any = None,
    *,
    text_embeddings: Any = None,
    video_embeddings: Any = None,
    mask: Any = None,
    ties: Ties = "average",
    video_to_text: Literal["captions", "videos"] = "captions",
    ks: tuple[int, ...] = (1, 5, 10),
    dual_softmax: float | None = None,
    per_item: bool = False,
) -> dict[str, Any]:
    """Recalls (0 to 1) and ranks (from 1) of both directions; arguments as the card describes them.

    Raises:
        ValueError: for shapes that do not fit, an unknown rule, similarities that are not finite.
    """
    if ties not in ("average", "optimistic", "pessimistic"):
        raise ValueError(f"ties={ties!r}: use 'average', 'optimistic' or 'pessimistic'")
    if video_to_text not in ("captions", "videos"):
        raise ValueError(f"video_to_text={video_to_text!r}: use 'captions' or 'videos'")
    if dual_softmax is not None and not 0 < dual_softmax < np.inf:
        raise ValueError(f"dual_softmax={dual_softmax} must be a positive temperature, or None")
    if not ks or any(k != int(k) or k < 1 for k in ks):
        raise ValueError(f"ks={ks} must be whole numbers from 1 up")
    rows, texts, videos, live = _source(similarity, text_embeddings, video_embeddings, mask)
    owner = _owners(owners, texts, videos)
    step = max(1, _BLOCK_NUMBERS // videos)
    forward, backward = _dual(rows, live, videos, step, dual_softmax) if dual_softmax else (rows, rows)
    found: dict[str, Any] = {"ties": ties, "video_to_text": video_to_text, "dual_softmax": dual_softmax}
    counted = {
        "t2v": _text_ranks(forward, owner, live, step),
        "v2t": _video_ranks(backward, owner, live, videos, step, video_to_text),
    }
    for direction, (greater, equal) in counted.items():
        found |= {f"{direction}_{name}": value for name, value in _summary(greater, equal, ties, ks).items()}
        found |= {f"{direction}_ranks": _places(greater, equal)[ties].tolist()} if per_item else {}
    return found


def _source(similarity: Any, texts: Any, videos: Any, mask: Any) -> tuple[Rows, int, int, np.ndarray]:
    """A function that gives rows of similarities as finite float64, how many texts and videos, and the mask."""
    if (similarity is None) == (texts is None) or (texts is None) != (videos is None):
        raise ValueError("give either similarities, or text_embeddings and video_embeddings")
    if similarity is not None:
        matrix = _numbers(similarity, "similarities")
        if matrix.ndim != 2 or not matrix.size:
            raise ValueError(f"similarities have the shape {matrix.shape}: expected texts x videos")
        live = _mask(mask, len(matrix))
        return (lambda start, stop: _finite(matrix[start:stop], live[start:stop], start)), *matrix.shape, live
    left = _numbers(texts, "text_embeddings").astype(np.float64)
    live = _mask(mask, len(left))
    if left.ndim == 2 and left.size:
        left[~live] = 1.0
    left, right = _unit(left, "text_embeddings"), _unit(_numbers(videos, "video_embeddings"), "video_embeddings")
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"embeddings of texts have {left.shape[1]} numbers, those of videos {right.shape[1]}")
    return (lambda start, stop: left[start:stop] @ right.T), len(left), len(right), live


def _numbers(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} are of type {array.dtype}: expected real numbers")
    return array


def _finite(block: np.ndarray, live: np.ndarray, start: int) -> np.ndarray:
    block = block.astype(np.float64)
    block[~live] = 0.0
    if not np.isfinite(block).all():
        row = start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
        raise ValueError(
            f"similarities of text {row} are not all finite: leave the text out by the mask, or mend them"
        )
    return block


def _unit(vectors: np.ndarray, name: str) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"{name} have the shape {vectors.shape}: expected items x dimensions")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(norms) & (norms > 0)).ravel())[0])
        raise ValueError(f"{name}: row {row} is zero or not finite and has no direction")
    return vectors / norms


def _owners(owners: Any, texts: int, videos: int) -> np.ndarray:
    if owners is None:
        if texts != videos:
            raise ValueError(f"{texts} texts for {videos} videos: references must tell the video of each text")
        return np.arange(texts)
    owner = np.asarray(owners)
    if owner.shape != (texts,) or not np.issubdtype(owner.dtype, np.integer):
        raise ValueError(f"references must be {texts} integers, the index of each text's video; got {owner.shape}")
    wrong = np.flatnonzero((owner < 0) | (owner >= videos))
    if wrong.size:
        raise ValueError(f"text {wrong[0]} belongs to video {owner[wrong[0]]}, there are only {videos} videos")
    return owner


def _mask(mask: Any, texts: int) -> np.ndarray:
    live = np.ones(texts, dtype=bool) if mask is None else np.asarray(mask).ravel()
    if live.dtype.kind not in "bui" or (live.dtype.kind != "b" and not np.isin(live, (0, 1)).all()):
        raise ValueError("the mask must be True or False for each text")
    live = live.astype(bool)
    if len(live) != texts or not live.any():
        raise ValueError(
            f"the mask keeps {live.sum()} of {len(live)} texts; expected {texts} values, one or more True"
        )
    return live


def _dual(rows: Rows, live: np.ndarray, videos: int, step: int, temperature: float) -> tuple[Rows, Rows]:
    """Similarities times a softmax over the texts (for text-to-video) and over the videos (for video-to-text)."""
    top = np.full(videos, -np.inf)
    total = np.zeros(videos)
    for start in range(0, len(live), step):
        scaled = rows(start, start + step)[live[start : start + step]] * temperature
        if not len(scaled):
            continue
        higher = np.maximum(top, scaled.max(axis=0))
        total = total * np.exp(top - higher) + np.exp(scaled - higher).sum(axis=0)
        top = higher

    def over_texts(start: int, stop: int) -> np.ndarray:
        block = rows(start, stop)
        # A text left out by the mask may exceed the maximum of the others.
        return block * np.exp(np.minimum(block * temperature - top, 0)) / total

    def over_videos(start: int, stop: int) -> np.ndarray:
        block = rows(start, stop)
        weights = np.exp((block - block.max(axis=1, keepdims=True)) * temperature)
        return block * weights / weights.sum(axis=1, keepdims=True)

    return over_texts, over_videos


def _text_ranks(rows: Rows, owner: np.ndarray, live: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """For each live text, how many videos are above its own, and how many others are level with it."""
    greater, equal = [], []
    for start in range(0, len(owner), step):
        block = rows(start, start + step)
        own = block[np.arange(len(block)), owner[start : start + step]][:, None]
        greater.append((block > own).sum(axis=1))
        equal.append((block == own).sum(axis=1) - 1)
    return np.concatenate(greater)[live], np.concatenate(equal)[live]


def _video_ranks(
    rows: Rows, owner: np.ndarray, live: np.ndarray, videos: int, step: int, against: str
) -> tuple[np.ndarray, np.ndarray]:
    """For each video that has a live text, the same for the best of its texts; its other texts do not count."""
    asked = np.unique(owner[live])
    own = np.full(videos, -np.inf)
    best = np.full((videos, videos), -np.inf) if against == "videos" else None
    for start in range(0, len(owner), step):
        block, mine, keep = rows(start, start + step), owner[start : start + step], live[start : start + step]
        np.maximum.at(own, mine[keep], block[np.arange(len(block)), mine][keep])
        if best is not None:
            np.maximum.at(best, mine[keep], block[keep])
    if best is not None:
        return ((best > own).sum(axis=0))[asked], ((best == own).sum(axis=0) - 1)[asked]
    greater, equal = np.zeros(videos, dtype=np.int64), np.zeros(videos, dtype=np.int64)
    for start in range(0, len(owner), step):
        keep = live[start : start + step]
        block, mine = rows(start, start + step)[keep], owner[start : start + step][keep]
        block[np.arange(len(block)), mine] = -np.inf
        greater += (block > own).sum(axis=0)
        equal += ((block == own) & np.isfinite(block)).sum(axis=0)
    return greater[asked], equal[asked]


def _places(greater: np.ndarray, equal: np.ndarray) -> dict[str, np.ndarray]:
    """Ranks from 1 under each rule."""
    return {"optimistic": greater + 1, "average": greater + 1 + equal / 2, "pessimistic": greater + 1 + equal}


def _summary(greater: np.ndarray, equal: np.ndarray, ties: Ties, ks: tuple[int, ...]) -> dict[str, Any]:
    """Recalls, ranks, and what the other tie rules would have said of the first recall, where ties matter."""
    place = _places(greater, equal)
    rank = place[ties]
    # An average place between k and k + 1 counts as found at k, as frozen-in-time counts it.
    found: dict[str, Any] = {f"R@{k}": float((rank < k + 1).mean()) for k in ks}
    found |= {"median_rank": float(np.median(rank)), "mean_rank": float(rank.mean()), "queries": len(rank)}
    found["tied_queries"] = int((equal > 0).sum())
    if found["tied_queries"]:
        for name in ("optimistic", "pessimistic"):
            found |= {f"R@{k}_{name}": float((place[name] <= k).mean()) for k in ks}
    return found
