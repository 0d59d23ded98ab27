"""`Caption`: one teacher writes one sentence per clip."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from typing import Any

from datasets import Features, Value

from panda_hf.captioning.ahead import write_all
from panda_hf.captioning.prompts import template_hash
from panda_hf.captioning.registry import Decoding, Family, Modality, TeacherCard, card_of, cards
from panda_hf.captioning.teachers.base import ClipInput, load_teacher
from panda_hf.models.devices import device_of
from panda_hf.models.loading import Loading
from panda_hf.schema import caption_column
from panda_hf.stage import Batch, Failure, Stage
from panda_hf.video import unpack_frames

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Caption(Stage):
    """Append `caption_<teacher>`: one sentence per clip, written by one teacher.

    A registered teacher needs only its name (`panda-hf teachers` lists them), and takes another checkpoint of its
    kind, such as a folder on this machine. Any other model is given with its family and becomes a teacher of the name
    you choose::

        Caption(teacher="mini_video")
        Caption(teacher="blip2_opt_2_7b", checkpoint="models/blip2-opt-2.7b")
        Caption(teacher="mine", family="image_text_to_text", checkpoint="me/my-model", sees=("video", "subtitle"))

    A teacher that writes nothing leaves ``None``: the clip stays for the other teachers. A clip on which a teacher
    raises becomes an error row, alone: the rest of its batch is captioned again one by one.
    """

    teacher: str
    """The teacher's name, an identifier: it becomes part of a column's name."""
    family: Family | None = None
    """How to run ``checkpoint``; ``None`` for a registered teacher."""
    checkpoint: str | None = None
    """A folder, a Hub id or ``mini/<name>``; ``None``: what the card of a registered teacher says."""
    revision: str | None = None
    """Branch, tag or commit of a Hub checkpoint."""
    sees: tuple[Modality, ...] | None = None
    """What the teacher is shown: ``image`` (one frame), ``video`` (several), ``subtitle``, ``metadata`` (title and
    description), ``text`` (both); ``None``: what its card says."""
    loading: Loading = Loading()
    """Number format, spread over devices, quantisation."""
    max_new_tokens: int | None = None
    """Length limit of a caption; ``None``: what its card says."""
    num_beams: int | None = None
    """Beams of the search; ``None``: what its card says."""
    model_batch_size: int = 8
    """Clips that the model sees at once. A larger batch of rows is put in order of length and split into such."""

    def __post_init__(self) -> None:
        if not self.teacher.isidentifier():
            raise ValueError(f"teacher={self.teacher!r} becomes part of a column's name; use letters, digits and _")
        if self.teacher not in cards() and (self.family is None) != (self.checkpoint is None):
            raise ValueError(f"family={self.family!r} and checkpoint={self.checkpoint!r} belong together: give both")
        if self.family is not None and self.teacher in cards():
            raise ValueError(f"teacher={self.teacher!r} is registered already; give your checkpoint another name")
        if self.model_batch_size < 1:
            raise ValueError(f"model_batch_size={self.model_batch_size}: must be at least 1")
        self.card()

    @property
    def name(self) -> str:
        """The name in error rows and progress bars."""
        return f"Caption({self.teacher})"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns this stage needs."""
        return ("clip_id", "frames")

    @property
    def uses(self) -> tuple[str, ...]:
        """What a teacher that sees text is told."""
        return ("title", "description", "subtitle")

    @property
    def appends(self) -> Features:
        """The column ``caption_<teacher>``."""
        return Features({caption_column(self.teacher): Value("string")})

    def card(self) -> TeacherCard:
        """The registered card with what this stage changes, or the one that ``family`` and ``checkpoint`` describe."""
        if self.family is None:
            card = card_of(self.teacher)
        else:
            sees: tuple[Modality, ...] = ("image",) if self.family in ("blip2", "florence2") else ("video",)
            card = TeacherCard(self.teacher, self.family, "", sees)
        return replace(
            card,
            sees=self.sees or card.sees,
            checkpoint=self.checkpoint or card.checkpoint,
            revision=self.revision or card.revision,
            decoding=self._decoding(card.decoding),
        )

    def _decoding(self, default: Decoding) -> Decoding:
        given: dict[str, Any] = {"max_new_tokens": self.max_new_tokens, "num_beams": self.num_beams}
        return replace(default, **{name: value for name, value in given.items() if value is not None})

    def provenance(self) -> dict[str, Any]:
        """What a dataset card says about this column: checkpoint, revision, generation settings, prompt hash."""
        card = self.card()
        return {
            "teacher": card.name,
            "checkpoint": card.checkpoint,
            "revision": card.revision,
            "sees": list(card.sees),
            **asdict(card.decoding),
            "prompt_sha256": template_hash(),
        }

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """One caption per row; ``None`` where the teacher wrote nothing, a ``Failure`` where it raised."""
        captions: list[Any] = [self._clip_input(batch, i) for i in range(len(batch["clip_id"]))]
        good = [i for i, clip in enumerate(captions) if isinstance(clip, ClipInput)]
        new = self._write([captions[i] for i in good], device_of(rank)) if good else []
        for i, caption in zip(good, new, strict=True):
            captions[i] = caption
        return {caption_column(self.teacher): captions}

    def _clip_input(self, batch: Batch, i: int) -> ClipInput | Failure:
        try:
            frames, times = unpack_frames(batch["frames"][i]).copy(), tuple(batch["frames"][i]["times"])
        except Exception as error:  # the row becomes an error row
            return Failure.of(error)
        words = {column: batch[column][i] for column in self.uses}
        return ClipInput(clip_id=batch["clip_id"][i], frames=frames, times=times, **words)

    def _write(self, clips: list[ClipInput], device: str) -> list[str | Failure | None]:
        card = self.card()
        teacher = load_teacher(card, device, self.loading)
        texts = write_all(teacher, clips, card.decoding, batch_size=self.model_batch_size)
        return [
            text if isinstance(text, Failure) else self._checked(c, text) for c, text in zip(clips, texts, strict=True)
        ]

    def _checked(self, clip: ClipInput, raw: str) -> str | None:
        caption = tidy(raw)
        if caption is None:
            log.warning("%s: clip %r: the teacher wrote nothing", self.name, clip.clip_id)
        return caption


def tidy(raw: str) -> str | None:
    """A caption on one line without control characters or outer blanks; ``None`` when nothing is left.

    Example:
        >>> tidy("  a cat\\n sits ")
        'a cat sits'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in raw).split()) or None
