"""The settings of a Video-LLaMA: BLIP-2's eyes, a Q-Former over the frames, any causal language model."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, Blip2QFormerConfig, Blip2VisionConfig, PreTrainedConfig

from panda_hf.models.student.configuration_student import built, language_config

VIDEO_QFORMER_DEFAULTS = {"num_hidden_layers": 2, "cross_attention_frequency": 1, "encoder_hidden_size": 768}
"""What makes a ``Blip2QFormerModel`` the second Q-Former of Video-LLaMA: cross-attention to frames in both layers."""


class VideoLlamaConfig(PreTrainedConfig):
    """Settings of a :class:`VideoLlamaForConditionalGeneration`.

    The defaults are the sizes of Video-LLaMA-7B: ViT-G/14 at 224 pixels, a Q-Former of 12 layers with 32 queries, a
    second one of 2 layers with 32 queries over up to 32 frames, Llama of 7 billion parameters.
    """

    model_type = "video_llama"
    sub_configs = {
        "vision_config": Blip2VisionConfig,
        "qformer_config": Blip2QFormerConfig,
        "video_qformer_config": Blip2QFormerConfig,
        "text_config": AutoConfig,
    }  # type: ignore[assignment]

    vision_config: Any = None
    qformer_config: Any = None
    video_qformer_config: Any = None
    text_config: Any = None
    num_query_tokens: int = 32
    """Tokens per frame, out of the first Q-Former."""
    num_video_query_tokens: int = 32
    """Tokens per video, out of the second."""
    max_frames: int = 32
    """Length of the table of frame positions."""
    video_token_id: int = 32000
    """The token in whose places the language model gets the video."""
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        """Build the settings of the parts from dictionaries."""
        self.vision_config = built(self.vision_config, Blip2VisionConfig)
        self.qformer_config = built(self.qformer_config, Blip2QFormerConfig)
        self.video_qformer_config = built(self.video_qformer_config, Blip2QFormerConfig, VIDEO_QFORMER_DEFAULTS)
        self.text_config = language_config(self.text_config)
        if self.video_qformer_config.encoder_hidden_size != self.qformer_config.hidden_size:
            raise ValueError(
                f"video_qformer_config.encoder_hidden_size={self.video_qformer_config.encoder_hidden_size}: it reads "
                f"what the first Q-Former writes, so it must be {self.qformer_config.hidden_size}"
            )
        super().__post_init__(**kwargs)
