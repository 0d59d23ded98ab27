"""Video-LLaMA's vision branch: tokens of each frame, tokens of the video, a language model that goes on from them.

Assembled from ``Blip2VisionModel``, two ``Blip2QFormerModel`` and a causal language model. The branch that sees is the
student's. Source: Video-LLaMA (arXiv 2306.02858), section 2.1.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from panda_hf.models.student.video_branch import VideoBranch
from panda_hf.models.video_llama.configuration_video_llama import VideoLlamaConfig


class VideoLlamaPreTrainedModel(PreTrainedModel):
    """How the weights are loaded."""

    config_class = VideoLlamaConfig
    base_model_prefix = "video_llama"
    main_input_name = "pixel_values"
    input_modalities = ["video", "text"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Blip2EncoderLayer", "Blip2QFormerLayer", "LlamaDecoderLayer"]
    _keep_in_fp32_modules = ["query_tokens", "video_query_tokens", "qformer", "video_qformer"]


class VideoLlamaForConditionalGeneration(VideoBranch, VideoLlamaPreTrainedModel, GenerationMixin):
    """A video and a prompt in, text out."""

    def __init__(self, config: VideoLlamaConfig) -> None:
        super().__init__(config)
        self.build_video_branch(config.num_video_query_tokens, config.text_config.hidden_size)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.post_init()

    def embed(self, input_ids: Tensor, pixel_values: Tensor | None = None) -> Tensor:
        """Word embeddings (texts, tokens, width) with the videos in the places of ``config.video_token_id``.

        Raises:
            ValueError: when the prompts have another number of places than the videos have tokens.
        """
        place = input_ids == self.config.video_token_id
        words = self.get_input_embeddings()(input_ids.masked_fill(place, 0))
        if pixel_values is None:
            return words
        video = self.get_video_features(pixel_values).to(words)
        if bool((place.sum(dim=1) != video.shape[1]).any()) or len(video) != len(words):
            raise ValueError(
                f"prompts with {place.sum(dim=1).tolist()} places for {len(video)} videos of {video.shape[1]} tokens"
            )
        return words.masked_scatter(place[..., None], video)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Scores of the next words, and the loss where there are labels.

        Args:
            pixel_values: (videos, frames, 3, height, width), normalised.
            input_ids: (videos, tokens), with ``num_video_query_tokens`` places for the video.
            attention_mask: (videos, tokens), 1 for real tokens; ``None``: all are.
            labels: (videos, tokens), -100 where nothing is learned.
            kwargs: for the language model.
        """
        if input_ids is None:
            raise ValueError("VideoLlamaForConditionalGeneration needs input_ids")
        embeds = self.embed(input_ids, pixel_values)
        return self.language_model(inputs_embeds=embeds, attention_mask=attention_mask, labels=labels, **kwargs)

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """New tokens (videos, length) behind the prompts, which must be padded on the left.

        Args:
            pixel_values: as in ``forward``.
            input_ids: as in ``forward``.
            attention_mask: as in ``forward``.
            kwargs: for ``generate`` of the language model.
        """
        if input_ids is None:
            raise ValueError("VideoLlamaForConditionalGeneration.generate needs input_ids")
        embeds = self.embed(input_ids, pixel_values)
        settings = copy.deepcopy(kwargs.pop("generation_config", None) or self.generation_config)
        others = settings.update(**kwargs)  # beside such settings, transformers takes no single ones
        return cast(
            Tensor,
            self.language_model.generate(
                inputs_embeds=embeds, attention_mask=attention_mask, generation_config=settings, **others
            ),
        )
