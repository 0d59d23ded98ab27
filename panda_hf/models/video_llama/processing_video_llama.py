"""What a Video-LLaMA eats: frames resized and normalised, prompts with a place for the video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from panda_hf.models.umt.processing_umt import pixel_values

PLACE = "<ImageHere>"
"""Stands in a prompt where the video shall be; a token of its own in the tokenizer."""


class VideoLlamaProcessor(ProcessorMixin):
    """Turn frames and prompts into model inputs, as Video-LLaMA's evaluation does.

    Frames are resized to a square without keeping the aspect and normalised with CLIP's mean and deviation. Prompts
    are padded on the left.

    Args:
        tokenizer: of the language model, with the token ``<ImageHere>``.
        image_size: height and width after resizing, pixels.
        num_frames: frames per video; more are thinned out evenly, of fewer the last is repeated.
        num_video_tokens: places that a video takes in the prompt.
        image_mean, image_std: per channel, for values in [0, 1].
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int = 224,
        num_frames: int = 8,
        num_video_tokens: int = 32,
        image_mean: Sequence[float] = tuple(OPENAI_CLIP_MEAN),
        image_std: Sequence[float] = tuple(OPENAI_CLIP_STD),
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer)
        self.image_size = image_size
        self.num_frames = num_frames
        self.num_video_tokens = num_video_tokens
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def __call__(  # type: ignore[override]
        self, videos: Sequence[np.ndarray], text: Sequence[str], **kwargs: Any
    ) -> BatchFeature:
        """Prepare videos and one prompt for each.

        Args:
            videos: each uint8 (frames, height, width, 3); sizes may differ.
            text: prompts with ``<ImageHere>`` once each.
            kwargs: taken and ignored, since other processors have more arguments.

        Returns:
            ``pixel_values`` (videos, num_frames, 3, image_size, image_size), ``input_ids`` and ``attention_mask``
            (videos, tokens).

        Raises:
            ValueError: when a prompt has no place for its video or several.
        """
        wrong = [prompt for prompt in text if prompt.count(PLACE) != 1]
        if wrong or len(videos) != len(text):
            raise ValueError(
                f"{len(videos)} videos and {len(text)} prompts; {PLACE} must be once in each: {wrong[:1]}"
            )
        prompts = [prompt.replace(PLACE, PLACE * self.num_video_tokens) for prompt in text]
        tokens = self.tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt")
        pixels = torch.stack([self.prepare_video(frames) for frames in videos])
        return BatchFeature(
            {
                "pixel_values": pixels,
                "input_ids": tokens["input_ids"],
                "attention_mask": tokens["attention_mask"],
            }
        )

    def prepare_video(self, frames: np.ndarray) -> torch.Tensor:
        """Frames (n, height, width, 3) uint8 to (num_frames, 3, image_size, image_size) float32.

        Raises:
            ValueError: when ``frames`` is not a non-empty uint8 array of that shape.
        """
        return pixel_values(frames, self.num_frames, self.image_size, self.image_mean, self.image_std)

    @property
    def model_input_names(self) -> list[str]:
        """What the model takes from here."""
        return ["pixel_values", "input_ids", "attention_mask"]
