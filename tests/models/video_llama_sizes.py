"""A Video-LLaMA of a few thousand weights, and its processor."""

from __future__ import annotations

from pathlib import Path

import torch

from panda_hf.mini.teacher_models import word_tokenizer
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor
from panda_hf.models.video_llama.processing_video_llama import PLACE
from tests.models import small_parts

QFORMER = {**small_parts.QFORMER, "vocab_size": 1}


def tiny_processor(**settings) -> VideoLlamaProcessor:
    tokenizer = word_tokenizer(start=True)
    tokenizer.add_tokens([PLACE], special_tokens=True)
    return VideoLlamaProcessor(tokenizer, image_size=28, num_video_tokens=3, num_frames=4, **settings)


def tiny_config(tokenizer, **settings) -> VideoLlamaConfig:
    return VideoLlamaConfig(
        vision_config={**small_parts.VISION},
        qformer_config={**QFORMER, "num_hidden_layers": 2, "encoder_hidden_size": 44},
        video_qformer_config={
            **QFORMER,
            "num_hidden_layers": 2,
            "encoder_hidden_size": 32,
            "cross_attention_frequency": 1,
        },
        # the place of the video has no word embedding, as in the original
        text_config=small_parts.llama(tokenizer, len(tokenizer) - 1),
        num_query_tokens=4,
        num_video_query_tokens=3,
        max_frames=6,
        video_token_id=tokenizer.convert_tokens_to_ids(PLACE),
        initializer_range=0.3,
        **settings,
    )


def tiny_model(tokenizer) -> VideoLlamaForConditionalGeneration:
    torch.manual_seed(0)
    return VideoLlamaForConditionalGeneration(tiny_config(tokenizer)).eval()


def save(folder: Path) -> Path:
    processor = tiny_processor()
    tiny_model(processor.tokenizer).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
