"""The miniature's student before training: the video branch and the Llama of a Video-LLaMA, and a new text branch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from panda_hf.errors import CheckpointError
from panda_hf.mini.teacher_models import MEAN, SPREAD, STD
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor

START = "mini/video_llama_pretrain"
"""As the paper's student starts from Video-LLaMA (section 3.4)."""
MAX_PROMPT_TOKENS, MAX_CAPTION_TOKENS = 64, 40
NEW = ("text_position_embedding", "text_qformer")
"""What no Video-LLaMA has."""


def student(seed: int = 0, start: str = START) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    """An untrained student that sees as a Video-LLaMA does, and its processor.

    Args:
        seed: of the text branch's weights.
        start: checkpoint of the Video-LLaMA.

    Raises:
        CheckpointError: when it is something else.
    """
    folder = resolve(start)
    kind = VideoLlamaConfig.get_config_dict(folder)[0].get("model_type")
    if kind != VideoLlamaConfig.model_type:
        raise CheckpointError(f"{start} is a {kind}; the miniature's student starts from a video_llama")
    older: Any = VideoLlamaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    words = VideoLlamaProcessor.from_pretrained(folder)
    torch.manual_seed(seed)
    model = PandaStudentForConditionalGeneration(_config(older.config))
    missing, unknown = model.load_state_dict(older.state_dict(), strict=False)
    if unknown or any(not name.startswith(NEW) for name in missing):
        raise CheckpointError(f"{start} is no start for a student: it lacks {missing[:3]} or has {unknown[:3]}")
    _hand_words_on(model)
    return model, processor_of(words, PandaStudentProcessor)


def processor_of(words: Any, kind: type[PandaStudentProcessor]) -> PandaStudentProcessor:
    """A processor that shows frames as that of a Video-LLaMA, or of a student, does.

    The prompt is what is known of the clip and nothing else: whole sentences around it taught a small model nothing.
    """
    return kind(
        words.tokenizer,
        image_size=words.image_size,
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


def _config(older: Any) -> PandaStudentConfig:
    video = older.video_qformer_config.to_dict()
    width = older.text_config.hidden_size
    return PandaStudentConfig(
        vision_config=older.vision_config.to_dict(),
        qformer_config=older.qformer_config.to_dict(),
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
def _hand_words_on(model: PandaStudentForConditionalGeneration) -> None:
    """Let the text branch begin by handing on the words that it looks at; where to look, it learns."""
    layers: Any = model.text_qformer.encoder.layer
    for layer in layers:
        cross = layer.crossattention
        nn.init.eye_(cross.attention.value.weight)
        nn.init.eye_(cross.output.dense.weight)
    nn.init.normal_(model.text_position_embedding.weight, std=SPREAD)
