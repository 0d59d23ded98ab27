"""Teachers of the Video-LLaMA family: eight frames, a conversation in plain text, the video in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import CONVERT, ClipInput, load_whole, pick_frames, prompt_for
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.errors import CheckpointError
from panda_hf.models.loading import Loading

TURNS = ("###Human: <Video><ImageHere></Video> ", "###Assistant:")
"""The conversation that the published checkpoints were trained in."""
WHEN = "The video has {count} frames, taken at {times} seconds."
WORDING = (*TURNS, WHEN)


@dataclasses.dataclass(frozen=True)
class VideoLlamaTeacher(LocalTeacher):
    """`VideoLlamaForConditionalGeneration` of this package and its processor."""

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """Frames and one turn of conversation per clip."""
        count = self.card.num_frames or processor.num_frames
        return processor(
            videos=[pick_frames(clip, count) for clip in clips],
            text=[self.prompt(clip, count, processor) for clip in clips],
        )

    def prompt(self, clip: ClipInput, count: int, processor: Any) -> str:
        """What the model is asked about a clip of which it is shown ``count`` frames."""
        before, after = self.card.turns if any(self.card.turns) else TURNS
        asked = prompt_for(self.card, clip, processor.tokenizer)
        return f"{before}{_when(clip, count)}{asked}{after}"


def _when(clip: ClipInput, count: int) -> str:
    """When the frames were taken, seconds from the first; nothing where it is not known."""
    if not clip.times:
        return ""
    seconds = pick_frames(dataclasses.replace(clip, frames=np.asarray(clip.times) - clip.times[0]), count)
    return WHEN.format(count=count, times=", ".join(f"{second:.1f}" for second in seconds)) + " "


def load(card: TeacherCard, device: str, loading: Loading) -> VideoLlamaTeacher:
    """Build a Video-LLaMA teacher.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`; the official files are not of the
            form that ``from_pretrained`` takes.
    """
    from panda_hf.models.video_llama import VideoLlamaForConditionalGeneration, VideoLlamaProcessor

    try:
        model, processor = load_whole(VideoLlamaForConditionalGeneration, card, device, loading, VideoLlamaProcessor)
    except CheckpointError as error:
        raise CheckpointError(f"{error} {CONVERT}") from error.__cause__
    return VideoLlamaTeacher(card, model, processor)
