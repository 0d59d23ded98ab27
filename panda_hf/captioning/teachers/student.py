"""The student as one who captions: frames and words to its processor, greedily or as the official script does."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.captioning.seeds import request_seed, row_key
from panda_hf.captioning.teachers.base import ClipInput, Reply, load_whole, pick_frames, words_of
from panda_hf.captioning.teachers.generating import forget_defaults, replies
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamSampling(Decoding):
    """Draw words inside a search with several beams, as the official student's script does.

    Each clip is written alone, by draws that its seed and id decide: slower than one word drawn for each row, and
    only for who wants the official settings.
    """

    max_new_tokens: int = 300
    num_beams: int = 3
    sample: bool = True
    temperature: float = 1.5
    top_p: float = 0.9
    min_new_tokens: int = 1

    def __post_init__(self) -> None:
        Decoding(**{**dataclasses.asdict(self), "sample": False})  # for all it refuses but samples of several beams


@dataclasses.dataclass(frozen=True)
class StudentTeacher(LocalTeacher):
    """`PandaStudentForConditionalGeneration` and its processor."""

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """Frames, and the words that the card lets it see."""
        words = [words_of(self.card, clip) for clip in clips]
        known = [(each["title"], each["description"]) for each in words]
        return processor(
            videos=[pick_frames(clip, self.card.num_frames) for clip in clips],
            subtitles=[each["subtitle"] for each in words],
            metadata=[pair if any(pair) else None for pair in known],
        )

    def write(self, clips: Sequence[ClipInput], inputs: Any, decoding: Decoding) -> Sequence[Reply]:
        """One reply per prepared clip."""
        if not isinstance(decoding, BeamSampling):
            return super().write(clips, inputs, decoding)
        return self._drawn(clips, inputs, decoding)

    def _drawn(self, clips: Sequence[ClipInput], inputs: Any, decoding: BeamSampling) -> list[Reply]:
        """All videos are seen at once, and captioned one after the other."""
        import torch

        forget_defaults(self.model)
        prompt = {name: tensor.to(self.model.device) for name, tensor in inputs.items() if name != "pixel_values"}
        names = ("max_new_tokens", "min_new_tokens", "num_beams", "temperature", "top_p", "length_penalty")
        settings = {name: getattr(decoding, name) for name in names} | {"do_sample": True, "top_k": 0}
        settings["repetition_penalty"] = decoding.repetition_penalty
        found: list[Reply] = []
        with torch.inference_mode():
            seen = self.model.get_video_features(inputs["pixel_values"].to(self.model.device))
            for i, clip in enumerate(clips):
                row = {name: tensor[i : i + 1] for name, tensor in prompt.items()}
                with _draws(self.model.device, request_seed(row_key(decoding, self.card.name, clip.clip_id))):
                    ids = self.model.generate(video_tokens=seen[i : i + 1], **row, **settings)
                found += replies(self.model, self.processor, ids, decoding)
        return found


@contextlib.contextmanager
def _draws(device: Any, seed: int) -> Iterator[None]:
    """Within it torch draws by ``seed``; afterwards as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def load(card: TeacherCard, device: str, loading: Loading) -> StudentTeacher:
    """Build a student.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor

    return StudentTeacher(
        card, *load_whole(PandaStudentForConditionalGeneration, card, device, loading, PandaStudentProcessor)
    )
