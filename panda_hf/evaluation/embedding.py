"""Similarities of texts and videos from a retrieval model: a UMT, or any dual encoder of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from datasets import Dataset
from tqdm import tqdm

from panda_hf.captioning.frames import SampleFrames
from panda_hf.errors import CheckpointError, SourceError
from panda_hf.evaluation.captioner import clip_row
from panda_hf.evaluation.sources import model_type_of
from panda_hf.models.checkpoints import resolve
from panda_hf.models.devices import device_of
from panda_hf.schema import CLIP_ROW
from panda_hf.video import unpack_frames


class DualEncoder(Protocol):
    """Texts and videos to vectors whose product is their similarity."""

    @property
    def settings(self) -> dict[str, Any]:
        """How frames are merged, for the results."""

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dim)."""

    def video(self, frames: np.ndarray) -> np.ndarray:
        """(dim,) from uint8 frames (n, height, width, 3)."""


def load_encoder(checkpoint: str, batch_size: int = 32) -> DualEncoder:
    """A retrieval model by ``mini/selector``, a folder or a Hub id.

    Raises:
        CheckpointError: when it cannot be loaded whole, or has no towers for text and pictures.
    """
    if model_type_of(checkpoint) == "umt":
        return _UMT.load(checkpoint, batch_size)
    return _Clip.load(checkpoint, batch_size)


def similarities(
    encoder: DualEncoder, rows: Dataset, texts: Sequence[str], *, num_frames: int = 12
) -> tuple[np.ndarray, list[str]]:
    """Similarities (texts, videos) of all texts with the videos that can be read, and the ids of these videos.

    Args:
        encoder: from :func:`load_encoder`.
        rows: a benchmark with videos.
        texts: the queries.
        num_frames: spread evenly over the whole video.

    Raises:
        SourceError: when no video can be read.
    """
    ids, vectors = [], []
    for video_id, frames in frame_packs(rows, num_frames):
        ids.append(video_id)
        vectors.append(encoder.video(frames))
    if not ids:
        raise SourceError("none of the benchmark's rows has a readable video file; build it with --videos FOLDER")
    return encoder.texts(texts) @ np.stack(vectors).T, ids


def frame_packs(rows: Dataset, num_frames: int) -> Iterator[tuple[str, np.ndarray]]:
    """Id and frames, uint8 (num_frames, height, width, 3), of each video that can be read."""
    if "video" not in rows.column_names:
        raise SourceError("the benchmark has no column `video`; a model needs the videos, or give --similarity FILE")
    stage = SampleFrames(num_frames=num_frames)
    videos = rows.select_columns(["video_id", "video"])
    for row in tqdm(videos, "videos", unit="video", disable=None):
        clip = clip_row(row)
        if clip is None:
            continue
        pack = stage({column: [clip[column]] for column in CLIP_ROW})["frames"][0]
        if pack is not None:
            yield row["video_id"], unpack_frames(pack)


@dataclass(frozen=True)
class _UMT:
    """Mean over frames of the cosine between frame and text, as the official evaluation without re-ranking."""

    model: Any
    processor: Any
    batch_size: int
    settings: dict[str, Any]

    @classmethod
    def load(cls, checkpoint: str, batch_size: int) -> _UMT:
        from panda_hf.selection.scorer import load_scorer

        scorer = load_scorer(checkpoint, None, None, None)
        merged = {"similarity": "mean of the frames' cosines, no re-ranking"}
        return cls(scorer.model, scorer.processor, batch_size, merged)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), self.batch_size):
                inputs = self.processor(text=list(texts[start : start + self.batch_size])).to(self.model.device)
                found.append(self.model.get_text_features(**inputs).float().cpu().numpy())
        return np.concatenate(found)

    def video(self, frames: np.ndarray) -> np.ndarray:
        import torch

        inputs = self.processor(videos=[frames]).to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            return self.model.get_video_features(**inputs)[0].float().mean(dim=0).cpu().numpy()


@dataclass(frozen=True)
class _Clip:
    """Cosine of the text and the mean of the frames, each brought to length 1, as CLIP4Clip's mean pooling."""

    encoder: Any
    settings: dict[str, Any]

    @classmethod
    def load(cls, checkpoint: str, batch_size: int) -> _Clip:
        from panda_hf.metrics.clip_score.clip_score import Encoder

        try:
            encoder = Encoder(resolve(checkpoint), batch_size=batch_size, device=device_of(None))
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"the retrieval model {checkpoint!r} cannot be loaded: {error}") from error
        # Language models with eyes have feature methods too; only what was trained to compare has a temperature.
        if not (hasattr(encoder.model, "logit_scale") or hasattr(encoder.model, "temperature")):
            raise CheckpointError(
                f"{checkpoint!r} is a {type(encoder.model).__name__}, which does not compare texts with pictures; "
                f"give a UMT or a model such as CLIP or SigLIP"
            )
        return cls(encoder, {"similarity": "cosine with the mean of the frames' unit vectors"})

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        return _unit(self.encoder.texts(list(texts)))

    def video(self, frames: np.ndarray) -> np.ndarray:
        return _unit(_unit(self.encoder.images(list(frames))).mean(axis=0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
