"""Any vision-language model of `AutoModelForImageTextToText` as a teacher, asked through its own chat template."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, load_whole, pick_frame, pick_frames, prompt_for
from panda_hf.captioning.teachers.chat import one_turn, starts_itself
from panda_hf.captioning.teachers.generating import pad_for_generation
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading


@dataclasses.dataclass(frozen=True)
class ImageTextToTextTeacher(LocalTeacher):
    """A model of the auto class and its processor.

    A processor that knows videos is given the frames as one video, any other as a series of images; a card that sees
    only an image gives one frame.
    """

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """Frames and prompts as the model takes them."""
        views = [self._view(clip) for clip in clips]
        as_video = "video" in self.card.sees and knows_videos(processor)
        prompts = [
            chat_prompt(processor, self._words(clip, processor), 1 if as_video else len(view), as_video)
            for clip, view in zip(clips, views, strict=True)
        ]
        more: dict[str, Any] = {"images": [list(view) for view in views]}
        if as_video:
            when = [metadata_of(clip, len(view)) for clip, view in zip(clips, views, strict=True)]
            more = {"videos": views, "video_metadata": when, "do_sample_frames": False}
        if starts_itself(processor.tokenizer, prompts[0]):
            more["add_special_tokens"] = False
        return processor(text=prompts, padding=True, return_tensors="pt", **more)

    def _view(self, clip: ClipInput) -> Any:
        if "video" in self.card.sees:
            return pick_frames(clip, self.card.num_frames)
        return pick_frame(clip, self.card.name)[None]

    def _words(self, clip: ClipInput, processor: Any) -> str:
        return prompt_for(self.card, clip, processor.tokenizer)


def knows_videos(processor: Any) -> bool:
    """Whether frames can be given as one video."""
    return getattr(processor, "video_processor", None) is not None


def metadata_of(clip: ClipInput, frames: int) -> Any:
    """When the frames were taken, for processors that write the times into the prompt; 1 frame a second if unknown."""
    from transformers.video_utils import VideoMetadata

    seconds = clip.times[-1] - clip.times[0] if len(clip.times) > 1 else 0.0
    length = seconds * len(clip.times) / (len(clip.times) - 1) if seconds > 0 else float(frames)
    return VideoMetadata(
        total_num_frames=frames, fps=frames / length, duration=length, frames_indices=list(range(frames))
    )


def chat_prompt(processor: Any, words: str, count: int, as_video: bool) -> str:
    """One user turn by the processor's chat template: ``count`` images or videos, then ``words``.

    A template that was written for texts alone, or none at all, gets the pictures' tokens before the words.
    """
    kind = "video" if as_video else "image"
    plain = f"{getattr(processor, f'{kind}_token', '') * count}{words}"
    if getattr(processor, "chat_template", None):
        picture = {"type": kind}
        prompt = one_turn(processor, [*[picture] * count, {"type": "text", "text": words}])
        written_out = str(picture) in prompt  # the template took the parts for a text
        return one_turn(processor, plain) if written_out else prompt
    return one_turn(processor.tokenizer, plain) if processor.tokenizer.chat_template else plain


def load(card: TeacherCard, device: str, loading: Loading) -> ImageTextToTextTeacher:
    """Build a teacher of any class that the auto class knows.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import AutoModelForImageTextToText

    model, processor = load_whole(AutoModelForImageTextToText, card, device, loading)
    pad_for_generation(model, processor.tokenizer)
    return ImageTextToTextTeacher(card, model, processor)
