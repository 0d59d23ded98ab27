"""Video-LLaMA's vision branch: tokens of each frame, tokens of the video, a language model that goes on from them.

Assembled from ``Blip2VisionModel``, two ``Blip2QFormerModel`` and a causal language model; the paper's student has the
same branch. Sources: Video-LLaMA (arXiv 2306.02858), section 2.1, and the key lists of its checkpoints.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, Blip2QFormerModel, Blip2VisionModel, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import CausalLMOutputWithPast

from panda_hf.models.video_llama.configuration_video_llama import VideoLlamaConfig

FRAME_NORM_EPS = 1e-5
"""Of the norm behind the vision tower: the original has a layer of its own there, with torch's default."""


class VideoLlamaPreTrainedModel(PreTrainedModel):
    """How the weights are initialised and loaded."""

    config_class = VideoLlamaConfig
    base_model_prefix = "video_llama"
    main_input_name = "pixel_values"
    input_modalities = ["video", "text"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Blip2EncoderLayer", "Blip2QFormerLayer", "LlamaDecoderLayer"]
    _keep_in_fp32_modules = ["query_tokens", "video_query_tokens", "qformer", "video_qformer"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, VideoLlamaForConditionalGeneration):
            init.normal_(module.query_tokens, std=self.config.initializer_range)
            init.normal_(module.video_query_tokens, std=self.config.initializer_range)


class VideoLlamaForConditionalGeneration(VideoLlamaPreTrainedModel, GenerationMixin):
    """A video and a prompt in, text out."""

    def __init__(self, config: VideoLlamaConfig) -> None:
        super().__init__(config)
        frame_width, video_width = config.qformer_config.hidden_size, config.video_qformer_config.hidden_size
        self.vision_model = Blip2VisionModel(config.vision_config)
        self.vision_model.post_layernorm.eps = FRAME_NORM_EPS
        self.query_tokens = nn.Parameter(torch.zeros(1, config.num_query_tokens, frame_width))
        self.qformer = Blip2QFormerModel(config.qformer_config)
        self.frame_position_embedding = nn.Embedding(config.max_frames, frame_width)
        self.video_query_tokens = nn.Parameter(torch.zeros(1, config.num_video_query_tokens, video_width))
        self.video_qformer = Blip2QFormerModel(config.video_qformer_config)
        self.projection = nn.Linear(video_width, config.text_config.hidden_size)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings of the language model."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the word embeddings of the language model."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The last layer of the language model."""
        return self.language_model.get_output_embeddings()

    def get_video_features(self, pixel_values: Tensor) -> Tensor:
        """Videos as the language model reads them.

        Args:
            pixel_values: (videos, frames, 3, height, width), normalised; at most ``config.max_frames`` frames.

        Returns:
            (videos, num_video_query_tokens, width of the language model).
        """
        videos, frames = pixel_values.shape[:2]
        if frames > self.config.max_frames:
            raise ValueError(f"{frames} frames; this model knows the places of {self.config.max_frames}")
        tokens = self._frame_tokens(pixel_values.flatten(0, 1)).unflatten(0, (videos, frames))
        places = self.frame_position_embedding.weight[:frames, None].to(tokens.dtype)
        queries = self.video_query_tokens.expand(videos, -1, -1)
        video = self.video_qformer(query_embeds=queries, encoder_hidden_states=(tokens + places).flatten(1, 2))
        return self.projection(video.last_hidden_state.to(self.projection.weight.dtype))

    def _frame_tokens(self, frames: Tensor) -> Tensor:
        seen = self.vision_model(pixel_values=frames).last_hidden_state
        queries = self.query_tokens.expand(len(frames), -1, -1)
        return self.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state

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
