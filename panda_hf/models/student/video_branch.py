"""From frames to the tokens that a language model reads of a video: the branch of Video-LLaMA and of the student.

Sources: Video-LLaMA (arXiv 2306.02858), section 2.1, and the key lists of its checkpoints.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Blip2QFormerModel, Blip2VisionModel
from transformers import initialization as init

FRAME_NORM_EPS = 1e-5
"""Of the norm behind the vision tower: the original has a layer of its own there, with torch's default."""


class FrameNorm(nn.LayerNorm):
    """The norm behind the vision tower, computed in float32 whatever the tower computes in, as in the original."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last dimension; float32."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.layer_norm(input.float(), self.normalized_shape, weight, bias, self.eps)


class VideoBranch:
    """What a model adds to itself to see videos: a vision tower, a Q-Former per frame, one over the frames.

    Stands before a ``PreTrainedModel`` that keeps its words in ``language_model``; its configuration has
    ``vision_config``, ``qformer_config``, ``video_qformer_config``, ``num_query_tokens`` and ``max_frames``.
    """

    config: Any
    language_model: Any

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)  # type: ignore[misc]
        if isinstance(module, VideoBranch):
            init.normal_(module.query_tokens, std=self.config.initializer_range)
            init.normal_(module.video_query_tokens, std=self.config.initializer_range)

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings of the language model."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the word embeddings of the language model."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The last layer of the language model."""
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the last layer of the language model."""
        self.language_model.set_output_embeddings(new_embeddings)

    def build_video_branch(self, num_video_tokens: int, width: int) -> None:
        """Make the parts; call it in ``__init__``.

        Args:
            num_video_tokens: tokens per video.
            width: of the language model's word embeddings.
        """
        config = self.config
        frame_width, video_width = config.qformer_config.hidden_size, config.video_qformer_config.hidden_size
        self.vision_model = Blip2VisionModel(config.vision_config)
        self.vision_model.post_layernorm = FrameNorm(config.vision_config.hidden_size, eps=FRAME_NORM_EPS)
        self.query_tokens = _queries(config.num_query_tokens, frame_width)
        self.qformer = Blip2QFormerModel(config.qformer_config)
        self.frame_position_embedding = nn.Embedding(config.max_frames, frame_width)
        self.video_query_tokens = _queries(num_video_tokens, video_width)
        self.video_qformer = Blip2QFormerModel(config.video_qformer_config)
        self.projection = nn.Linear(video_width, width)

    def get_video_features(self, pixel_values: Tensor) -> Tensor:
        """Videos as the language model reads them.

        Args:
            pixel_values: (videos, frames, 3, height, width), normalised; at most ``config.max_frames`` frames.

        Returns:
            (videos, tokens per video, width of the language model).
        """
        videos, frames = pixel_values.shape[:2]
        if frames > self.config.max_frames:
            raise ValueError(f"{frames} frames; this model knows the places of {self.config.max_frames}")
        tokens = self.get_frame_features(pixel_values.flatten(0, 1)).unflatten(0, (videos, frames))
        places = self.frame_position_embedding.weight[:frames, None].to(tokens.dtype)
        queries = self.video_query_tokens.expand(videos, -1, -1)
        video = self.video_qformer(query_embeds=queries, encoder_hidden_states=(tokens + places).flatten(1, 2))
        return self.projection(video.last_hidden_state.to(self.projection.weight.dtype))

    def get_frame_features(self, frames: Tensor) -> Tensor:
        """Tokens (frames, num_query_tokens, width) of single frames (frames, 3, height, width)."""
        seen = self.vision_model(pixel_values=frames).last_hidden_state
        queries = self.query_tokens.expand(len(frames), -1, -1)
        return self.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state


def _queries(count: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, count, width))
