"""Retrieval in two steps: all pairs by similarity, then the nearest of each text and each video by the matching head.

The evaluation of OpenGVLab/UMT: of every text the K nearest videos, and of every video the K nearest texts, are put in
the order of the head's logit of a match; all others come last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from tqdm import tqdm

from panda_hf.errors import SourceError
from panda_hf.evaluation.embedding import frame_packs
from panda_hf.evaluation.retrieval import Matrix
from panda_hf.evaluation.sources import model_type_of
from panda_hf.models.umt.modeling_umt import similarity
from panda_hf.models.umt.retrieval_umt import MATCH
from panda_hf.selection.scorer import Scorer, load_scorer, require_head


@dataclass(frozen=True)
class Reranker:
    """A checkpoint that has a matching head; its weights are loaded when it is asked."""

    checkpoint: str

    def scorer(self) -> Scorer:
        """The loaded model."""
        return load_scorer(self.checkpoint, None, None, None, head=True)


def load_reranker(checkpoint: str) -> Reranker:
    """A checkpoint to re-rank with; only its configuration is read here, so that a wrong one costs no work.

    Raises:
        CheckpointError: when it is no UMT with a matching head.
        SourceError: when it is another kind of model.
    """
    kind = model_type_of(checkpoint)
    if kind != "umt":
        raise SourceError(f"{checkpoint!r} is a {kind}, which has no matching head; leave --rerank out, or give a UMT")
    require_head(checkpoint)
    return Reranker(checkpoint)


def two_steps(
    reranker: Reranker,
    rows: Dataset,
    texts: Sequence[str],
    nearest: int = 128,
    *,
    name: str,
    num_frames: int = 12,
    batch_size: int = 32,
    settings: dict[str, Any] | None = None,
) -> list[Matrix]:
    """The similarities, called ``name``, and what the second step makes of them, called ``name, re-ranked``.

    Each video and each text is encoded once; their tokens wait in a temporary file for the second step.

    Args:
        reranker: from :func:`load_reranker`.
        rows: a benchmark with videos.
        texts: the queries.
        nearest: how many of each text and of each video the head looks at. Of equal similarities the first counts as
            the nearer.
        name: of the model.
        num_frames: spread evenly over the whole video.
        batch_size: pairs that the head looks at at once.
        settings: of the model, for the results.

    Raises:
        SourceError: when no video can be read.
    """
    said = settings or {}
    with tempfile.TemporaryFile() as of_videos, tempfile.TemporaryFile() as of_texts:
        pairs = _Pairs(reranker.scorer(), _Tokens(of_videos), _Tokens(of_texts), batch_size)
        ids = pairs.read_videos(rows, num_frames)
        pairs.read_texts(texts)
        scores = pairs.similarity()
        forward, backward = _second_step(pairs, scores, nearest)
    first = Matrix(
        name=name,
        similarity=scores,
        videos=ids,
        settings={**said, "similarity": "mean of the frames' cosines, no re-ranking"},
    )
    how = f"matching head over the {nearest} nearest of each text and each video, the others level behind them"
    second = Matrix(
        name=f"{name}, re-ranked", similarity=forward, backward=backward, videos=ids, settings={**said, "rerank": how}
    )
    return [first, second]


def _second_step(pairs: _Pairs, scores: np.ndarray, nearest: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (texts, videos) of the second step, text-to-video and video-to-text."""
    of_texts, of_videos = _nearest(scores, nearest), _nearest(scores.T, nearest).T
    head = np.zeros(scores.shape, dtype=np.float32)
    for video in tqdm(range(scores.shape[1]), "matching head", unit="video", disable=None):
        asked = np.flatnonzero(of_texts[:, video] | of_videos[:, video])
        head[asked, video] = pairs.logits(video, asked)
    last = float(head.min()) - 1.0
    return np.where(of_texts, head, last), np.where(of_videos, head, last)


def _nearest(scores: np.ndarray, count: int) -> np.ndarray:
    """Which columns are among the ``count`` highest of each row, as booleans of the same shape."""
    found = np.zeros(scores.shape, dtype=bool)
    for row, mine in enumerate(scores):
        found[row, np.argsort(-mine, kind="stable")[:count]] = True
    return found


class _Tokens:
    """Arrays of one shape and type in a file, by number."""

    def __init__(self, file: Any) -> None:
        self.file, self.dtype = file, torch.float32
        self.shape: tuple[int, ...] = ()

    def append(self, tensor: Tensor) -> None:
        self.shape, self.dtype = tuple(tensor.shape), tensor.dtype
        self.file.write(tensor.contiguous().cpu().numpy().tobytes())

    def __getitem__(self, number: int) -> Tensor:
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        self.file.seek(number * size)
        held = bytearray(self.file.read(size))
        return torch.frombuffer(held, dtype=self.dtype).reshape(self.shape)


class _Pairs:
    """Encoded videos and texts, to be compared pair by pair."""

    def __init__(self, scorer: Scorer, of_videos: _Tokens, of_texts: _Tokens, batch_size: int) -> None:
        self.scorer, self.of_videos, self.of_texts, self.batch_size = scorer, of_videos, of_texts, batch_size
        self.videos: list[Tensor] = []
        self.texts: list[Tensor] = []
        self.masks: list[Tensor] = []

    @torch.inference_mode()
    def read_videos(self, rows: Dataset, num_frames: int) -> tuple[str, ...]:
        model, ids = self.scorer.model, []
        for video_id, frames in frame_packs(rows, num_frames):
            pixels = self.scorer.processor(videos=[frames]).to(model.device, model.dtype)["pixel_values"]
            tokens, frame_vectors = model.encode_video(pixels)
            self.of_videos.append(tokens[0])
            self.videos.append(model.project_video(frame_vectors))
            ids.append(video_id)
        if not ids:
            raise SourceError("none of the benchmark's rows has a readable video file; build it with --videos FOLDER")
        return tuple(ids)

    @torch.inference_mode()
    def read_texts(self, texts: Sequence[str]) -> None:
        model = self.scorer.model
        for start in range(0, len(texts), self.batch_size):
            inputs = self.scorer.processor(text=list(texts[start : start + self.batch_size])).to(model.device)
            hidden = model.encode_text(**inputs)
            self.texts.append(torch.nn.functional.normalize(model.text_proj(hidden[:, 0]).float(), dim=-1))
            self.masks.append(inputs["attention_mask"])
            for one in hidden:
                self.of_texts.append(one)
        self.mask = torch.cat(self.masks)

    @torch.inference_mode()
    def similarity(self) -> np.ndarray:
        """(texts, videos)."""
        return similarity(torch.cat(self.videos), torch.cat(self.texts)).T.cpu().numpy()

    @torch.inference_mode()
    def logits(self, video: int, texts: np.ndarray) -> np.ndarray:
        """The head's logits of a match of one video with some texts."""
        whole: Any = self.scorer.whole
        tokens = self.of_videos[video].to(self.scorer.model.device)
        found = []
        for start in range(0, len(texts), self.batch_size):
            asked = texts[start : start + self.batch_size]
            hidden = torch.stack([self.of_texts[int(text)] for text in asked]).to(tokens.device)
            logits = whole.matching_logits(hidden, self.mask[asked], tokens.expand(len(asked), -1, -1))
            found.append(logits[:, MATCH].float().cpu().numpy())
        return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
