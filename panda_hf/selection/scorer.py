"""A loaded selector: frames and captions in, matching scores out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.devices import device_of
from panda_hf.models.release import kept
from panda_hf.models.umt import UMTModel, UMTProcessor


@dataclass(frozen=True)
class Scorer:
    """A retrieval model with its processor, on one device."""

    model: UMTModel
    processor: UMTProcessor

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray, captions: Sequence[str]) -> list[float]:
        """Matching scores in [-1, 1], one per caption; the video is encoded once.

        Args:
            frames: uint8 (n, height, width, 3) of one clip.
            captions: at least one.

        Raises:
            ValueError: when a score is not a number, which only broken weights give.
        """
        inputs = self.processor(videos=[frames], text=captions).to(self.model.device, self.model.dtype)
        scores = self.model(**inputs).similarity[0].float().tolist()
        if not np.isfinite(scores).all():
            raise ValueError(f"the selector's scores {scores} are not numbers; its weights are broken")
        return scores


def load_scorer(checkpoint: str, revision: str | None, num_frames: int | None, rank: int | None) -> Scorer:
    """A scorer, kept for the life of the process.

    Args:
        checkpoint: ``mini/...``, a folder or a Hub id.
        revision: branch, tag or commit of a Hub checkpoint; ``None``: ``main``.
        num_frames: frames per clip, ``None``: as the checkpoint's processor says.
        rank: index of the worker process, which picks the GPU.

    Raises:
        CheckpointError: when the checkpoint is missing or does not hold every weight of the model.
    """
    return _load(checkpoint, revision or "main", num_frames, device_of(rank))


@kept
def _load(checkpoint: str, revision: str, num_frames: int | None, device: str) -> Scorer:
    folder = resolve(checkpoint)
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    try:
        loaded: Any = UMTModel.from_pretrained(
            folder, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        processor = UMTProcessor.from_pretrained(folder, revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the selector {checkpoint!r} cannot be loaded: {error}. It must be a folder or Hub id with config.json, "
            f"model.safetensors and processor_config.json of a UMTModel."
        ) from error
    model, info = loaded
    _refuse_partial(checkpoint, info)
    if num_frames is not None:
        processor.num_frames = num_frames
    return Scorer(model.to(device).eval(), processor)


def _refuse_partial(checkpoint: str, info: dict) -> None:
    """Weights that were not in the checkpoint are random numbers: scores would look like scores and mean nothing."""
    faults = {kind: sorted(map(str, info[kind])) for kind in ("missing_keys", "mismatched_keys") if info.get(kind)}
    if faults:
        raise CheckpointError(
            f"the selector {checkpoint!r} is incomplete: {faults}. Convert or save the whole UMTModel again."
        )
