"""The miniature teachers that look through eyes made before them: Video-LLaMA and InstructBLIP, small, untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken
from transformers import (
    Blip2ForConditionalGeneration,
    BlipImageProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)

from panda_hf.captioning.teachers import video_llama as conversation
from panda_hf.mini import speech
from panda_hf.mini.teacher_models import (
    IMAGE_SIZE,
    MEAN,
    SPREAD,
    STD,
    Pair,
    image_id,
    small_llama,
    word_tokenizer,
)
from panda_hf.mini.teacher_warmth import look_twice, take_image_queries, take_words
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor
from panda_hf.models.video_llama.processing_video_llama import PLACE

FRAMES = 8


def video_llama_teacher(eyes: Path, words: Path, usual: np.ndarray) -> Pair:
    """Video-LLaMA: eight frames of 112 pixels through the frozen eyes of a BLIP-2, a second Q-Former, a small Llama.

    Args:
        eyes: the checkpoint whose vision tower, Q-Former and queries are taken.
        words: the checkpoint whose Llama is taken.
        usual: the mean token of each query of the eyes (queries, width).
    """
    seeing: Any = Blip2ForConditionalGeneration.from_pretrained(eyes, dtype=torch.float32)
    tokenizer = word_tokenizer((*speech.TEXT_VOCABULARY, *_conversation_words()), start=True, times=True)
    tokenizer.add_tokens([AddedToken(PLACE, normalized=False, special=True)], special_tokens=True)
    config = VideoLlamaConfig(
        vision_config=seeing.config.vision_config.to_dict(),
        qformer_config=seeing.config.qformer_config.to_dict(),
        video_qformer_config=_qformer(seeing.config, vocab_size=1),
        text_config=small_llama(tokenizer).to_dict(),
        num_query_tokens=seeing.config.num_query_tokens,
        num_video_query_tokens=2 * seeing.config.num_query_tokens,
        max_frames=FRAMES,
        video_token_id=int(tokenizer.vocab[PLACE]),
        initializer_range=SPREAD,
    )
    model = VideoLlamaForConditionalGeneration(config)
    _copy_eyes(seeing, model)
    look_twice(model, FRAMES, usual)
    take_words(model.language_model, tokenizer, words)
    processor = VideoLlamaProcessor(
        tokenizer,
        image_size=IMAGE_SIZE,
        num_frames=FRAMES,
        num_video_tokens=config.num_video_query_tokens,
        image_mean=MEAN,
        image_std=STD,
    )
    return model, processor


def continued_video_llama(checkpoint: Path) -> Pair:
    """A Video-LLaMA that was trained before, to go on; its eyes stay frozen."""
    model = VideoLlamaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    _freeze_eyes(model)
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
        qformer_config=_qformer(seeing.config, vocab_size=len(tokenizer), max_position_embeddings=256),
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


def _copy_eyes(seeing: Any, model: Any) -> None:
    model.vision_model.load_state_dict(seeing.vision_model.state_dict())
    model.qformer.load_state_dict(seeing.qformer.state_dict())
    model.query_tokens.data.copy_(seeing.query_tokens.data)
    _freeze_eyes(model)


def _freeze_eyes(model: Any) -> None:
    for part in (model.vision_model, model.qformer, model.query_tokens):
        part.requires_grad_(False)


def _qformer(seeing: Any, **more: Any) -> dict[str, Any]:
    """The sizes of the Q-Former of a BLIP-2, reading what is as wide as itself."""
    kept = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "cross_attention_frequency",
    )
    return {
        **{name: getattr(seeing.qformer_config, name) for name in kept},
        "cross_attention_frequency": 1,
        "encoder_hidden_size": seeing.qformer_config.hidden_size,
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
