"""The miniature teachers that look through eyes made before them: Video-LLaMA and InstructBLIP, small, untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken
from transformers import (
    Blip2ForConditionalGeneration,
    BlipImageProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    LlavaConfig,
)

from panda_hf.captioning.teachers import video_llama as conversation
from panda_hf.mini import speech
from panda_hf.mini.teacher_models import (
    IMAGE_SIZE,
    MEAN,
    SPREAD,
    STD,
    VIDEO_SIZE,
    Pair,
    image_id,
    small_llama,
    word_tokenizer,
)
from panda_hf.mini.teacher_warmth import look_around, take_image_queries, take_tongue, take_vision, take_words
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor
from panda_hf.models.video_llama.processing_video_llama import PLACE

FRAMES = 8
QFORMER_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


def video_llama_teacher(eyes: Path, frames: NDArray[np.uint8]) -> Pair:
    """Video-LLaMA: eight frames of 72 pixels through a frozen vision tower, two Q-Formers, a small Llama.

    Args:
        eyes: a LLaVA whose vision tower and Llama it starts from.
        frames: some videos (videos, 8, 72, 72, 3), to see what is usual.
    """
    tokenizer = word_tokenizer((*speech.TEXT_VOCABULARY, *_conversation_words()), start=True, times=True)
    tokenizer.add_tokens([AddedToken(PLACE, normalized=False, special=True)], special_tokens=True)
    seeing = LlavaConfig.from_pretrained(eyes)
    config = _video_llama_config(seeing, tokenizer)
    model = VideoLlamaForConditionalGeneration(config)
    processor = VideoLlamaProcessor(
        tokenizer,
        image_size=VIDEO_SIZE,
        num_frames=FRAMES,
        num_video_tokens=config.num_video_query_tokens,
        image_mean=MEAN,
        image_std=STD,
    )
    videos = torch.stack([processor.prepare_video(video) for video in frames])
    take_vision(model.vision_model, eyes)
    look_around(model, videos)
    take_tongue(model, videos, eyes)
    take_words(model.language_model, tokenizer, eyes)
    model.vision_model.requires_grad_(False)
    return model, processor


def _video_llama_config(seeing: Any, tokenizer: Any) -> VideoLlamaConfig:
    vision, patches = seeing.vision_config, (VIDEO_SIZE // seeing.vision_config.patch_size) ** 2
    kept = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
    qformer = _qformer(
        vision.hidden_size, hidden_size=vision.hidden_size, num_attention_heads=4, intermediate_size=256, vocab_size=1
    )
    return VideoLlamaConfig(
        vision_config={**{name: getattr(vision, name) for name in kept}, "hidden_act": vision.hidden_act},
        qformer_config={**qformer, "num_hidden_layers": 1},
        video_qformer_config=qformer,
        text_config=small_llama(tokenizer).to_dict(),
        num_query_tokens=patches,
        num_video_query_tokens=2 * patches,
        max_frames=FRAMES,
        video_token_id=int(tokenizer.vocab[PLACE]),
        initializer_range=SPREAD,
    )


def continued_video_llama(checkpoint: Path) -> Pair:
    """A Video-LLaMA that was trained before, to go on; its vision tower stays frozen."""
    model = VideoLlamaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    model.vision_model.requires_grad_(False)
    return model, VideoLlamaProcessor.from_pretrained(checkpoint)


def instructblip_teacher(eyes: Path, words: Path) -> Pair:
    """InstructBLIP: one frame through the frozen vision tower of a BLIP-2; its Q-Former reads the instruction too.

    Args:
        eyes: the checkpoint whose vision tower is taken, and its Q-Former as far as it goes.
    """
    seeing: Any = Blip2ForConditionalGeneration.from_pretrained(eyes, dtype=torch.float32)
    tokenizer = word_tokenizer(speech.TEXT_VOCABULARY, start=True)
    vision = seeing.config.vision_config
    config = InstructBlipConfig(
        vision_config={**vision.to_dict(), "model_type": "instructblip_vision_model"},
        qformer_config=_qformer(
            vision.hidden_size,
            vocab_size=len(tokenizer),
            max_position_embeddings=256,
            **{name: getattr(seeing.config.qformer_config, name) for name in QFORMER_SIZES},
        ),
        text_config=small_llama(tokenizer).to_dict(),
        num_query_tokens=seeing.config.num_query_tokens,
        image_token_index=image_id(tokenizer),
        initializer_range=SPREAD,
    )
    model = InstructBlipForConditionalGeneration(config)
    model.vision_model.load_state_dict(seeing.vision_model.state_dict())
    model.vision_model.requires_grad_(False)
    take_image_queries(model, seeing)
    take_words(model.language_model, tokenizer, words)
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, image_mean=MEAN, image_std=STD)
    reads = word_tokenizer(speech.TEXT_VOCABULARY)
    return model, InstructBlipProcessor(images, tokenizer, reads, num_query_tokens=seeing.config.num_query_tokens)


def _qformer(reads: int, **more: Any) -> dict[str, Any]:
    return {
        "encoder_hidden_size": reads,
        "num_hidden_layers": 2,
        "cross_attention_frequency": 1,
        "initializer_range": SPREAD,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        **more,
    }


def _conversation_words() -> tuple[str, ...]:
    """The words of a turn of Video-LLaMA."""
    words = " ".join(conversation.WORDING).lower().replace("{count}", "").replace("{times}", "")
    letters = "".join(c if c.isalnum() else " " for c in words)
    return (*letters.split(), str(FRAMES))
