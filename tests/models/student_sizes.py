"""A student of a few thousand weights, and its processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from panda_hf.mini.teacher_models import word_tokenizer
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor

QFORMER = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "initializer_range": 0.3}


def tiny_processor(**settings: Any) -> PandaStudentProcessor:
    return PandaStudentProcessor(
        word_tokenizer(start=True), **{"image_size": 28, "num_frames": 4, "max_prompt_tokens": 60, **settings}
    )


def tiny_config(**settings: Any) -> PandaStudentConfig:
    tokenizer = word_tokenizer(start=True)
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = {"hidden_size": 44, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    given: dict[str, Any] = {
        "vision_config": {**vision, "image_size": 28, "initializer_range": 0.3},
        "qformer_config": {**QFORMER, "num_hidden_layers": 2},
        "video_qformer_config": {"intermediate_size": 64, "initializer_range": 0.3},
        "text_qformer_config": {"intermediate_size": 64, "num_attention_heads": 4, "initializer_range": 0.3},
        "text_config": text,
        "num_query_tokens": 4,
        "num_video_tokens": 3,
        "max_frames": 6,
        "max_prompt_tokens": 60,
        "initializer_range": 0.3,
    }
    return PandaStudentConfig(**{**given, **settings})


def tiny_model(seed: int = 0, **settings: Any) -> PandaStudentForConditionalGeneration:
    torch.manual_seed(seed)
    return PandaStudentForConditionalGeneration(tiny_config(**settings)).eval()


def frames_of(count: int, *, frames: int = 5) -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (frames, 40, 60, 3), np.uint8) for i in range(count)]


def save(folder: Path, seed: int = 0, **settings: Any) -> Path:
    tiny_model(seed, **settings).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder
