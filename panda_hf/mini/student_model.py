"""The miniature's student before training: the selector's eyes, the Llama of a Video-LLaMA, and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Blip2VisionModel

from panda_hf.errors import CheckpointError
from panda_hf.mini.teacher_models import MEAN, SPREAD, STD
from panda_hf.mini.teacher_warmth import look_around, speak_as
from panda_hf.models.checkpoints import resolve
from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.video_llama import VideoLlamaConfig, VideoLlamaForConditionalGeneration, VideoLlamaProcessor

START = "mini/video_llama_finetune"
"""Whose Llama the student writes with: as the paper's starts from Video-LLaMA (section 3.4). It read subtitles."""
MAX_PROMPT_TOKENS, MAX_CAPTION_TOKENS = 64, 40
SHARPNESS, LOUDNESS = 1.2, 6.0
"""Of the first looks at a text: standard deviation of queries and keys; how many times as loud as the video's tokens a
word is that alone is looked at."""
QUERIES, PARTS = 16, 4
"""Tokens of a frame, each of a square of patches, and of how many parts of the time the language model reads each."""


def student(
    eyes: Blip2VisionModel, videos: Sequence[np.ndarray], seed: int = 0, start: str = START
) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    """An untrained student, and its processor.

    Its Q-Formers hand on what the eyes see, its projection says it as near as a line comes to what the Llama is used
    to, and its text branch hands on the text word by word; from there it learns.

    Args:
        eyes: the vision tower (``student_eyes``), with :data:`QUERIES` squares of patches.
        videos: some, uint8 (8, height, width, 3), to see what is usual.
        seed: of new weights.
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
    model = PandaStudentForConditionalGeneration(_config(older.config, eyes.config))
    model.vision_model.load_state_dict(eyes.state_dict())
    model.language_model.load_state_dict(older.language_model.state_dict())
    processor = processor_of(words, PandaStudentProcessor, cast(int, eyes.config.image_size))
    shown = torch.stack([processor.prepare_video(video) for video in videos])
    look_around(model.eval(), shown)
    speak_as(model, shown, _told(older.eval(), torch.stack([words.prepare_video(video) for video in videos])))
    _hand_words_on(model, shown)
    return model, processor


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
        vision_config=eyes.to_dict(),
        qformer_config={**older.qformer_config.to_dict(), "encoder_hidden_size": eyes.hidden_size},
        video_qformer_config=video,
        text_qformer_config={**video, "hidden_size": width, "encoder_hidden_size": width},
        text_config=older.text_config.to_dict(),
        num_query_tokens=QUERIES,
        num_video_tokens=QUERIES * PARTS,
        max_frames=older.max_frames,
        max_prompt_tokens=MAX_PROMPT_TOKENS,
        initializer_range=SPREAD,
    )


@torch.no_grad()
def _told(older: Any, videos: Tensor) -> Tensor:
    """What a Video-LLaMA tells its Llama of early and late frames, and evenly between them for the parts between."""
    early, late = older.get_video_features(videos).chunk(2, dim=1)
    steps = torch.linspace(0, 1, PARTS).tolist()
    return torch.cat([torch.lerp(early, late, step) for step in steps], dim=1)


@torch.no_grad()
def _hand_words_on(model: PandaStudentForConditionalGeneration, videos: Tensor) -> None:
    """Let the text branch begin by handing on the words that it looks at; where to look, it learns.

    Each of its tokens begins with another mixture of the words, loud enough to be heard beside the video's.
    """
    nn.init.normal_(model.text_position_embedding.weight, std=SPREAD)
    first, *others = cast(Any, model.text_qformer.encoder.layer)
    query, key, value = (
        cast(nn.Linear, getattr(first.crossattention.attention, name)) for name in ("query", "key", "value")
    )
    asking = model.text_qformer.layernorm(model.get_video_features(videos)).flatten(0, 1)
    usual = asking.mean(dim=0)
    words = cast(Tensor, model.get_input_embeddings().weight)
    for part, spread in ((query, (asking - usual).std()), (key, words.std())):
        nn.init.normal_(part.weight, std=float(SHARPNESS / (spread * part.in_features**0.5)))
    query.bias.copy_(-query.weight @ usual)
    value.weight.copy_(LOUDNESS / words.std() * torch.eye(words.shape[1]))
    nn.init.eye_(first.crossattention.output.dense.weight)
    quiet = [layer.crossattention.output.dense for layer in others]
    for layer in (first, *others):
        quiet += [layer.attention.output.dense, layer.output_query.dense]
    for part in quiet:
        nn.init.normal_(part.weight, std=0.01)
