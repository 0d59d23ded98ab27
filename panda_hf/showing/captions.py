"""Clips captioned before the visitor's eyes: one teacher after the other, the choice, what the words change."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from panda_hf.errors import PandaError
from panda_hf.schema import caption_column
from panda_hf.showing import decoding
from panda_hf.showing.apart import Helpers
from panda_hf.showing.cast import MODELS, Cast
from panda_hf.showing.limits import Limits
from panda_hf.showing.student import Words, stream_caption, written
from panda_hf.showing.visits import Film
from panda_hf.stage import Batch, Row
from panda_hf.video import unpack_frames

NO_WORDS = {"title": None, "description": None, "subtitle": None}
PICTURES = 6
"""Frames of a clip that are shown."""


@dataclass(frozen=True)
class Candidate:
    """One teacher's caption; ``caption`` is ``None`` while it is awaited, or for good with a ``problem``."""

    teacher: str
    caption: str | None = None
    score: float | None = None
    problem: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Reading:
    """What one model says of the same pictures with the words and without them."""

    name: str
    told: str | None = None
    untold: str | None = None


@dataclass(frozen=True)
class Captioned:
    """How far one clip is. ``doing`` is empty when all is done."""

    doing: str
    pictures: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    caption: str | None = None
    teacher: str | None = None
    score: float | None = None
    margin: float | None = None
    student: str | None = None
    """The student's caption so far; ``None``: there is no student."""
    readings: tuple[Reading, ...] = ()
    words: Words = Words()

    def as_row(self) -> Row:
        """What a program is given."""
        return {
            "caption": self.caption,
            "caption_teacher": self.teacher,
            "matching_score": self.score,
            "matching_margin": self.margin,
            "candidates": [
                {"teacher": one.teacher, "caption": one.caption, "score": one.score, "problem": one.problem}
                for one in self.candidates
            ],
            "student_caption": self.student,
            "readings": [{"name": one.name, "with_words": one.told, "without": one.untold} for one in self.readings],
        }


def clip_batch(film: Film, seconds: float, words: Words) -> Batch:
    """A whole file as one clip row."""
    return {
        "clip_id": ["clip.0"],
        "video": [{"path": str(film.path), "bytes": None}],
        "start": [0.0],
        "end": [seconds],
        "title": [words.title],
        "description": [words.description],
        "subtitle": [words.subtitle],
        "filtered": [None],
        "error": [None],
    }


Told = Generator[Captioned, None, Captioned]
"""Tells of every step; returns the last."""


def caption_clip(film: Film, words: Words, cast: Cast, helpers: Helpers, limits: Limits) -> Iterator[Captioned]:
    """Caption a file as one clip, telling of every step.

    Raises:
        VideoError: when it cannot be read.
        CheckpointError: when a model cannot be loaded.
    """
    yield Captioned("Looking at the frames", words=words)
    batch = clip_batch(film, film.seconds or limits.max_clip_seconds, words)
    batch = helpers.call(decoding.sampled, batch, seconds=limits.work_seconds)
    raise_error(batch)
    frames = unpack_frames(batch["frames"][0])
    state = Captioned("", pictures=shown(frames), words=words)
    if cast.student is not None:
        state = yield from _student(state, cast.student, frames, words)
    state = yield from _teachers(state, batch, cast)
    if words:
        state = yield from _untold(state, batch, cast)
    yield replace(state, doing="")


def _student(state: Captioned, checkpoint: str, frames: Any, words: Words) -> Told:
    """The student's caption as it is written, then the one from the pictures alone."""
    text = ""
    for piece in stream_caption(checkpoint, frames, words):
        text += piece
        yield replace(state, doing="The student writes", student=text)
    state = replace(state, student=written(text) or "")
    if words:
        yield replace(state, doing="The student looks again, without the words")
        alone = written("".join(stream_caption(checkpoint, frames, Words())))
        state = replace(state, readings=(Reading("student", state.student, alone),))
    return state


def _teachers(state: Captioned, batch: Batch, cast: Cast) -> Told:
    stages = cast.captions()
    found = {stage.teacher: Candidate(stage.teacher) for stage in stages}
    for number, stage in enumerate(stages, 1):
        doing = f"Teacher {number} of {len(stages)} writes: {stage.teacher}"
        yield replace(state, doing=doing, candidates=tuple(found.values()))
        batch = run_stage(stage, batch)
        found[stage.teacher] = _candidate(stage.teacher, batch)
    state = replace(state, candidates=tuple(found.values()))
    yield replace(state, doing="The selector compares them with the video")
    chosen = run_stage(cast.select(), batch)
    raise_error(chosen)
    return with_choice(state, row_of(chosen, 0))


def _untold(state: Captioned, batch: Batch, cast: Cast) -> Told:
    """What the teachers that read say when they are told nothing."""
    told = {one.teacher: one.caption for one in state.candidates}
    for stage in cast.readers():
        yield replace(state, doing=f"Without the words: {stage.teacher}")
        alone = run_stage(stage, {**batch, **{name: [None] for name in NO_WORDS}})
        new = Reading(stage.teacher, told[stage.teacher], alone[caption_column(stage.teacher)][0])
        state = replace(state, readings=(*state.readings, new))
    return state


def run_stage(stage: Any, batch: Batch) -> Batch:
    """A batch with the columns of a stage, in turn with others who use the models."""
    with MODELS.turn():
        return {**batch, **stage(batch)}


def raise_error(batch: Batch) -> None:
    """Raise the error of the only row, if it has one."""
    error = batch["error"][0]
    if error is not None:
        raise PandaError(str(error["message"]))


def with_choice(state: Captioned, row: Row) -> Captioned:
    """The state with what ``Select`` wrote, the best candidate first."""
    candidates = [
        Candidate(
            one["teacher"],
            one["caption"],
            one["score"],
            next((before.problem for before in state.candidates if before.teacher == one["teacher"]), None),
            one["teacher"] == row["caption_teacher"],
        )
        for one in row["candidates"]
    ]
    candidates.sort(key=lambda one: (not one.chosen, -(one.score if one.score is not None else -9.0)))
    return replace(
        state,
        candidates=tuple(candidates),
        caption=row["caption"],
        teacher=row["caption_teacher"],
        score=row["matching_score"],
        margin=row["matching_margin"],
    )


def shown(frames: Any) -> tuple[str, ...]:
    """A few of the frames as small pictures."""
    step = max(1, len(frames) // PICTURES)
    return tuple(decoding.as_jpeg(frame, tiny=True) for frame in frames[::step][:PICTURES])


def row_of(batch: Batch, i: int) -> Row:
    """One row of a batch."""
    return {name: values[i] for name, values in batch.items()}


def _candidate(teacher: str, batch: Batch) -> Candidate:
    problems: Sequence[Row] = (batch.get("caption_errors") or [None])[0] or ()
    problem = next((note["message"] for note in problems if note["teacher"] == teacher), None)
    return Candidate(teacher, batch[caption_column(teacher)][0], None, problem)
