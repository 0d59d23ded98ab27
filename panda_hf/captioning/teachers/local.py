"""What teachers with a model in this process share: inputs are prepared, then written from in one go."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, Reply, words_of
from panda_hf.captioning.teachers.generating import generate, replies


@dataclasses.dataclass(frozen=True)
class LocalTeacher(ABC):
    """A model and its processor; a family says how clips become inputs."""

    card: TeacherCard
    model: Any
    processor: Any

    @abstractmethod
    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> Any:
        """The model's inputs, on the CPU. Called in threads, each with a copy of ``processor`` for itself."""

    def caption(self, clips: Sequence[ClipInput], decoding: Decoding) -> Sequence[Reply]:
        """Caption each clip; see :class:`~panda_hf.captioning.teachers.base.Teacher`."""
        return self.write(clips, self.prepare(clips, self.processor), decoding)

    def length(self, clip: ClipInput) -> int:
        """Characters of the words that the prompt quotes; 0 where it is always the same."""
        return sum(len(text or "") for text in words_of(self.card, clip).values())

    def write(self, clips: Sequence[ClipInput], inputs: Any, decoding: Decoding) -> Sequence[Reply]:
        """One reply per prepared clip."""
        words = self.processor.tokenizer
        ids = generate(self.model, inputs, self.card.name, clips, decoding, tokenizer=words)
        return replies(self.model, self.processor, ids, decoding)
