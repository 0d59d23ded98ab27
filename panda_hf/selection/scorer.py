"""A loaded selector: frames and captions in, matching scores out, by similarity and by the matching head."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoConfig, BatchFeature

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.devices import device_of
from panda_hf.models.release import kept
from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTModel, UMTProcessor
from panda_hf.models.umt.modeling_umt import similarity
from panda_hf.models.umt.retrieval_umt import MATCH
from panda_hf.selection.sanity import check_sanity, sanity_set

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scorer:
    """A retrieval model with its processor, on one device."""

    model: UMTModel
    """The towers."""
    processor: UMTProcessor
    whole: UMTForVideoTextRetrieval | None = None
    """The model that the towers are part of, where the matching head was asked for."""

    def prepare(self, frames: np.ndarray, captions: Sequence[str]) -> BatchFeature:
        """A clip and its captions as the towers take them, on the CPU.

        Args:
            frames: uint8 (n, height, width, 3).
            captions: any number.

        Raises:
            ValueError: when the frames are not such an array.
        """
        inputs = self.processor(text=captions) if captions else BatchFeature()
        inputs["pixel_values"] = self.processor.prepare_video(frames)[None]
        return inputs

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray | BatchFeature, captions: Sequence[str]) -> list[float]:
        """Matching scores in [-1, 1], one per caption; the video is encoded once.

        Args:
            frames: uint8 (n, height, width, 3) of one clip, or what :meth:`prepare` made of them and the captions.
            captions: at least one.

        Raises:
            ValueError: when a score is not a number, which only broken weights give.
        """
        inputs = self._inputs(frames, captions)
        return _numbers(self.model(**inputs).similarity[0])

    @torch.inference_mode()
    def with_head(
        self, frames: np.ndarray | BatchFeature, captions: Sequence[str], top: int | None = None
    ) -> tuple[list[float], list[float | None]]:
        """Matching scores, and the matching head's logits of a match; the video is encoded once for all of them.

        Args:
            frames: as of :meth:`__call__`.
            captions: at least one.
            top: the head looks at so many, those with the highest matching scores; the others have ``None``.
                ``None``: at all.

        Raises:
            ValueError: when a score is not a number.
        """
        whole = cast(UMTForVideoTextRetrieval, self.whole)
        inputs = self._inputs(frames, captions)
        tokens, frame_vectors = self.model.encode_video(inputs["pixel_values"])
        mask = inputs["attention_mask"]
        hidden = self.model.encode_text(inputs["input_ids"], mask)
        texts = F.normalize(self.model.text_proj(hidden[:, 0]).float(), dim=-1)
        scores = _numbers(similarity(self.model.project_video(frame_vectors), texts)[0])
        looked = sorted(range(len(scores)), key=lambda i: -scores[i])[:top]
        logits = whole.matching_logits(hidden[looked], mask[looked], tokens.expand(len(looked), -1, -1))
        head: list[float | None] = [None] * len(scores)
        for i, logit in zip(looked, _numbers(logits[:, MATCH]), strict=True):
            head[i] = logit
        return scores, head

    def _inputs(self, frames: np.ndarray | BatchFeature, captions: Sequence[str]) -> BatchFeature:
        inputs = self.prepare(frames, captions) if isinstance(frames, np.ndarray) else frames
        if len(inputs["input_ids"]) != len(captions):
            raise ValueError(f"{len(captions)} captions to score, but {len(inputs['input_ids'])} were prepared")
        return inputs.to(self.model.device, self.model.dtype)


def _numbers(scores: torch.Tensor) -> list[float]:
    found = scores.float().tolist()
    if not np.isfinite(found).all():
        raise ValueError(f"the selector's scores {found} are not numbers; its weights are broken")
    return found


def load_scorer(
    checkpoint: str,
    revision: str | None,
    num_frames: int | None,
    rank: int | None,
    *,
    head: bool = False,
    sanity: bool = True,
) -> Scorer:
    """A scorer, kept for the life of the process.

    Args:
        checkpoint: ``mini/...``, a folder or a Hub id.
        revision: branch, tag or commit of a Hub checkpoint; ``None``: ``main``.
        num_frames: frames per clip, ``None``: as the checkpoint's processor says.
        rank: index of the worker process, which picks the GPU.
        head: also load fusion layers and matching head.
        sanity: refuse a selector that is at chance on the sanity set of its preset, where there is one.

    Raises:
        CheckpointError: when the checkpoint is missing, does not hold every weight of the model, has no matching head
            where one is asked for, or is no better than chance.
    """
    return _load(checkpoint, revision or "main", num_frames, device_of(rank), head, sanity)


@kept
def _load(checkpoint: str, revision: str, num_frames: int | None, device: str, head: bool, sanity: bool) -> Scorer:
    if head:
        require_head(checkpoint, revision)
    folder = resolve(checkpoint)
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    kind: Any = UMTForVideoTextRetrieval if head else UMTModel
    try:
        loaded: Any = kind.from_pretrained(
            folder, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        processor = UMTProcessor.from_pretrained(folder, revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the selector {checkpoint!r} cannot be loaded: {error}. It must be a folder or Hub id with config.json, "
            f"model.safetensors and processor_config.json of a {kind.__name__}."
        ) from error
    model, info = loaded
    _refuse_partial(checkpoint, info)
    model.to(device).eval()
    scorer = Scorer(model.umt, processor, model) if head else Scorer(model, processor)
    _refuse_chance(checkpoint, scorer, sanity)
    if num_frames is not None:
        processor.num_frames = num_frames
    return scorer


def require_head(checkpoint: str, revision: str | None = None) -> None:
    """Refuse a checkpoint without matching head; only its ``config.json`` is read.

    Raises:
        CheckpointError: also when there is no such checkpoint.
    """
    kinds = _architectures(checkpoint, revision or "main")
    if UMTForVideoTextRetrieval.__name__ not in kinds:
        raise CheckpointError(
            f"the selector {checkpoint!r} is a {' or '.join(kinds) or 'checkpoint of an unstated kind'} without "
            f"matching head and cannot re-rank; choose by similarity (rerank=None), or give a checkpoint of a "
            f"{UMTForVideoTextRetrieval.__name__}, such as `panda-hf selector convert` makes"
        )


@functools.cache
def _architectures(checkpoint: str, revision: str) -> tuple[str, ...]:
    try:
        config = AutoConfig.from_pretrained(resolve(checkpoint), revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the selector {checkpoint!r} cannot be loaded: {error}") from error
    return tuple(config.architectures or ())


def _refuse_partial(checkpoint: str, info: dict) -> None:
    """Weights that were not in the checkpoint are random numbers: scores would look like scores and mean nothing."""
    faults = {kind: sorted(map(str, info[kind])) for kind in ("missing_keys", "mismatched_keys") if info.get(kind)}
    if faults:
        raise CheckpointError(
            f"the selector {checkpoint!r} is incomplete: {faults}. Convert or save the whole model again."
        )


def _refuse_chance(checkpoint: str, scorer: Scorer, sanity: bool) -> None:
    known = sanity_set(checkpoint)
    if known is None:
        log.warning("%s has no sanity set: nobody checked that its scores are better than chance", checkpoint)
    elif sanity:
        check_sanity(scorer, known, checkpoint)
