"""A student of a few thousand weights, and its processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from panda_hf.mini.teacher_models import word_tokenizer
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor
from tests.models.small_parts import QFORMER, VISION, llama


def tiny_processor(**settings: Any) -> PandaStudentProcessor:
    return PandaStudentProcessor(
        word_tokenizer(start=True), **{"image_size": 28, "num_frames": 4, "max_prompt_tokens": 60, **settings}
    )


def tiny_config(**settings: Any) -> PandaStudentConfig:
    tokenizer = word_tokenizer(start=True)
    given: dict[str, Any] = {
        "vision_config": {**VISION},
        "qformer_config": {**QFORMER, "num_hidden_layers": 2},
        "video_qformer_config": {"intermediate_size": 64, "initializer_range": 0.3},
        "text_qformer_config": {"intermediate_size": 64, "num_attention_heads": 4, "initializer_range": 0.3},
        "text_config": llama(tokenizer, len(tokenizer)),
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
