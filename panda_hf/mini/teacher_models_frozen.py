"""The miniature teachers that look through eyes made before them: Video-LLaMA and InstructBLIP, small, untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from torch import nn
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
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor
from panda_hf.models.video_llama.processing_video_llama import PLACE

FRAMES = 8
WIDTH = 128
"""Of the Q-Formers that are new."""
VIDEO_QUERIES, IMAGE_QUERIES = 16, 12


def video_llama_teacher(eyes: Path) -> Pair:
    """Video-LLaMA: eight frames of 112 pixels through the frozen eyes of a BLIP-2, a second Q-Former, a small Llama.

    Args:
        eyes: the checkpoint whose vision tower, Q-Former and queries are taken.
    """
    seeing: Any = Blip2ForConditionalGeneration.from_pretrained(eyes, dtype=torch.float32)
    tokenizer = word_tokenizer((*speech.TEXT_VOCABULARY, *_conversation_words()), start=True, times=True)
    tokenizer.add_tokens([AddedToken(PLACE, normalized=False, special=True)], special_tokens=True)
    config = VideoLlamaConfig(
        vision_config=seeing.config.vision_config.to_dict(),
        qformer_config=seeing.config.qformer_config.to_dict(),
        video_qformer_config=_qformer(seeing.config.qformer_config.hidden_size, vocab_size=1),
        text_config=small_llama(tokenizer).to_dict(),
        num_query_tokens=seeing.config.num_query_tokens,
        num_video_query_tokens=VIDEO_QUERIES,
        max_frames=FRAMES,
        video_token_id=int(tokenizer.vocab[PLACE]),
        initializer_range=SPREAD,
    )
    model = VideoLlamaForConditionalGeneration(config)
    _copy_eyes(seeing, model)
    nn.init.normal_(model.video_query_tokens, std=1.0)
    nn.init.normal_(model.frame_position_embedding.weight, std=0.5)
    processor = VideoLlamaProcessor(
        tokenizer,
        image_size=IMAGE_SIZE,
        num_frames=FRAMES,
        num_video_tokens=VIDEO_QUERIES,
        image_mean=MEAN,
        image_std=STD,
    )
    return model, processor


def continued_video_llama(checkpoint: Path) -> Pair:
    """A Video-LLaMA that was trained before, to go on; its eyes stay frozen."""
    model = VideoLlamaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    _freeze_eyes(model)
    return model, VideoLlamaProcessor.from_pretrained(checkpoint)


def instructblip_teacher(eyes: Path) -> Pair:
    """InstructBLIP: one frame through the frozen vision tower of a BLIP-2; its Q-Former reads the instruction too.

    Args:
        eyes: the checkpoint whose vision tower is taken, and its Q-Former as far as it goes.
    """
    seeing: Any = Blip2ForConditionalGeneration.from_pretrained(eyes, dtype=torch.float32)
    tokenizer = word_tokenizer(speech.TEXT_VOCABULARY, start=True)
    vision = seeing.config.vision_config
    config = InstructBlipConfig(
        vision_config={**vision.to_dict(), "model_type": "instructblip_vision_model"},
        qformer_config=_qformer(vision.hidden_size, vocab_size=len(tokenizer), max_position_embeddings=256),
        text_config=small_llama(tokenizer).to_dict(),
        num_query_tokens=IMAGE_QUERIES,
        image_token_index=image_id(tokenizer),
        initializer_range=SPREAD,
    )
    model = InstructBlipForConditionalGeneration(config)
    model.vision_model.load_state_dict(seeing.vision_model.state_dict())
    model.vision_model.requires_grad_(False)
    nn.init.normal_(model.query_tokens, std=1.0)
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, image_mean=MEAN, image_std=STD)
    reads = word_tokenizer(speech.TEXT_VOCABULARY)
    return model, InstructBlipProcessor(images, tokenizer, reads, num_query_tokens=IMAGE_QUERIES)


def _copy_eyes(seeing: Any, model: Any) -> None:
    model.vision_model.load_state_dict(seeing.vision_model.state_dict())
    model.qformer.load_state_dict(seeing.qformer.state_dict())
    model.query_tokens.data.copy_(seeing.query_tokens.data)
    _freeze_eyes(model)


def _freeze_eyes(model: Any) -> None:
    for part in (model.vision_model, model.qformer, model.query_tokens):
        part.requires_grad_(False)


def _qformer(reads: int, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "encoder_hidden_size": reads,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
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
