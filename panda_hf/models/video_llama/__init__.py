"""Video-LLaMA's vision branch from parts that transformers has. Importing it registers it with the auto classes."""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from panda_hf.models.video_llama.configuration_video_llama import VideoLlamaConfig
from panda_hf.models.video_llama.modeling_video_llama import VideoLlamaForConditionalGeneration
from panda_hf.models.video_llama.processing_video_llama import VideoLlamaProcessor

AutoConfig.register(VideoLlamaConfig.model_type, VideoLlamaConfig, exist_ok=True)
AutoModelForImageTextToText.register(VideoLlamaConfig, VideoLlamaForConditionalGeneration, exist_ok=True)
AutoProcessor.register(VideoLlamaConfig, VideoLlamaProcessor, exist_ok=True)

__all__ = ["VideoLlamaConfig", "VideoLlamaForConditionalGeneration", "VideoLlamaProcessor"]
