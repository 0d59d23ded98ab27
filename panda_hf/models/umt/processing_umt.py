"""What a UMT model eats: frames resized and normalised, captions cleaned and tokenised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

_DELETED = re.compile(r"[,.'!?\"()*#:;~]")
_BLANKED = re.compile(r"[-/\s]+")


class UMTProcessor(ProcessorMixin):
    """Turn frames and captions into model inputs, as UMT's evaluation does.

    Frames are resized to a square without keeping the aspect (bicubic), divided by 255 and normalised with the mean
    and deviation of ImageNet. Of more frames than ``num_frames`` the middle of equal intervals are taken; fewer are
    padded by repeating the last.

    Args:
        tokenizer: a BERT tokenizer.
        image_size: height and width after resizing, pixels.
        num_frames: frames per video.
        max_length: tokens per caption; shorter ones are padded, longer ones cut.
        image_mean, image_std: per channel, for values in [0, 1].

    Example::

        inputs = processor(videos=[frames], text=["a red ball rolls to the left"])   # frames: uint8 (n, h, w, 3)
        model(**inputs).similarity                                                    # (1, 1)
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int = 224,
        num_frames: int = 12,
        max_length: int = 32,
        image_mean: Sequence[float] = tuple(IMAGENET_DEFAULT_MEAN),
        image_std: Sequence[float] = tuple(IMAGENET_DEFAULT_STD),
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer)
        self.image_size = image_size
        self.num_frames = num_frames
        self.max_length = max_length
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def __call__(  # type: ignore[override]
        self,
        videos: Sequence[np.ndarray] | None = None,
        text: Sequence[str] | None = None,
    ) -> BatchFeature:
        """Prepare videos, captions, or both.

        Args:
            videos: each uint8 (frames, height, width, 3); sizes may differ.
            text: captions.

        Returns:
            ``pixel_values`` (videos, num_frames, 3, image_size, image_size); ``input_ids`` and ``attention_mask``
            (texts, max_length).
        """
        data: dict[str, Any] = {}
        if videos is not None:
            data["pixel_values"] = torch.stack([self.prepare_video(frames) for frames in videos])
        if text is not None:
            data.update(self.prepare_text(text))
        return BatchFeature(data)

    def prepare_video(self, frames: np.ndarray) -> torch.Tensor:
        """Frames (n, height, width, 3) uint8 to (num_frames, 3, image_size, image_size) float32.

        Raises:
            ValueError: when ``frames`` is not a non-empty uint8 array of that shape.
        """
        return pixel_values(frames, self.num_frames, self.image_size, self.image_mean, self.image_std)

    def prepare_text(self, text: Sequence[str]) -> dict[str, torch.Tensor]:
        """Captions to ``input_ids`` and ``attention_mask`` (texts, max_length); padding is always to the full
        length, so that a caption's score does not depend on its neighbours."""
        tokens = self.tokenizer(
            [clean_text(caption) for caption in text],
            padding="max_length",
            truncation=True,
            max_length=self.max_length,
            return_token_type_ids=False,
        )  # lists are of one length here, and faster made into tensors than by the tokenizer
        return {name: torch.tensor(tokens[name]) for name in ("input_ids", "attention_mask")}

    @property
    def model_input_names(self) -> list[str]:
        """What the model takes from here."""
        return ["pixel_values", "input_ids", "attention_mask"]


def pixel_values(
    frames: np.ndarray, num_frames: int, size: int, mean: Sequence[float], std: Sequence[float]
) -> torch.Tensor:
    """Frames picked, resized and normalised, as UMT and Video-LLaMA see a video.

    Args:
        frames: uint8 (n, height, width, 3).
        num_frames: see :func:`pick_frames`.
        size: height and width after resizing, pixels.
        mean, std: per channel, for values in [0, 1].

    Returns:
        float32 (num_frames, 3, size, size).

    Raises:
        ValueError: when ``frames`` is not a non-empty uint8 array of that shape.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        raise ValueError(
            f"frames must be uint8 of shape (n > 0, height, width, 3), got {frames.dtype} of shape {frames.shape}"
        )
    pixels = _squares([frames[i] for i in pick_frames(len(frames), num_frames)], size)
    return pixels.div_(255).sub_(torch.tensor(mean).view(3, 1, 1)).div_(torch.tensor(std).view(3, 1, 1))


def resize_frames(frames: np.ndarray, size: int) -> np.ndarray:
    """Frames uint8 (n, height, width, 3) as squares of ``size`` pixels, bicubic, the aspect not kept, again uint8."""
    if frames.shape[1:3] == (size, size):
        return np.ascontiguousarray(frames)
    return _squares(frames, size).byte().permute(0, 2, 3, 1).contiguous().numpy()


def _squares(frames: Sequence[np.ndarray] | np.ndarray, size: int) -> torch.Tensor:
    """Frames uint8 (height, width, 3) resized, float32 (n, 3, size, size) of whole numbers in [0, 255].

    One at a time: a frame as float32 then stays in the CPU's cache until it is resized.
    """
    squares = torch.empty(len(frames), 3, size, size)
    for square, frame in zip(squares, frames, strict=True):
        pixels = torch.from_numpy(frame.astype(np.float32, order="C")).permute(2, 0, 1)
        if pixels.shape[1:] != square.shape[1:]:
            resized = F.interpolate(pixels[None], (size, size), mode="bicubic", antialias=True)
            pixels = resized[0].round_().clamp_(0, 255)
        square.copy_(pixels)
    return squares


def pick_frames(available: int, wanted: int) -> list[int]:
    """Indices of ``wanted`` frames: the middle of equal intervals; the last is repeated where there are too few."""
    if available <= wanted:
        return [min(i, available - 1) for i in range(wanted)]
    return [int((i + 0.5) * available / wanted) for i in range(wanted)]


def clean_text(caption: str) -> str:
    """Lower case, without ``, . ' ! ? " ( ) * # : ; ~``, hyphens and slashes as blanks, single blanks."""
    return _BLANKED.sub(" ", _DELETED.sub("", caption.lower())).strip()
