"""`Describe`: the student writes one sentence per clip, and no teacher is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from datasets import Features, Value

from panda_hf.captioning.caption import Caption
from panda_hf.captioning.registry import Decoding, Family, TeacherCard
from panda_hf.captioning.teachers.student import BeamSampling
from panda_hf.schema import STUDENT_CAPTION, caption_column
from panda_hf.stage import Batch, Failure

STUDENT = "student"
"""What the student is called in ``caption_errors`` and decides, with seed and clip id, what is drawn for it."""


@dataclass(frozen=True, kw_only=True)
class Describe(Caption):
    """Append `student_caption`: one sentence per clip, written by a student.

    It reads title, description and subtitle of a clip where there are any. Words are taken greedily; ``sample=True``
    draws them, by ``seed`` and clip id alone, and ``inference="official"`` does as the official script does::

        apply(clips, Describe())
        Describe(checkpoint="me/my-student", text=False)
        Describe(inference="official", seed=3)

    What goes wrong with a clip stands in ``caption_errors`` under the name ``student``, as with :class:`Caption`,
    whose other settings hold here too.
    """

    version: int = 1

    teacher: str = STUDENT
    family: Family | None = "student"
    checkpoint: str | None = "mini/student"
    """A folder, a Hub id or ``mini/<name>``, of what ``PandaStudentForConditionalGeneration`` loads."""
    text: bool = True
    """Whether it is told title, description and subtitle."""
    inference: Literal["greedy", "official"] = "greedy"
    """``official``: words drawn at temperature 1.5 from the likeliest 90 % within a search of three beams, at most
    300; the caption begins with a capital letter, has no other, and ends with a full stop. The settings below change
    single ones of these. Each clip is written alone, so it is slow."""

    def __post_init__(self) -> None:
        if self.inference not in ("greedy", "official"):
            raise ValueError(f"inference={self.inference!r}: must be 'greedy' or 'official'")
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name in error rows and progress bars."""
        return "Describe"

    @property
    def appends(self) -> Features:
        """The column ``student_caption``, and notes that it shares with the teachers."""
        return Features({STUDENT_CAPTION: Value("string"), **self._notes})

    def card(self) -> TeacherCard:
        """The student as a teacher is described."""
        card = super().card()
        return card if self.sees is not None else replace(card, sees=("video", "text") if self.text else ("video",))

    def _decoding(self, default: Decoding) -> Decoding:
        return super()._decoding(BeamSampling() if self.inference == "official" else default)

    def provenance(self) -> dict[str, Any]:
        """As of a teacher, with the kind of inference."""
        return {**super().provenance(), "inference": self.inference}

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """A caption per row, or ``None`` with the reason in ``caption_errors``; a ``Failure`` for broken frames."""
        out = super().transform(batch, rank)
        captions = out.pop(caption_column(self.teacher))
        return {STUDENT_CAPTION: [self._worded(caption) for caption in captions], **out}

    def _worded(self, caption: str | Failure | None) -> str | Failure | None:
        if self.inference == "greedy" or not isinstance(caption, str):
            return caption
        return caption.rstrip(".").capitalize() + "."
