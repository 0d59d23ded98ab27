"""`Caption`: one teacher writes one sentence per clip."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from typing import Any

from datasets import Features, Value

from panda_hf.captioning.ahead import write_all
from panda_hf.captioning.prompts import template_hash
from panda_hf.captioning.registry import Decoding, Family, Modality, TeacherCard, card_of, cards
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.sentences import clean_sentence
from panda_hf.captioning.teachers.base import Answer, ClipInput, Reply, check_found, load_teacher, wording_of
from panda_hf.errors import CandidateError
from panda_hf.models.checkpoints import MINI_PREFIX
from panda_hf.models.devices import device_of
from panda_hf.models.loading import Loading
from panda_hf.schema import CAPTION_ERRORS, CAPTION_NOTES, CAPTION_TOKENS, caption_column
from panda_hf.stage import Batch, Failure, Resources, Row, Stage
from panda_hf.video import unpack_frames

WORDS = ("title", "description", "subtitle")
"""Columns of what is known about a clip in words."""
_SEES: dict[Family, tuple[Modality, ...]] = {"blip2": ("image",), "florence2": ("image",), "text_only": ("text",)}
"""What a family is shown where nobody says; the others see the video."""

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

    A candidate may fail: the teacher raises, writes nothing, declines, repeats itself without end, or comes to its
    limit of length before its first sentence ends. Its column is
    then ``None``, ``caption_errors`` says why, and the clip stays for the other teachers; a clip for which none wrote
    a caption fails in :class:`~panda_hf.selection.Select`. A broken frame pack fails the clip at once. A checkpoint
    that cannot be loaded, or a server that refuses every request, ends the run.
    """

    version: int = 4

    teacher: str
    """The teacher's name, an identifier: it becomes part of a column's name."""
    family: Family | None = None
    """How to run ``checkpoint``; ``None`` for a registered teacher."""
    checkpoint: str | None = None
    """A folder, a Hub id or ``mini/<name>``; ``None``: what the card of a registered teacher says."""
    revision: str | None = None
    """Branch, tag or commit of a Hub checkpoint."""
    parts: tuple[tuple[str, str], ...] = ()
    """Further checkpoints of a teacher that is a pipeline, as pairs of role and checkpoint, such as
    ``("frames", "models/Florence-2-base")``; those of the card stand for what is not given."""
    sees: tuple[Modality, ...] | None = None
    """What the teacher is shown: ``image`` (one frame), ``video`` (several), ``subtitle``, ``metadata`` (title and
    description), ``text`` (both); ``None``: what its card says."""
    loading: Loading = Loading()
    """Number format, spread over devices, quantisation."""
    max_new_tokens: int | None = None
    """Length limit of a caption; ``None``: what its card says."""
    num_beams: int | None = None
    """Beams of the search; ``None``: what its card says, and 1 where ``sample`` is asked for."""
    sample: bool | None = None
    """Draw words by their chance instead of taking the likeliest; ``None``: what its card says. The seed and the clip
    id decide what is drawn, neither the batch nor the order of the clips."""
    temperature: float | None = None
    """Above 1 likens the chances of words, below 1 parts them; ``None``: what its card says."""
    top_p: float | None = None
    """Draw only from the likeliest words that together have this chance, in (0, 1]; ``None``: what its card says."""
    seed: int | None = None
    """Of the sampling; ``None``: what its card says."""
    drop_openers: bool = False
    """Take "The video shows" and the like off captions."""
    endpoint: Endpoint | None = None
    """Where the server of an ``endpoint`` teacher is; its ``checkpoint`` is the model's name there."""
    model_batch_size: int = 8
    """Clips that the model sees at once. A larger batch of rows is put in order of length and split into such."""

    def __post_init__(self) -> None:
        if not self.teacher.isidentifier():
            raise ValueError(f"teacher={self.teacher!r} becomes part of a column's name; use letters, digits and _")
        if self.teacher not in cards() and (self.family is None) != (self.checkpoint is None):
            raise ValueError(f"family={self.family!r} and checkpoint={self.checkpoint!r} belong together: give both")
        if self.family is not None and self.teacher in cards():
            raise ValueError(f"teacher={self.teacher!r} is registered already; give your checkpoint another name")
        if caption_column(self.teacher) in (*CAPTION_NOTES, "caption_teacher"):
            raise ValueError(f"teacher={self.teacher!r}: its column's name is taken; give it another name")
        if (self.family == "endpoint") != (self.endpoint is not None):
            raise ValueError(f"family={self.family!r} and endpoint={self.endpoint!r} belong together: give both")
        if self.family == "endpoint" and self.num_beams not in (None, 1):
            raise ValueError(f"num_beams={self.num_beams}: a server searches with one beam; leave it out")
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
        return (*WORDS, *self._notes)

    @property
    def appends(self) -> Features:
        """The column ``caption_<teacher>``, and notes that all teachers share."""
        return Features({caption_column(self.teacher): Value("string"), **self._notes})

    @property
    def rows_at_once(self) -> int:
        """Several of the model's batches, so that the next ones are prepared while it writes.

        Of a server, so many that the slowest answers of a batch are seldom waited for.
        """
        return 4 * self.model_batch_size if self.endpoint is None else 8 * self.endpoint.concurrency

    @property
    def resources(self) -> Resources:
        """A GPU for each worker; a served model and the miniatures need none."""
        needs_none = self.endpoint is not None or self.card().checkpoint.startswith(MINI_PREFIX)
        return Resources() if needs_none else Resources(num_gpus=1.0)

    @property
    def _notes(self) -> Features:
        names = (CAPTION_ERRORS, CAPTION_TOKENS) if self.family == "endpoint" else (CAPTION_ERRORS,)
        return Features({name: CAPTION_NOTES[name] for name in names})

    def card(self) -> TeacherCard:
        """The registered card with what this stage changes, or the one that ``family`` and ``checkpoint`` describe."""
        if self.family is None:
            card = card_of(self.teacher)
        else:
            card = TeacherCard(
                self.teacher, self.family, "", _SEES.get(self.family, ("video",)), endpoint=self.endpoint
            )
        return replace(
            card,
            sees=card.sees if self.sees is None else self.sees,
            checkpoint=self.checkpoint or card.checkpoint,
            revision=self.revision or card.revision,
            parts=tuple({**dict(card.parts), **dict(self.parts)}.items()),
            decoding=self._decoding(card.decoding),
        )

    def _decoding(self, default: Decoding) -> Decoding:
        names = ("max_new_tokens", "num_beams", "sample", "temperature", "top_p", "seed")
        given: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.sample and self.num_beams is None:
            given["num_beams"] = 1
        return replace(default, **{name: value for name, value in given.items() if value is not None})

    def check(self) -> None:
        """Raise ``CheckpointError`` when a folder or a miniature is not there; Hub ids are not looked up."""
        check_found(self.card())

    def provenance(self) -> dict[str, Any]:
        """What a dataset card says about this column: checkpoint, revision, generation settings, prompt hash."""
        card = self.card()
        return {
            "teacher": card.name,
            "checkpoint": card.checkpoint,
            "revision": card.revision,
            "parts": dict(card.parts),
            "sees": list(card.sees),
            **asdict(card.decoding),
            "drop_openers": self.drop_openers,
            "version": self.version,
            "prompt_sha256": template_hash(card.prompt, card.task, *card.turns, *wording_of(card), shown=card.shown),
        }

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """A candidate per row, or ``None`` with the reason in ``caption_errors``; a ``Failure`` for broken frames."""
        candidates: list[Any] = [self._clip_input(batch, i) for i in range(len(batch["clip_id"]))]
        good = [i for i, clip in enumerate(candidates) if isinstance(clip, ClipInput)]
        new = self._write([candidates[i] for i in good], device_of(rank)) if good else []
        for i, candidate in zip(good, new, strict=True):
            candidates[i] = candidate
        out = {caption_column(self.teacher): [c if isinstance(c, Failure) else c.caption for c in candidates]}
        for column in self._notes:
            notes = [None if isinstance(c, Failure) else c.notes.get(column) for c in candidates]
            out[column] = [self._noted(old, note) for old, note in zip(batch[column], notes, strict=True)]
        return out

    def _clip_input(self, batch: Batch, i: int) -> ClipInput | Failure:
        try:
            frames, times = unpack_frames(batch["frames"][i]).copy(), tuple(batch["frames"][i]["times"])
        except Exception as error:  # the row becomes an error row
            return Failure.of(error)
        words = {column: batch[column][i] for column in WORDS}
        return ClipInput(clip_id=batch["clip_id"][i], frames=frames, times=times, **words)

    def _write(self, clips: list[ClipInput], device: str) -> list[_Candidate]:
        card = self.card()
        teacher = load_teacher(card, device, self.loading)
        replies = write_all(
            teacher, clips, card.decoding, batch_size=len(clips) if card.endpoint else self.model_batch_size
        )
        return [self._candidate(clip, reply, card) for clip, reply in zip(clips, replies, strict=True)]

    def _candidate(self, clip: ClipInput, reply: Reply, card: TeacherCard) -> _Candidate:
        answer = Answer(reply) if isinstance(reply, str) else reply
        notes: dict[str, Row] = {}
        if isinstance(answer, Answer):
            if (answer.prompt_tokens, answer.new_tokens) != (None, None):
                notes[CAPTION_TOKENS] = {"prompt": answer.prompt_tokens, "written": answer.new_tokens}
            try:
                sentence = clean_sentence(
                    answer.text, stop=card.decoding.stop, cut=answer.cut, drop_openers=self.drop_openers
                )
                return _Candidate(sentence, notes)
            except CandidateError as error:  # the clip goes without this candidate
                answer = Failure.of(error)
        log.warning("%s: clip %r: %s: %s", self.name, clip.clip_id, answer.type, answer.message)
        notes[CAPTION_ERRORS] = {"type": answer.type, "message": answer.message}
        return _Candidate(None, notes)

    def _noted(self, old: list[Row] | None, note: Row | None) -> list[Row]:
        """The notes of all teachers so far, with that of this one in place of any it left before."""
        others = [entry for entry in old or [] if entry["teacher"] != self.teacher]
        return others if note is None else [*others, {"teacher": self.teacher, **note}]


@dataclass(frozen=True)
class _Candidate:
    caption: str | None
    notes: dict[str, Row]  # by column
