"""Tiny models of the real classes with random weights, saved as a user's checkpoints would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from panda_hf.captioning.teachers.base import Answer, ClipInput, Reply
from panda_hf.mini import teacher_models


def clip(index: int, *, frames: int = 8, height: int = 48, width: int = 64, **words: str | None) -> ClipInput:
    rng = np.random.default_rng(index)
    return ClipInput(f"film.{index}", rng.integers(0, 256, (frames, height, width, 3), np.uint8), **words)


def texts(replies: Sequence[Reply]) -> list[str]:
    """What was written, cut off or not."""
    assert all(isinstance(reply, str | Answer) for reply in replies)
    return [reply.text if isinstance(reply, Answer) else reply for reply in replies]


def save(pair: teacher_models.Pair, folder: Path) -> Path:
    model, processor = pair
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def blip2_without_encoder(folder: Path) -> Path:
    torch.manual_seed(1)
    return save(teacher_models.image_teacher(), folder)


def blip2_with_encoder(folder: Path) -> Path:
    torch.manual_seed(2)
    model, processor = teacher_models.text_teacher(("chatter", "kiki"))
    silent = [processor.tokenizer.pad_token_id, processor.tokenizer.eos_token_id]
    model.language_model.shared.weight.data[silent] = 0.0  # so that random weights say something
    return save((model, processor), folder)


def llava(folder: Path) -> Path:
    torch.manual_seed(3)
    return save(teacher_models.video_teacher(), folder)


def llava_onevision(folder: Path) -> Path:
    """A model whose processor takes whole videos."""
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        LlavaOnevisionImageProcessor,
        LlavaOnevisionProcessor,
        LlavaOnevisionVideoProcessor,
        Qwen2Config,
        SiglipVisionConfig,
    )

    torch.manual_seed(4)
    tokenizer = teacher_models.word_tokenizer()
    tokenizer.add_tokens(["<video>"], special_tokens=True)
    special = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.3,
        **special,
    )
    vision = SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        vision_use_head=False,
    )
    config = LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[32, 32]],
    )
    square = {"height": 32, "width": 32}
    processor = LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessor(size=square, image_grid_pinpoints=[[32, 32]]),
        tokenizer,
        LlavaOnevisionVideoProcessor(size=square),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=teacher_models.CHAT_TEMPLATE.replace(
            "'image' %}", "'video' %}<video>{% elif part['type'] == 'image' %}"
        ),
    )
    return save((LlavaOnevisionForConditionalGeneration(config), processor), folder)
