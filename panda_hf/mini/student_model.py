"""The miniature's student before training: the selector's eyes, the Llama of a Video-LLaMA, and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from panda_hf.errors import CheckpointError
from panda_hf.mini.student_eyes import Eyes
from panda_hf.mini.student_warmth import hand_words_on
from panda_hf.mini.teacher_models import MEAN, SPREAD, STD
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor

START = "mini/video_llama_finetune"
"""Whose Llama the student writes with: as the paper's starts from Video-LLaMA (section 3.4). It read subtitles."""
MAX_PROMPT_TOKENS, MAX_CAPTION_TOKENS = 64, 40
NEW = ("text_position_embedding", "text_qformer")
"""What no Video-LLaMA has."""


def student(
    eyes: Eyes, videos: Sequence[np.ndarray], seed: int = 0, start: str = START
) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    """An untrained student, and its processor.

    All but its eyes and its text branch are those of the Video-LLaMA, whose Q-Former reads the new eyes through
    their line to the old ones. The text branch hands words on; from there it learns.

    Args:
        eyes: what it sees with (``student_eyes``).
        videos: some, uint8 (8, height, width, 3), to see what is usual.
        seed: of the text branch's weights.
        start: checkpoint of the Video-LLaMA.

    Raises:
        CheckpointError: when it is something else.
    """
    older, words = video_llama(start)
    torch.manual_seed(seed)
    model = PandaStudentForConditionalGeneration(_config(older.config, eyes.tower.config)).eval()
    kept = {name: weight for name, weight in older.state_dict().items() if not name.startswith("vision_model.")}
    missing, unknown = model.load_state_dict(kept, strict=False)
    if unknown or any(not name.startswith((*NEW, "vision_model.")) for name in missing):
        raise CheckpointError(f"{start} is no start for a student: it lacks {missing[:3]} or has {unknown[:3]}")
    model.vision_model.load_state_dict(eyes.tower.state_dict())
    _read_through(model.qformer, eyes.line)
    processor = processor_of(words, PandaStudentProcessor, cast(int, eyes.tower.config.image_size))
    hand_words_on(model, torch.stack([processor.prepare_video(video) for video in videos]))
    return model, processor


def video_llama(start: str = START) -> tuple[VideoLlamaForConditionalGeneration, VideoLlamaProcessor]:
    """The Video-LLaMA that a student starts from, and its processor.

    Raises:
        CheckpointError: when the checkpoint is something else.
    """
    folder = resolve(start)
    kind = VideoLlamaConfig.get_config_dict(folder)[0].get("model_type")
    if kind != VideoLlamaConfig.model_type:
        raise CheckpointError(f"{start} is a {kind}; the miniature's student starts from a video_llama")
    older = VideoLlamaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return older.eval(), VideoLlamaProcessor.from_pretrained(folder)


def processor_of(words: Any, kind: type[PandaStudentProcessor], size: int | None = None) -> PandaStudentProcessor:
    """A processor that shows frames as that of a Video-LLaMA, or of a student, does.

    The prompt is what is known of the clip and nothing else: whole sentences around it taught a small model nothing.

    Args:
        words: the other processor.
        kind: class of the new one.
        size: pixels on a side; ``None``: as the other one.
    """
    return kind(
        words.tokenizer,
        image_size=size or words.image_size,
        num_frames=words.num_frames,
        max_prompt_tokens=MAX_PROMPT_TOKENS,
        max_caption_tokens=MAX_CAPTION_TOKENS,
        antialias=True,
        announce="",
        ask="",
        image_mean=MEAN,
        image_std=STD,
    )


class WholePictures(PandaStudentProcessor):
    """Never crops: what is large and what stands where would no longer be so."""

    def prepare_video(self, video: Any, rng: Any = None) -> torch.Tensor:
        """As of any student that is not being trained."""
        return super().prepare_video(video)


def _config(older: Any, eyes: Any) -> PandaStudentConfig:
    video = older.video_qformer_config.to_dict()
    width = older.text_config.hidden_size
    return PandaStudentConfig(
        vision_config={**eyes.to_dict(), "_name_or_path": ""},
        qformer_config={**older.qformer_config.to_dict(), "encoder_hidden_size": eyes.hidden_size},
        video_qformer_config=video,
        text_qformer_config={**video, "hidden_size": width, "encoder_hidden_size": width},
        text_config=older.text_config.to_dict(),
        num_query_tokens=older.num_query_tokens,
        num_video_tokens=older.num_video_query_tokens,
        max_frames=older.max_frames,
        max_prompt_tokens=MAX_PROMPT_TOKENS,
        initializer_range=SPREAD,
    )


@torch.no_grad()
def _read_through(qformer: Any, line: nn.Linear) -> None:
    """Let a Q-Former look at tokens of which ``line`` makes those that it is used to."""
    for layer in qformer.encoder.layer:
        attention = layer.crossattention.attention
        for part in (attention.key, attention.value):
            part.bias.add_(part.weight @ line.bias)
            part.weight.copy_(part.weight @ line.weight)
